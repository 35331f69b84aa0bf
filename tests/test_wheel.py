"""The wheel, installed into an empty venv, reviews from a folder that is no checkout."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.fakes.model_server import Finder, ModelServer, Tgi

pytestmark = pytest.mark.xdist_group("wheel")  # which is built and installed once

ROOT = Path(__file__).parents[1]
DIFF = "--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-old\n+new BUG\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    build += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--disable-pip-version-check", str(wheel)], check=True)
    return folder / "bin" / "reviewbot"


def test_the_wheel_holds_the_prompts_and_the_worker_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "reviewbot/prompts/system.md.j2" in names
    assert "worker/__init__.py" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "examples/"))]


def test_the_installed_command_reviews_from_another_folder(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "change.diff").write_text(DIFF)
    with ModelServer(Tgi(), Finder()) as server:
        command = [str(installed), "review", "change.diff", "--model-url", server.url]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("f.py:1 ")
    assert done.stdout.endswith("2 of 2 changed lines reviewed\n")


def test_the_installed_command_without_the_extra_names_the_command_that_installs_it(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "change.diff").write_text(DIFF)
    command = [str(installed), "review", "change.diff"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'reviewbot[embedded]'" in done.stderr
    assert done.stdout == ""


def test_the_installed_command_names_the_linters_that_lack_and_what_brings_them(
    installed: Path, tmp_path: Path
) -> None:
    with ModelServer(Tgi(), Finder()) as server:
        env = {"PATH": str(installed.parent), "HOME": str(tmp_path),
               "REVIEWBOT_MODEL_URL": server.url}  # fmt: skip
        command = [str(installed), "doctor"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    [line] = [line for line in done.stdout.splitlines() if "analyzers" in line]
    assert "patterns; not installed: ruff, shellcheck, zizmor" in line
    assert line.endswith("(pip install 'reviewbot[analyzers]')")
