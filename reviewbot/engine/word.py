"""Candidates that are shown come in; out come the same, worded anew with a checked suggestion."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from reviewbot.engine.examine import Held, Surroundings, claim_of
from reviewbot.errors import RefusedError, ServerError
from reviewbot.findings.finding import Finding, reworded
from reviewbot.model.answer import Said, parse_answer
from reviewbot.model.ask import Asker
from reviewbot.model.prompt import build_wording, restore


async def word(
    held: Sequence[Held], asker: Asker, around: Surroundings | None
) -> tuple[list[Held], list[str]]:
    """Ask for severity, words and suggestion of what is shown; gives what failed, too.

    A finding that gets no answer, or one that cannot be used, keeps its own words.
    """
    failures: list[str] = []

    async def ask(one: Held) -> Held:
        finding = one.candidate.finding
        assert finding is not None
        messages = build_wording(one.shown, claim_of(finding, one.shown))
        try:
            completion = await asker.say(messages, "wording")
        except RefusedError:
            raise
        except ServerError as error:
            failures.append(f"the wording of a finding in {finding.path}: {error}")
            return one
        answer = parse_answer(restore(completion.text), completion.finish)
        if not answer.said:
            return one
        finding = await _reword(finding, answer.said[0], one, around)
        candidate = replace(one.candidate, finding=finding, title=finding.title)
        return replace(one, candidate=candidate)

    async with asyncio.TaskGroup() as group:
        tasks = {
            index: group.create_task(ask(one))
            for index, one in enumerate(held)
            if one.candidate.fate == "shown" and one.candidate.looks
        }
    worded = list(held)
    for index, task in tasks.items():
        worded[index] = task.result()
    return worded, failures


async def _reword(finding: Finding, said: Said, held: Held, around: Surroundings | None) -> Finding:
    """Take the new words, and of both suggestions the first that can be made."""
    worded = reworded(finding, said, held.shown.chunk)
    if around is not None and worded.suggestion is not None:
        reason = await asyncio.to_thread(around.spoils, worded)
        worded = replace(worded, suggestion=None) if reason else worded
    if worded.suggestion is None:
        return replace(worded, suggestion=finding.suggestion)
    return worded
