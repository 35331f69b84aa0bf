"""A finding's suggestion comes in; out comes a block of Markdown, to apply or only to look at."""

import re

from reviewbot.findings.finding import Finding
from reviewbot.github.marker import without_marks
from reviewbot.report.escape import LONE_SURROGATE, UNSEEN, without_commands
from reviewbot.report.excerpt import suggestion_rows
from reviewbot.report.safe_markdown import fence
from reviewbot.report.words import replacement

_COMMAND = re.compile(r"^([^\S\n]*)/(?=[A-Za-z])", re.MULTILINE)


def harmless(text: str) -> str:
    r"""Give Markdown that no program obeys which reads it: neither a CI runner, nor we, nor a bot.

    Such look at code, too: `/merge` at the start of a line becomes `\/merge`.
    """
    return without_marks(without_commands(_COMMAND.sub(r"\1\\/", text)))


def suggestion_block(finding: Finding) -> str:
    """Give a block that GitHub can apply with a click, else one that only shows the change.

    "" where nothing is suggested, or where it stands on removed lines.
    """
    text = replacement(finding)
    if text is None:
        return ""
    if _applies(finding, text):
        return fence(text.split("\n") if text else [], "suggestion")
    rows = suggestion_rows(finding)
    return harmless(fence([f"{row.sign} {row.text}".rstrip() for row in rows], "diff"))


def _applies(finding: Finding, text: str) -> bool:
    """Whether GitHub puts exactly this in place of the lines: it does not across removed lines,
    and which line ends it writes is not known; what cannot be seen, or what would have to be
    made harmless, is not to be applied with a click.
    """
    at = [index for index, line in enumerate(finding.excerpt) if finding.anchors(line)]
    if len(at) != finding.line - finding.start_line + 1:
        return False
    between = finding.excerpt[at[0] : at[-1] + 1]
    if any(line.sign == "-" or line.text.endswith("\r") for line in between):
        return False
    plain = re.sub(r"[\t\n]", "", text)
    return not (UNSEEN.search(plain) or LONE_SURROGATE.search(plain)) and harmless(text) == text
