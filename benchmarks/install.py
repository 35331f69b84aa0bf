"""How much a CLI-only install brings: `python -m benchmarks.install` (asks pip's own index)."""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.measure import ROOT, show

PACKAGES = 31
MEGABYTES = 105.0  # 46 of them are the grammars of ast-grep-py
_LIST = """
import json
from importlib.metadata import distributions
print(json.dumps({
    one.name: sum(path.stat().st_size for path in map(one.locate_file, one.files or ())
                  if path.is_file())
    for one in distributions()
}))
"""


def main() -> None:
    """Install the wheel of this checkout into an empty virtual environment, and weigh it."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = _build_wheel(Path(folder))
        home = Path(folder, "venv")
        venv.create(home, with_pip=True)
        python = home / "bin" / "python"
        seeds = _sizes(python)
        _run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", str(wheel))
        sizes = {name: size for name, size in _sizes(python).items() if name not in seeds}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"  {name:<30} {size / 1e6:6.2f} MB")
    print()
    show("packages", "reviewbot's own counts too", len(sizes), "", PACKAGES)
    show("installed files", "pip left out", sum(sizes.values()) / 1e6, "MB", MEGABYTES)


def _build_wheel(folder: Path) -> Path:
    command = ("-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps")
    _run(Path(sys.executable), *command, "--no-build-isolation", "-w", str(folder), str(ROOT))
    [wheel] = folder.glob("reviewbot-*.whl")
    return wheel


def _sizes(python: Path) -> dict[str, int]:
    """Give the bytes of each package's files, compiled modules included."""
    found: dict[str, int] = json.loads(_run(python, "-c", _LIST))
    return found


def _run(python: Path, *arguments: str) -> bytes:
    return subprocess.run([python, *arguments], check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
