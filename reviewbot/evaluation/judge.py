"""Two remarks come in; out comes whether a model says that they mean the same."""

from reviewbot.evaluation.meaning import shown_lines
from reviewbot.findings.judge import log_odds
from reviewbot.model.ask import Asker, Ports
from reviewbot.model.prompt import render
from reviewbot.servers.completion import Message, ServerInfo


class ModelJudge:
    """A judge of meaning: one free token, as the judge of findings is asked."""

    def __init__(self, ports: Ports, info: ServerInfo) -> None:
        self._asker = Asker(ports, info, info.max_prompt)
        self._info = info

    @property
    def model(self) -> str:
        """Give the name of the model."""
        return self._info.model

    async def same(self, golden_text: str, candidate_text: str) -> bool | None:
        """Say whether a comment points out a golden; None where the model gave no verdict."""
        text = render("same", golden=shown_lines(golden_text), comment=shown_lines(candidate_text))
        completion = await self._asker.say((Message("user", text),), "judge", judging=True)
        chances = completion.chances[0] if completion.chances else ()
        verdict = log_odds(chances)
        return None if verdict is None else verdict > 0
