"""A number of lines comes in; out comes a diff of that size which reads like code, always the same.

No two lines of it follow from each other, so nothing gets its speed from repetition.
"""

import random
from collections.abc import Iterator
from typing import Literal

Shape = Literal["many", "edited", "new"]
"""Many files; one file with many hunks; one new file in a single hunk."""

_LINES_A_FILE = 300
_HUNK = 24  # lines, of which a third stand around the change
_VERBS = (
    "load", "parse", "fetch", "update", "remove", "render", "check", "apply", "resolve",
    "merge", "encode", "retry",
)  # fmt: skip
_NOUNS = (
    "request", "response", "session", "account", "invoice", "order", "cursor", "buffer",
    "token", "header", "payload", "user", "document", "index", "cache", "record", "entry",
    "result", "config", "schema", "client", "worker", "event", "message",
)  # fmt: skip
_FORMS = (
    "{indent}def {verb}_{noun}(self, {other}: str, limit: int = {number}) -> list[str]:",
    "{indent}{noun} = self.{verb}_{other}({third}, timeout={number})",
    "{indent}if {noun} is None or {noun}.{other}_count > {number}:",
    '{indent}raise ValueError(f"cannot {verb} {noun} {{{other}!r}}: {number}")',
    "{indent}return {noun}.{verb}({other})",
    "{indent}for {noun} in {other}.{verb}_all({third}):",
    "{indent}self._{noun}[{other}.id] = {third}.{verb}(retries={number})",
    "{indent}# {verb} the {noun} before its {other} is closed",
    '{indent}log.info("{verb} %s of %s", {noun}, {other})',
    "{indent}except ({noun}Error, TimeoutError) as error:",
    "{indent}return None",
    "{indent}else:",
    "{indent}}}",
    "",
    "",
)


def write_diff(lines: int, shape: Shape = "many", seed: int = 1) -> Iterator[str]:
    """Give the text of a diff of about so many lines, hunk by hunk."""
    draw = random.Random(seed)
    if shape == "new":
        yield _header(0, new=True)
        yield f"@@ -0,0 +1,{lines} @@\n"
        yield from (f"+{_code(draw)}\n" for _ in range(lines))
        return
    a_file = lines if shape == "edited" else min(lines, _LINES_A_FILE)
    for index in range(max(1, lines // a_file)):
        yield _header(index, new=False)
        old = new = 1
        for _ in range(max(1, a_file // (_HUNK + 1))):
            body, removed, added = _hunk(draw)
            section = f"def {draw.choice(_VERBS)}_{draw.choice(_NOUNS)}(self):"
            yield f"@@ -{old},{removed} +{new},{added} @@ {section}\n{body}"
            old, new = old + removed + 40, new + added + 40


def _header(index: int, *, new: bool) -> str:
    path = f"src/{_NOUNS[index % len(_NOUNS)]}/{_VERBS[index % len(_VERBS)]}_{index}.py"
    if new:
        return (
            f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex 0000000..3b18e51\n"
            f"--- /dev/null\n+++ b/{path}\n"
        )
    return (
        f"diff --git a/{path} b/{path}\nindex 83db48f..bf12a3c 100644\n--- a/{path}\n+++ b/{path}\n"
    )


def _hunk(draw: random.Random) -> tuple[str, int, int]:
    """Give a hunk's lines, and how many the old and the new file have of them."""
    removed = draw.randrange(2, _HUNK // 3)
    added = 2 * _HUNK // 3 - removed
    around = _HUNK - removed - added
    signs = " " * (around // 2) + "-" * removed + "+" * added + " " * (around - around // 2)
    body = "".join(f"{sign}{_code(draw)}\n" for sign in signs)
    return body, around + removed, around + added


def _code(draw: random.Random) -> str:
    noun, other, third = draw.sample(_NOUNS, 3)
    return draw.choice(_FORMS).format(
        indent="    " * draw.randrange(4),
        verb=draw.choice(_VERBS),
        noun=noun,
        other=other,
        third=third,
        number=draw.randrange(2, 5000),
    )
