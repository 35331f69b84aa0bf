"""Options, environment, files of settings come in; out come Settings, checked once at the door."""

import io
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from reviewbot.environment import PREFIX
from reviewbot.errors import SettingsError

Positive = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class Secret:
    """A text that never prints; `reveal` gives it to the one who must send it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting, with its default; `docs/settings.md` says what each is for.

    A field is set by the environment variable of its name in capitals after REVIEWBOT_.
    """

    model_url: str | None = None
    model_key: Secret | None = None
    model: str | None = None
    model_server: Literal["auto", "tgi", "vllm", "llamacpp"] = "auto"
    schema: Literal["enforce", "parse"] = "enforce"
    concurrency: Positive = 8
    call_seconds: Seconds = 300.0
    retry_seconds: Seconds = 1.0
    answer_tokens: Annotated[int, msgspec.Meta(ge=64, le=1024)] = 1024
    threads: Positive | None = None
    context: Annotated[int, msgspec.Meta(ge=2048)] = 8192
    max_diff_mb: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 200
    cache_dir: Path | None = None

    looks: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3
    code_context: bool = True
    merge: bool = True
    claim_checks: bool = True
    judge: bool = True
    wording: bool = True
    analyzers: bool = True
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.14
    max_findings: Annotated[int, msgspec.Meta(ge=0)] = 5
    calibration: Path | None = None

    github_app_id: Positive | None = None
    github_private_key: Secret | None = None
    github_private_key_file: Path | None = None
    github_webhook_secret: Secret | None = None
    github_url: str = "https://api.github.com"
    github_token: Secret | None = None
    github_write_interval: Annotated[float, msgspec.Meta(ge=0, le=60)] = 1.0
    allowed_owners: str = ""
    skip_drafts: bool = True
    skip_bots: bool = True
    skip_own: bool = True
    check_fail_on: Literal["critical", "major", "minor", "never"] = "never"
    marker_key: Secret | None = None
    marker_key_previous: Secret | None = None

    data_dir: Path | None = None
    host: str = "127.0.0.1"
    port: Port = 8000
    worker_port: Port = 0
    broker_url: Secret | None = None
    database_url: Secret | None = None
    lease_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0
    keep_days: Annotated[int, msgspec.Meta(ge=4, le=3650)] = 30
    repositories_mb: Annotated[int, msgspec.Meta(ge=10, le=100_000_000)] = 10_000
    log_format: Literal["auto", "json", "text"] = "auto"


_DEFAULTS = Settings()


def load_settings(
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    env_file: Path | None = None,
    config_file: Path | None = None,
) -> Settings:
    """Build the settings: an option wins over the environment, that over the file named by
    `--env-file`, that over the user's configuration file, that over the default.

    Only these places are read, never a file of the folder under review. Raises `SettingsError`
    that names the setting and where it was set, and never its value.
    """
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for origin, values in (
        (str(config_file), _from_toml(config_file)),
        (str(env_file), _from_names(_from_env_file(env_file))),
        ("the environment", _from_names(environment)),
        ("the command line", {k: v for k, v in options.items() if v is not None}),
    ):
        merged.update(values)
        sources.update(dict.fromkeys(values, origin))
    return _convert(merged, sources)


def to_environment(settings: Settings) -> dict[str, str]:
    """Give the variables that make these settings in a program of ours that is started.

    Secrets stand in them as they are.
    """
    return {
        PREFIX + name.upper(): _as_text(getattr(settings, name))
        for name in Settings.__struct_fields__
        if getattr(settings, name) != getattr(_DEFAULTS, name)
    }


def _as_text(value: Any) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


def _convert(merged: dict[str, Any], sources: Mapping[str, str]) -> Settings:
    for name in merged:
        if name not in Settings.__struct_fields__:
            raise SettingsError(
                f"{sources[name]} sets {PREFIX}{name.upper()}, which is no setting of reviewbot"
                f" ({_nearest(name)})"
            )
    try:
        return msgspec.convert(merged, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        matter, _, where = str(error).partition(" - at `$.")
        name = re.split(r"[`.\[]", where)[0]
        origin = sources.get(name, "the settings")
        if matter.startswith("Invalid enum value"):  # which quotes it
            matter = f"Expected one of {', '.join(get_args(Settings.__annotations__[name]))}"
        raise SettingsError(f"{PREFIX}{name.upper()} in {origin}: {matter}") from None


def _nearest(name: str) -> str:
    import difflib  # noqa: PLC0415  # only an error needs it

    near = difflib.get_close_matches(name, Settings.__struct_fields__, 1, 0.5)
    return f"did you mean {PREFIX}{near[0].upper()}?" if near else "see docs/settings.md"


def _decode(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        # the lines of a private key are the only ones that a secret may have
        text = value.replace("\n", "") if value.startswith("-----BEGIN") else value
        if not (text.isascii() and text.isprintable()):
            raise ValueError("Expected plain letters, digits and signs")
        return Secret(value)
    if kind is Path and isinstance(value, str | Path):
        try:
            return Path(value).expanduser()
        except RuntimeError as error:
            raise ValueError("Expected the home folder of a user who has one") from error
    raise TypeError("Expected a text")


def _from_names(environment: Mapping[str, str]) -> dict[str, str]:
    """Take the variables of reviewbot's own; an empty one counts as not set."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value != ""
    }


def _from_toml(path: Path | None) -> dict[str, Any]:
    """Read the user's configuration file, whose keys are the names in small letters."""
    if path is None or not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        # a parser's message may quote the line, and with it a secret
        raise SettingsError(f"{path} cannot be read as TOML ({type(error).__name__})") from None


def _from_env_file(path: Path | None) -> dict[str, str]:
    """Read lines of NAME=value; foreign names are passed over, as such files are shared."""
    if path is None:
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415  # few runs name such a file

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--env-file {path} cannot be read ({type(error).__name__})") from None
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}
