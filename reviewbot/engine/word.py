"""Candidates that are shown come in; out come the same, worded anew with a checked suggestion."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from reviewbot.engine.examine import Held, Surroundings, claim_of
from reviewbot.engine.together import together
from reviewbot.errors import RefusedError, ServerError
from reviewbot.findings.candidate import Candidate
from reviewbot.findings.finding import Finding, reworded
from reviewbot.model.answer import Said, parse_answer
from reviewbot.model.ask import Asker
from reviewbot.model.prompt import build_wording, restore


async def word(
    held: Sequence[Held], asker: Asker, around: Surroundings | None
) -> tuple[list[Held], list[str]]:
    """Ask for severity, words and suggestion of what is shown; gives what failed, too.

    A finding that gets no answer, or one that cannot be used, keeps its own words; so does an
    analyzer's, which name its rule.
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

    worded = list(held)
    wanted = [index for index, one in enumerate(held) if _is_to_be_worded(one.candidate)]
    answers = await together((ask(held[index]) for index in wanted), lambda: len(wanted) + 1)
    for index, answer in zip(wanted, answers, strict=True):
        worded[index] = answer
    return worded, failures


def _is_to_be_worded(candidate: Candidate) -> bool:
    finding = candidate.finding
    return candidate.fate == "shown" and finding is not None and finding.source == "model"


async def _reword(finding: Finding, said: Said, held: Held, around: Surroundings | None) -> Finding:
    """Take the new words, and of both suggestions the first that can be made."""
    worded = reworded(finding, said, held.shown.chunk)
    if around is not None and worded.suggestion is not None:
        reason = await asyncio.to_thread(around.spoils, worded)
        worded = replace(worded, suggestion=None) if reason else worded
    if worded.suggestion is None:
        return replace(worded, suggestion=finding.suggestion)
    return worded
