"""The command line: what a person types comes in; each command's body is imported when it runs."""

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewbot.cli.evaluate import evaluate
from reviewbot.errors import ReaderGoneError, ReviewbotError

if TYPE_CHECKING:
    from reviewbot.settings import Settings

FORMATS = ("text", "json", "sarif", "rdjson", "markdown", "github")
FAIL_ON = ("critical", "major", "minor", "never")
STATES = ("new", "running", "posting", "done", "superseded", "failed")
FAILED = 2
INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="reviewbot", prog_name="reviewbot")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    help="File of NAME=value lines with REVIEWBOT_ settings.",
)
@click.pass_context
def cli(context: click.Context, env_file: Path | None) -> None:
    """Review code changes with a language model on your own machine."""
    context.obj = env_file


@cli.command()
@click.argument("source", required=False)
@click.option("--staged", is_flag=True, help="Review what is staged for the next commit.")
@click.option("--base", metavar="REF", help="Review the work tree against where it left REF.")
@click.option("--commit", metavar="SHA", help="Review one commit (a merge: its first parent).")
@click.option("--pr", metavar="OWNER/REPO#N", help="Review a pull request on GitHub.")
@click.option("--post", is_flag=True, help="With --pr: post the review there, as the bot would.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the result to a file.")
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    default="major",
    show_default=True,
    help="Exit with 1 for findings of this severity or graver.",
)
@click.option("--model-url", metavar="URL", help="Address of a TGI, vLLM or llama.cpp server.")
@click.option("--model", metavar="NAME", help="The server's model, or one of `model list`.")
@click.option("--include", metavar="GLOB", multiple=True, help="Review only these paths.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="Leave these paths out.")
@click.option(
    "--max-findings",
    type=click.IntRange(0),
    help="Show at most so many findings, the likeliest.  [default: 5]",
)
@click.option("--all", "show_all", is_flag=True, help="Show every finding, however unlikely.")
@click.option("--stats", is_flag=True, help="Say on stderr what each stage of the review cost.")
@click.option("--plan", "plan_only", is_flag=True, help="Show what would be asked; ask no model.")
@click.option("--exact", is_flag=True, help="With --plan: let the server count the tokens.")
@click.option("--show-prompt", is_flag=True, help="Print the prompts and ask no model.")
@click.option("--no-cache", is_flag=True, help="Ask again, even what was answered before.")
@click.pass_context
def review(context: click.Context, /, **options: Any) -> None:
    """Review a change: a diff file, - for standard input, A..B, or one of the options below.

    With none of them, on a terminal inside a repository: the work tree against the default
    branch.

    Exit codes: 0 reviewed, nothing at or above --fail-on; 1 such findings; 2 an error, or not
    all that should be was reviewed.
    """
    from reviewbot.cli.review import Options, run  # noqa: PLC0415

    context.exit(run(Options(env_file=context.obj, **options)))


cli.add_command(evaluate)


@cli.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check the model server, git and the settings; exit 1 where something is wrong."""
    from reviewbot.cli.doctor import run  # noqa: PLC0415

    context.exit(run(context.obj))


@cli.command()
@click.pass_context
def serve(context: click.Context) -> None:
    """Review every pull request of a GitHub App: runs all that it takes on this machine.

    Without REVIEWBOT_BROKER_URL, REVIEWBOT_DATABASE_URL and REVIEWBOT_MODEL_URL it brings a
    broker, a database and a model of its own.
    """
    from reviewbot.cli.service import run_serve  # noqa: PLC0415

    context.exit(run_serve(_settings(context)))


@cli.command()
@click.pass_context
def api(context: click.Context) -> None:
    """Run the webhook API alone; workers are started with `celery -A worker.app worker`."""
    from reviewbot.cli.service import run_api  # noqa: PLC0415

    context.exit(run_api(_settings(context)))


@cli.group()
def jobs() -> None:
    """What the service works on, and what is stuck."""


@jobs.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES),
    help="Only these; default: alive or failed.",
)
@click.option("-n", "--most", type=click.IntRange(1), default=50, show_default=True)
@click.pass_context
def list_jobs(context: click.Context, states: tuple[str, ...], most: int) -> None:
    """List jobs, the newest first: what each is for, its age, and why it waits or failed."""
    from reviewbot.cli import job_table  # noqa: PLC0415

    context.exit(job_table.list_jobs(_settings(context), states, most))


@jobs.command("show")
@click.argument("job", type=int)
@click.pass_context
def show_job(context: click.Context, job: int) -> None:
    """Show all that is known of one job."""
    from reviewbot.cli import job_table  # noqa: PLC0415

    context.exit(job_table.show_job(_settings(context), job))


@jobs.command("replay")
@click.argument("job", type=int)
@click.pass_context
def replay_job(context: click.Context, job: int) -> None:
    """Have a failed or superseded job done again."""
    from reviewbot.cli import job_table  # noqa: PLC0415

    context.exit(job_table.replay_job(_settings(context), job))


@cli.group()
def db() -> None:
    """The service's database."""


@db.command()
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring the database's tables to this version; end older processes first."""
    from reviewbot.cli.service import run_upgrade  # noqa: PLC0415

    context.exit(run_upgrade(_settings(context)))


@cli.group()
def model() -> None:
    """The models that reviewbot can run by itself, without a server."""


@model.command("list")
@click.pass_context
def list_(context: click.Context) -> None:
    """Show the models, their licence and where they come from."""
    from reviewbot.cli import models  # noqa: PLC0415

    context.exit(models.list_models(_settings(context)))


@model.command()
@click.argument("name", required=False)
@click.pass_context
def pull(context: click.Context, name: str | None) -> None:
    """Download a model; without NAME the first that can be had."""
    from reviewbot.cli import models  # noqa: PLC0415

    context.exit(models.pull_model(_settings(context), name))


@model.command()
@click.argument("name", required=False)
@click.pass_context
def path(context: click.Context, name: str | None) -> None:
    """Print where a model's file lies; exit 1 where it is not there."""
    from reviewbot.cli import models  # noqa: PLC0415

    context.exit(models.print_path(_settings(context), name))


def _settings(context: click.Context) -> "Settings":
    from reviewbot.bootstrap import config_file  # noqa: PLC0415
    from reviewbot.settings import load_settings  # noqa: PLC0415

    return load_settings({}, os.environ, env_file=context.obj, config_file=config_file())


@cli.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    For bash: `reviewbot completion bash > ~/.local/share/bash-completion/completions/reviewbot`.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    complete = get_completion_class(shell)
    assert complete is not None, "the choices are the shells that click knows"
    click.echo(complete(cli, {}, "reviewbot", "_REVIEWBOT_COMPLETE").source())


def main() -> None:
    """Run the command line; every error of reviewbot's own becomes one line on stderr."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _terminate)
    try:
        code = cli.main(prog_name="reviewbot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("reviewbot: interrupted", err=True)
        code = INTERRUPTED
    except ReaderGoneError:
        code = FAILED
    except ReviewbotError as error:
        _complain(str(error))
        code = FAILED
    except OSError as error:
        _complain(error.strerror or str(error))
        code = FAILED
    except Exception:  # noqa: BLE001  # a fault of our own must not look like findings, which are 1
        traceback.print_exc()
        code = FAILED
    if code == FAILED:
        _drop_unwritten()
    sys.exit(code)


def _complain(words: str) -> None:
    """Print one line; a server's words may stand in it, and they could move the cursor."""
    from reviewbot.report.escape import one_line  # noqa: PLC0415

    click.echo(f"reviewbot: {one_line(words)}", err=True)


def _drop_unwritten() -> None:
    """Keep the interpreter from writing what stdout refused once more, when it exits."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, _frame: object) -> None:
    """Leave by way of an exception, so that calls are closed and drafts removed."""
    raise SystemExit(128 + number)
