"""`reviewbot eval`: how good a review is; each command's body is imported when it runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reviewbot.evaluation.reviewed import Rule, Run

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
NEW_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("eval")
def evaluate() -> None:
    """Measure how good the reviews are, on changes whose defects are known."""


@evaluate.command("run")
@click.argument("dataset", type=FOLDER)
@click.option("--out", "run", type=click.Path(path_type=Path), required=True, help="Its folder.")
@click.option("--part", type=click.Choice(("calibrate", "report")), help="Only this part.")
@click.option("--looks", type=click.IntRange(1, 5), help="Passes over each chunk.")
@click.option("--model-url", metavar="URL", help="Address of a TGI, vLLM or llama.cpp server.")
@click.option("--model", metavar="NAME", help="The server's model, or one of `model list`.")
@click.pass_context
def run_command(context: click.Context, dataset: Path, run: Path, part: str | None,
                looks: int | None, model_url: str | None, model: str | None) -> None:  # fmt: skip
    """Review each case of a dataset, and keep every prompt, answer, candidate and fate.

    Stopped, it goes on where it was when it is started again with the same --out.
    """
    from reviewbot.cli.evaluate_run import Options, run_dataset  # noqa: PLC0415

    options = {"looks": looks, "model_url": model_url, "model": model}
    context.exit(run_dataset(Options(context.obj, dataset, run, part, options)))


@evaluate.command("calibrate")
@click.argument("run", type=FOLDER)
@click.option("--out", "file", type=NEW_FILE, required=True, help="File of calibrations to add to.")
@click.option("--dataset", type=FOLDER, help="Where the run's dataset lies now.")
@click.option("--judge", metavar="MODEL", help="By meaning: whose verdicts. [default: the latest]")
def calibrate_command(run: Path, file: Path, dataset: Path | None, judge: str | None) -> None:
    """Fit how far a model's judge is to be trusted, from a run over the part that calibrates.

    What is right is told by meaning where a judge gave its verdicts, else by line (k=3).
    """
    from reviewbot.evaluation.calibrate import calibrate, write_calibration  # noqa: PLC0415
    from reviewbot.evaluation.reviewed import read_run, rules_by_line  # noqa: PLC0415
    from reviewbot.report.escape import one_line  # noqa: PLC0415

    read = read_run(run, dataset)
    made = calibrate(read, [*rules_by_line(), *_by_meaning(read, judge)][-1])
    write_calibration(file, f"{read.info.server} {read.info.model}", made)
    weights = f"{made.intercept:.3f} + {made.log_odds:.3f} log-odds + {made.support:.3f} ln support"
    click.echo(one_line(f"{made.made_with}: {weights}"))
    click.echo(one_line(f"use it by REVIEWBOT_CALIBRATION={file}"))


@evaluate.command("judge")
@click.argument("run", type=FOLDER)
@click.option("--dataset", type=FOLDER, help="Where the run's dataset lies now.")
@click.option(
    "--known",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON Lines of golden, comment, same: how well the judge agrees with them.",
)
@click.option("--model-url", metavar="URL", help="Address of a TGI, vLLM or llama.cpp server.")
@click.option("--model", metavar="NAME", help="The server's model, or one of `model list`.")
@click.pass_context
def judge_command(context: click.Context, run: Path, dataset: Path | None, known: Path | None,
                  model_url: str | None, model: str | None) -> None:  # fmt: skip
    """Ask a model of each golden and comment whether they mean the same; then score by meaning."""
    from reviewbot.cli.evaluate_run import judge_meaning  # noqa: PLC0415

    options = {"model_url": model_url, "model": model}
    context.exit(judge_meaning(context.obj, run, dataset, known, options))


@evaluate.command("score")
@click.argument("run", type=FOLDER)
@click.option("--dataset", type=FOLDER, help="Where the run's dataset lies now.")
@click.option("--judge", metavar="MODEL", help="By meaning: whose verdicts. [default: the latest]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--html", type=NEW_FILE, help="Write a page on which each case can be looked at.")
def score_command(
    run: Path, dataset: Path | None, judge: str | None, html: Path | None, *, as_json: bool
) -> None:
    """Score a run: precision, recall, F1 and more, with 90 % intervals over pull requests.

    By meaning it scores only where a judge has given all its verdicts.
    """
    from reviewbot.cli.output import Output  # noqa: PLC0415
    from reviewbot.evaluation.reviewed import read_run, rules_by_line  # noqa: PLC0415
    from reviewbot.evaluation.score import replay_of, score  # noqa: PLC0415
    from reviewbot.evaluation.table import render_json, render_score  # noqa: PLC0415

    read = read_run(run, dataset)
    rules = [*rules_by_line(), *_by_meaning(read, judge)]
    replay = replay_of(read.info)
    result = score(read, rules, replay)
    text = render_score(result, f"calibration from {replay.calibration.made_with}")
    if html is not None:
        from reviewbot.evaluation.page import render_page  # noqa: PLC0415

        with Output(html) as output:
            output.write(render_page(read, rules[-1], text))
    with Output(None) as output:
        output.write(render_json(result) if as_json else text)


@evaluate.command("compare")
@click.argument("first", type=FOLDER)
@click.argument("second", type=FOLDER)
@click.option("--dataset", type=FOLDER, help="Where the dataset of both lies now.")
@click.option("--judge", metavar="MODEL", help="By meaning: whose verdicts. [default: the latest]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare_command(
    first: Path, second: Path, dataset: Path | None, judge: str | None, *, as_json: bool
) -> None:
    """Compare two runs, paired by pull request, and say what is more than noise."""
    from reviewbot.cli.output import Output  # noqa: PLC0415
    from reviewbot.evaluation.compare import compare  # noqa: PLC0415
    from reviewbot.evaluation.reviewed import read_run, rules_by_line  # noqa: PLC0415
    from reviewbot.evaluation.table import render_comparison, render_json  # noqa: PLC0415

    one, other = read_run(first, dataset), read_run(second, dataset)
    rules = [(rule, rule) for rule in rules_by_line()]
    rules += zip(_by_meaning(one, judge), _by_meaning(other, judge), strict=False)
    result = compare(one, other, rules)
    with Output(None) as output:
        output.write(render_json(result) if as_json else render_comparison(result))


@evaluate.command("context")
@click.argument("dataset", type=FOLDER)
@click.option("--part", type=click.Choice(("calibrate", "report")), help="Only this part.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def context_command(dataset: Path, part: str | None, *, as_json: bool) -> None:
    """Say which known defects a review would show to the model; asks no model."""
    from reviewbot.budget import DEFAULT_INFO, budget_for  # noqa: PLC0415
    from reviewbot.cli.output import Output  # noqa: PLC0415
    from reviewbot.evaluation.context_recall import (  # noqa: PLC0415
        measure_context,
        render_context,
    )
    from reviewbot.evaluation.dataset import read_dataset  # noqa: PLC0415
    from reviewbot.evaluation.table import render_json  # noqa: PLC0415

    read = read_dataset(dataset)
    cases = [case for case in read.cases if part in (None, case.split)]
    result = measure_context(read, cases, budget_for(DEFAULT_INFO))
    with Output(None) as output:
        output.write(render_json(result) if as_json else render_context(result))


@evaluate.command("import")
@click.argument("source", type=FOLDER)
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--set", "only", metavar="NAME", help="Only one of the sets: they are never pooled.")
def import_command(source: Path, target: Path, only: str | None) -> None:
    """Make a dataset of a folder with prs.jsonl, diffs and changed-files.jsonl.gz."""
    from reviewbot.evaluation.imported import Source, import_dataset  # noqa: PLC0415

    dataset = import_dataset(Source(source, only), target)
    goldens = sum(len(case.golden) for case in dataset.cases)
    parts = [f"{len(dataset.of_split(part))} to {part}" for part in ("calibrate", "report")]
    click.echo(f"{target}: {len(dataset.cases)} cases ({', '.join(parts)}), {goldens} goldens")


def _by_meaning(run: "Run", judge: str | None) -> "list[Rule]":
    """Give the rule by meaning where a judge has given its verdicts; where some lack, say so."""
    from reviewbot.errors import InputError  # noqa: PLC0415
    from reviewbot.evaluation.meaning import Verdicts, judges_in  # noqa: PLC0415
    from reviewbot.evaluation.reviewed import questions, rule_by_meaning  # noqa: PLC0415
    from reviewbot.report.escape import one_line  # noqa: PLC0415

    known = judges_in(run.folder)
    if judge is not None and judge not in known:
        raise InputError(f"{run.folder} holds no verdicts of {judge}")
    if not known:
        return []
    verdicts = Verdicts(run.folder, judge or known[-1])
    asked = list(dict.fromkeys(questions(run)))
    lacking = sum(not verdicts.knows(pair) for pair in asked)
    if lacking:
        words = f"{lacking} of {len(asked)} verdicts of {verdicts.judge} lack"
        click.echo(one_line(f"{run.folder}: not scored by meaning: {words}"), err=True)
        return []
    return [rule_by_meaning(verdicts)]
