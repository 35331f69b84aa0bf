"""The door of the command: Ctrl-C while the program still loads ends it with one line, too."""

import gc
import sys

_OBJECTS = 50_000
"""Objects made between two looks for cycles; Python's own are 700. Loading makes many objects and
no garbage, and looking for some is a twelfth of the start."""


def main() -> None:
    """Load the command line, and run it."""
    gc.set_threshold(_OBJECTS)
    try:
        from reviewbot.cli import main as run  # noqa: PLC0415  # it is what may be interrupted

        run()
    except KeyboardInterrupt:
        sys.stderr.write("reviewbot: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
