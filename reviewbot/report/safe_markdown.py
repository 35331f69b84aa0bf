"""A stranger's text in, Markdown out that shows the text and does nothing else.

No HTML, image, link, mention or reference comes from it; code spans and fences stay code.
"""

import re

from reviewbot.report.escape import visible, visible_lines

ZERO_WIDTH_SPACE = "\u200b"

# A run of backticks, and the next run of the same length.
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
OPENING_FENCE = re.compile(r"\s*(`{3,}|~{3,})[^`]*$")
SPECIAL = re.compile(r"[\\`*\[\]<>&|~$]|(?<!\w)_|_(?!\w)")
# What GitHub turns into a mention, a reference or a link: broken by a space of no width, since
# it looks for them after the escapes are gone.
AUTOMATIC = re.compile(
    r"@(?=\w)|#(?=\d)|GH-(?=\d)|:(?=//)|www(?=\.)|(?:mailto|xmpp)(?=:)", re.IGNORECASE
)
# A heading, a rule or what makes a table of the line above, also inside a list: "#", "===",
# "- ---", "-:". Lists stay lists.
BLOCK = re.compile(r"((?:(?:[-+]|\d{1,9}[.)])\s+)*)(?=#{1,6}(?:\s|$)|[-+=:|\s]+$)")


def safe_markdown(text: str) -> str:
    """Return prose with its paragraphs, lists and code kept, everything else shown as typed."""
    blocks: list[str] = []
    waiting = visible_lines(text)[::-1]
    while waiting:
        line = waiting.pop()
        opening = OPENING_FENCE.match(line)
        blocks.append(fence(_fenced(waiting, opening[1])) if opening else safe_line(line.lstrip()))
    return "\n".join(blocks)


def safe_line(text: str) -> str:
    """Return one line of prose, its code spans kept, everything else shown as typed."""
    parts: list[str] = []
    end = 0
    for match in CODE_SPAN.finditer(text):
        parts += [_escaped(text[end : match.start()]), match[0]]
        end = match.end()
    line = "".join([*parts, _escaped(text[end:])])
    return BLOCK.sub(r"\1\\", line, count=1) if BLOCK.match(line) else line


def code_span(text: str) -> str:
    """Return the text as a code span, whatever backticks it holds."""
    shown = visible(text)
    ticks = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[:1] in ("`", " ", "") or shown[-1:] in ("`", " ") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fence(lines: list[str], language: str = "") -> str:
    """Return a fenced block that no line of it can close. The lines must be visible already."""
    ticks = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    return "\n".join([ticks + language, *lines, ticks])


def _fenced(waiting: list[str], opening: str) -> list[str]:
    """Take the lines up to the closing fence, or all, from the reversed list of those to come."""
    inside: list[str] = []
    while waiting:
        line = waiting.pop()
        closing = line.strip()
        if len(closing) >= len(opening) and not closing.strip(opening[0]):
            break
        inside.append(line)
    return inside


def _escaped(text: str) -> str:
    broken = AUTOMATIC.sub(lambda match: match[0] + ZERO_WIDTH_SPACE, text)
    return SPECIAL.sub(r"\\\g<0>", broken)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
