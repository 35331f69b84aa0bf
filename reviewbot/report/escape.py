"""Strangers' text in, text that no terminal or reader can be misled by out."""

import json
import re

# What a terminal obeys or a reader cannot see: C0 and C1 controls, bidi overrides and isolates,
# zero-width characters, line and paragraph separators, tags (https://trojansource.codes).
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
# What the runner of GitHub Actions takes for a command in any program's output: "::" where a line
# begins, and the older "##[" wherever it stands.
COMMAND = re.compile(r"^[^\S\n]*(?=::)|##(?=\[)", re.MULTILINE)
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
TAB_WIDTH = 4


def visible(text: str) -> str:
    r"""Return one line in which each character that acts or hides is spelt out.

    ESC becomes `\x1b`, a newline `\n`, a bidi override `\u202e`; a lone surrogate, which no
    encoding takes, becomes U+FFFD.
    """
    return UNSEEN.sub(_spelt, LONE_SURROGATE.sub("\ufffd", text))


def one_line(text: str) -> str:
    """Return `visible` text with every run of white space, newlines too, as one space."""
    return visible(" ".join(text.split()))


def visible_lines(text: str) -> list[str]:
    """Split prose at its newlines; each line is `visible`, its tabs are spaces."""
    return [visible_source(line) for line in text.replace("\r\n", "\n").split("\n")]


def visible_source(line: str) -> str:
    """Return a line of source as it looks in an editor: tabs are spaces, the rest `visible`."""
    return visible(line.expandtabs(TAB_WIDTH))


def without_commands(text: str) -> str:
    r"""Return a whole output in which a CI runner finds no command: `\::error::`, `##\[error]`."""
    return COMMAND.sub(r"\g<0>\\", text)


def to_json(document: object) -> str:
    r"""Write a JSON text that ends in one newline, readable, and safe to print.

    Letters stay letters; what acts or hides is written as `\uXXXX`, which a reader of the JSON
    gets back unchanged. Lone surrogates become U+FFFD: strict readers refuse them.
    """
    text = LONE_SURROGATE.sub("\ufffd", json.dumps(document, ensure_ascii=False, indent=2))
    safe = "\n".join(UNSEEN.sub(_json_escape, line) for line in text.split("\n")) + "\n"
    return safe.replace("##[", "#\\u0023[")  # see COMMAND


def _spelt(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
