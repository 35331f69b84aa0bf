"""Settings: which place wins, and what an error says of a value that may be a secret."""

from pathlib import Path

import pytest

from reviewbot.bootstrap import make_stages
from reviewbot.engine import Stages
from reviewbot.errors import SettingsError
from reviewbot.servers.completion import ServerInfo
from reviewbot.settings import Secret, Settings, load_settings, to_environment
from tests.fakes.model_server import ModelServer, Tgi, closed_port_url
from tests.run import added, environment, reviewbot

SECRET = "s3cr3t-value"  # stands in a wrong place by accident
DIFF = added("a.py", "x = 1  # BUG")
BOUNDED = ("concurrency", "call_seconds", "retry_seconds", "answer_tokens", "threads", "context")


def settings(
    environment: dict[str, str] | None = None,
    options: dict[str, str | None] | None = None,
    env_file: Path | None = None,
    config_file: Path | None = None,
) -> Settings:
    return load_settings(
        options or {}, environment or {}, env_file=env_file, config_file=config_file
    )


def refused(environment: dict[str, str], **files: Path) -> str:
    """What is said of settings that cannot be used."""
    with pytest.raises(SettingsError) as caught:
        load_settings({}, environment, **files)
    return str(caught.value)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Two files that set the same."""
    (tmp_path / "env").write_text("REVIEWBOT_MODEL=of-the-env-file\nREVIEWBOT_CONCURRENCY=2\n")
    (tmp_path / "config.toml").write_text('model = "of-the-file"\nconcurrency = 3\nthreads = 4\n')
    return tmp_path


def test_without_anything_the_defaults_hold() -> None:
    assert settings() == Settings()


def test_an_option_wins_over_the_environment_the_env_file_and_the_users_file(
    written: Path,
) -> None:
    env_file, config_file = written / "env", written / "config.toml"
    variable = {"REVIEWBOT_MODEL": "of-the-environment"}
    all_four = settings(variable, {"model": "typed"}, env_file, config_file)
    assert (all_four.model, all_four.concurrency, all_four.threads) == ("typed", 2, 4)
    three = settings(variable, {"model": None}, env_file, config_file)
    assert three.model == "of-the-environment"
    assert settings({}, {}, env_file, config_file).model == "of-the-env-file"
    assert settings({}, {}, None, config_file).model == "of-the-file"
    assert settings({}, {}, None, written / "nowhere.toml").model is None


def test_the_command_line_takes_them_from_all_four_places(tmp_path: Path) -> None:
    config = Path(environment()["XDG_CONFIG_HOME"]) / "reviewbot" / "config.toml"
    config.parent.mkdir(parents=True)
    env_file = tmp_path / "my.env"
    nowhere = closed_port_url()
    with ModelServer(Tgi()) as server:
        config.write_text(f'model_url = "{server.url}"\n')
        assert reviewbot("review", "-", stdin=DIFF).code == 1
        env_file.write_text(f"REVIEWBOT_MODEL_URL={nowhere}\n")
        words = ("--env-file", env_file, "review", "-")
        assert nowhere in reviewbot(*words, stdin=DIFF).complaint
        assert reviewbot(*words, stdin=DIFF, model_url=server.url).code == 1
        typed = reviewbot("review", "-", "--model-url", server.url, stdin=DIFF, model_url=nowhere)
        assert typed.code == 1


def test_an_empty_variable_counts_as_not_set() -> None:
    assert settings({"REVIEWBOT_MODEL_URL": "", "REVIEWBOT_THREADS": ""}) == Settings()


def test_foreign_variables_and_keys_of_the_env_file_are_passed_over(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    env_file.write_text(f"DATABASE_PASSWORD={SECRET}\nexport REVIEWBOT_CONCURRENCY='2' # two\n")
    assert settings({"HOME": "/", "MODEL": "x"}, env_file=env_file).concurrency == 2


@pytest.mark.parametrize("name", [*BOUNDED, "model_server", "schema", "max_diff_mb"])
def test_a_bad_value_names_the_setting_and_where_and_is_never_quoted(
    name: str, tmp_path: Path
) -> None:
    variable = f"REVIEWBOT_{name.upper()}"
    said = refused({variable: SECRET})
    assert variable in said
    assert "the environment" in said
    env_file, config_file = tmp_path / "my.env", tmp_path / "config.toml"
    env_file.write_text(f"{variable}={SECRET}\n")
    config_file.write_text(f"{name} = '{SECRET}'\n")
    of_env, of_toml = refused({}, env_file=env_file), refused({}, config_file=config_file)
    assert (variable in of_env, str(env_file) in of_env) == (True, True)
    assert (variable in of_toml, str(config_file) in of_toml) == (True, True)
    assert SECRET not in said + of_env + of_toml


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONCURRENCY", "0"),
        ("CONCURRENCY", "2.5"),
        ("CALL_SECONDS", "0"),
        ("CALL_SECONDS", "-1"),
        ("CALL_SECONDS", "nan"),
        ("RETRY_SECONDS", "inf"),
        ("ANSWER_TOKENS", "1025"),
        ("ANSWER_TOKENS", "63"),
        ("CONTEXT", "2047"),
        ("MAX_DIFF_MB", "0"),
        ("MAX_DIFF_MB", "1000000000000000000"),
        ("THREADS", "0"),
        ("CACHE_DIR", "~nobody-of-this-name/x"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: str) -> None:
    assert f"REVIEWBOT_{name} in the environment: Expected" in refused({f"REVIEWBOT_{name}": value})


def test_one_of_several_words_is_told_which() -> None:
    said = refused({"REVIEWBOT_MODEL_SERVER": "ollama"})
    assert said.endswith("Expected one of auto, tgi, vllm, llamacpp")


def test_a_name_that_is_no_setting_comes_with_the_nearest_one() -> None:
    assert refused({"REVIEWBOT_MODLE_URL": SECRET}) == (
        "the environment sets REVIEWBOT_MODLE_URL, which is no setting of reviewbot"
        " (did you mean REVIEWBOT_MODEL_URL?)"
    )
    assert "docs/settings.md" in refused({"REVIEWBOT_XYZZY": SECRET})


def test_an_unknown_name_stops_the_command_line() -> None:
    run = reviewbot("review", "-", "--plan", stdin=DIFF, modle_url=SECRET)
    assert run.code == 2
    assert "did you mean REVIEWBOT_MODEL_URL?" in run.complaint
    assert SECRET not in run.complaint


@pytest.mark.parametrize(
    "text", [f"model_key = {SECRET}", f'model_key = ["{SECRET}"]', f"[model_key]\nx = '{SECRET}'"]
)
def test_a_users_file_that_cannot_be_read_is_never_quoted(tmp_path: Path, text: str) -> None:
    config_file = tmp_path / "config.toml"
    config_file.write_text(text)
    said = refused({}, config_file=config_file)
    assert str(config_file) in said
    assert SECRET not in said


@pytest.mark.parametrize("content", [None, b"\xff\xfeA=1"])
def test_an_env_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    env_file = tmp_path / "env"
    env_file.write_bytes(content or b"")
    missing = env_file.with_name("env" if content else "nowhere")
    assert f"--env-file {missing} cannot be read" in refused({}, env_file=missing)


def test_a_secret_never_prints() -> None:
    found = settings({"REVIEWBOT_MODEL_KEY": SECRET})
    assert SECRET not in f"{found} {found!r} {found.model_key}"
    assert isinstance(found.model_key, Secret)
    assert found.model_key.reveal() == SECRET


def test_the_cache_folder_may_lie_in_the_home_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings({"REVIEWBOT_CACHE_DIR": "~/own"}).cache_dir == tmp_path / "own"


def test_settings_can_be_handed_to_a_program_of_ours() -> None:
    given = {
        "REVIEWBOT_BROKER_URL": "redis://:secret@host:6379/0",
        "REVIEWBOT_SKIP_DRAFTS": "False",
        "REVIEWBOT_PORT": "9000",
        "REVIEWBOT_DATA_DIR": "/srv/reviewbot",
        "REVIEWBOT_GITHUB_PRIVATE_KEY": "-----BEGIN KEY-----\nabc\n-----END KEY-----\n",
    }
    assert to_environment(settings(given)) == given
    assert to_environment(settings(to_environment(settings(given)))) == given


def test_a_review_is_made_by_default_as_the_settings_say() -> None:
    info = ServerInfo("tgi", "granite", 8191, 8192)
    assert make_stages(Settings(), info) == Stages()
