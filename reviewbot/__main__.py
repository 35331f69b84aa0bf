"""The door of the command: Ctrl-C while the program still loads ends it with one line, too."""

import sys


def main() -> None:
    """Load the command line, and run it."""
    try:
        from reviewbot.cli import main as run  # noqa: PLC0415  # it is what may be interrupted

        run()
    except KeyboardInterrupt:
        sys.stderr.write("reviewbot: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
