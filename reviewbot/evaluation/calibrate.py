"""A Run over the part that calibrates comes in; out comes the Calibration of its model."""

from pathlib import Path

import msgspec

from reviewbot.errors import InputError
from reviewbot.evaluation.matching import Comment, match
from reviewbot.evaluation.replay import NOT_PLACED, comment_of
from reviewbot.evaluation.reviewed import Reviewed, Rule, Run
from reviewbot.findings.calibration import Calibration, Labelled, fit

LEAST_CANDIDATES = 20
"""With fewer than this, and fewer than five right ones, a fit would only repeat them."""
LEAST_RIGHT = 5


def label(run: Run, rule: Rule) -> list[Labelled]:
    """Say of each candidate that the ranking decides on whether it tells of a golden, by a rule.

    What a claim check refuted never comes to the ranking.
    """
    return [one for reviewed in run.reviewed for one in _label_case(reviewed, rule)]


def _label_case(reviewed: Reviewed, rule: Rule) -> list[Labelled]:
    candidates = [
        one
        for one in reviewed.record.candidates
        if one.fate not in NOT_PLACED and one.source == "model" and one.refuted is None
    ]
    comments: list[Comment] = [comment_of(one) for one in candidates]
    right = match(reviewed.case.golden, comments, rule.tells).right
    return [
        Labelled(one.log_odds, max(1, len(one.looks)), index in right, one.category)
        for index, one in enumerate(candidates)
    ]


def calibrate(run: Run, rule: Rule) -> Calibration:
    """Fit the calibration of a run's model.

    Raises `InputError` for a run over the part that is reported on, for one without a judge,
    whose weight would then be nothing, and where there are too few candidates to fit anything.
    """
    if run.info.split != "calibrate":
        raise InputError(
            f"{run.folder} is no run over the part that calibrates: make it by"
            " `reviewbot eval run DATASET --part calibrate`, and score another part"
        )
    if run.info.settings.get("judge") is False:
        raise InputError(f"{run.folder} was made without the judge: set REVIEWBOT_JUDGE=true")
    labelled = label(run, rule)
    right = sum(one.right for one in labelled)
    if len(labelled) < LEAST_CANDIDATES or right < LEAST_RIGHT:
        raise InputError(
            f"{len(labelled)} candidates, {right} of them right, are too few to fit: it takes"
            f" {LEAST_CANDIDATES} and {LEAST_RIGHT}"
        )
    by = f"{rule.name}, judge {rule.judge}" if rule.judge else rule.name
    made_with = (
        f"{run.info.model} on {run.info.server}, {run.info.name} ({run.info.split}),"
        f" {len(labelled)} candidates, {right} right {by}"
    )
    try:
        return fit(labelled, made_with)
    except ValueError as error:
        raise InputError(str(error)) from error


def write_calibration(path: Path, name: str, calibration: Calibration) -> None:
    """Put a calibration into a file beside those of other models: REVIEWBOT_CALIBRATION names it.

    `name` is the kind of server and the model. Raises `InputError` for a file of another kind.
    """
    try:
        data = path.read_bytes() if path.exists() else b"{}"
        every = msgspec.json.decode(data, type=dict[str, Calibration])
    except (OSError, ValueError) as error:
        raise InputError(f"{path} holds no calibrations: {error}") from error
    every[name] = calibration
    text = msgspec.json.format(msgspec.json.encode(every))
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_bytes(text + b"\n")
        draft.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
