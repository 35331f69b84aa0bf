"""Arbitrary diffs for hypothesis: what changes in files, the text git would write, what it means.

The text is rendered here and not by the code under test, from lines that know their numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from hypothesis import strategies as st

from reviewbot.diff.hunks import Line, Sign
from reviewbot.diff.parse import FileDiff, Status, parse_diff

NASTY = (
    "", " ", "\t", "\r", "x\r", "a\rb", "- item", "-- comment", "- ", "--", "++ y", "-- a/x",
    "++ b/x", "@@ -1 +1 @@", "@@@ -1 -1 +1 @@@", "diff --git a/x b/x", "Index: x",
    "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001",
    "\\ No newline at end of file", "Binary files a/x and b/x differ", "a\x85b", "a\u2028b\u2029c",
    "\x0b\x0c\x1c\x1d\x1e", "\ufeffx", "\x1b[31mred\x1b[m", "\x00", "\u202e", "\U0001f600",
    "<|im_start|>system", "</change>", "17.kq|+x", "}}}}}", "        deep", "9" * 60,
)  # fmt: skip
"""Lines that have broken readers of diffs, or might."""

LINE_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\n")
TEXTS = st.sampled_from(NASTY) | st.text(LINE_CHARACTERS, max_size=12)
SECTIONS = TEXTS.map(lambda text: text.rstrip("\r"))
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
SIGNS: st.SearchStrategy[Sign] = st.sampled_from(get_args(Sign))
RAW_LINES = st.lists(st.tuples(SIGNS, TEXTS), min_size=1, max_size=8)


@dataclass(frozen=True, slots=True)
class Made:
    """One file of a diff as it was made: its text, and what a reader must make of it."""

    text: str
    path: str
    old_path: str | None
    status: Status
    hunks: tuple[tuple[str, tuple[Line, ...]], ...]


def meaning(file: FileDiff) -> tuple[object, ...]:
    """What was read of a file, to be compared with `expected`."""
    hunks = tuple((hunk.section, tuple(hunk.lines())) for hunk in file.hunks)
    return file.path, file.old_path, file.status, hunks, file.damage


def expected(made: Made) -> tuple[object, ...]:
    return made.path, made.old_path, made.status, made.hunks, None


def data_of(files: list[Made]) -> bytes:
    return "".join(file.text for file in files).encode()


def read(files: list[Made]) -> list[FileDiff]:
    return list(parse_diff(data_of(files)))


def quoted(path: str) -> str:
    """Write a path as git does: in quotes, with C's escapes, where it holds anything odd."""
    plain = path.isascii() and path.isprintable() and not set(path) & {'"', "\\"}
    octal = (f"\\{byte:03o}" for byte in path.encode())
    return path if plain else f'"{"".join(octal)}"'


@st.composite
def modified(draw: st.DrawFn, *, git: bool = True) -> Made:
    """A file with hunks of any lines, of git or of plain `diff -u`, maybe renamed."""
    path = draw(PATHS)
    old_path = draw(PATHS.filter(lambda old: old != path)) if git and draw(st.booleans()) else None
    hunks, bodies = [], []
    old, new = 1, 1
    for raw in draw(st.lists(RAW_LINES, min_size=1, max_size=2)):
        gap = draw(st.integers(0, 9))
        section = draw(SECTIONS)
        lines = numbered(raw, old + gap, new + gap)
        hunks.append((section, lines))
        bodies.append(render_hunk(section, lines, no_newline=draw(st.booleans())))
        old = lines[-1].old + (lines[-1].sign != "+")
        new = lines[-1].new + (lines[-1].sign != "-")
    before, after = old_path or path, path
    names = f"--- {quoted('a/' + before)}\t\n+++ {quoted('b/' + after)}\t\n"
    top = ""
    if git:
        top = f"diff --git {quoted('a/' + before)} {quoted('b/' + after)}\n"
    if old_path:
        top += f"similarity index 80%\nrename from {quoted(before)}\nrename to {quoted(after)}\n"
    status: Status = "renamed" if old_path else "modified"
    return Made(top + names + "".join(bodies), path, old_path, status, tuple(hunks))


@st.composite
def added_or_deleted(draw: st.DrawFn) -> Made:
    """A file that comes or goes, empty ones too."""
    path, sign = draw(PATHS), draw(SIGNS.filter(lambda sign: sign != " "))
    texts = draw(st.lists(TEXTS, max_size=8))
    lines = numbered([(sign, text) for text in texts], 1, 1)
    names = (
        ("/dev/null", quoted(f"b/{path}")) if sign == "+" else (quoted(f"a/{path}"), "/dev/null")
    )
    verb = "new" if sign == "+" else "deleted"
    text = f"diff --git {quoted('a/' + path)} {quoted('b/' + path)}\n{verb} file mode 100644\n"
    blob = "0123456" if lines else "e69de29"  # the latter is git's id of an empty file
    text += f"index 0000000..{blob}\n" if sign == "+" else f"index {blob}..0000000\n"
    if lines:
        text += f"--- {names[0]}\n+++ {names[1]}\n{render_hunk('', lines, no_newline=False)}"
    hunks = (("", lines),) if lines else ()
    return Made(text, path, None, "added" if sign == "+" else "deleted", hunks)


@st.composite
def without_hunks(draw: st.DrawFn) -> Made:
    """A file of which only the mode or the name changes."""
    path, other = draw(st.tuples(PATHS, PATHS).filter(lambda pair: pair[0] != pair[1]))
    kinds: tuple[tuple[Status, str], ...] = (("renamed", "rename"), ("copied", "copy"))
    status, word = draw(st.sampled_from(kinds))
    text = f"diff --git {quoted('a/' + other)} {quoted('b/' + path)}\nsimilarity index 100%\n"
    text += f"{word} from {quoted(other)}\n{word} to {quoted(path)}\n"
    return Made(text, path, other, status, ())


def git_diffs(least: int = 0, most: int = 3) -> st.SearchStrategy[list[Made]]:
    kinds = modified() | added_or_deleted() | without_hunks()
    return st.lists(kinds, min_size=least, max_size=most).filter(_no_type_change)


def plain_diffs() -> st.SearchStrategy[list[Made]]:
    return st.lists(modified(git=False), min_size=1, max_size=2)


def _no_type_change(files: list[Made]) -> bool:
    """Leave out what git never writes: the same path deleted and added, with the same mode."""
    return len({file.path for file in files}) == len(files)


def numbered(raw: list[tuple[Sign, str]], old: int, new: int) -> tuple[Line, ...]:
    lines = []
    for sign, text in raw:
        lines.append(Line(sign, text, old, new))
        old += sign != "+"
        new += sign != "-"
    return tuple(lines)


def render_hunk(section: str, lines: tuple[Line, ...], *, no_newline: bool) -> str:
    """Write a hunk; a side without lines is said to begin on the line before, as git does."""
    spans = []
    for side, start in (("+", lines[0].old), ("-", lines[0].new)):
        count = sum(line.sign != side for line in lines)
        spans.append(f"{start if count else start - 1},{count}")
    body = "".join(f"{line.sign}{line.text}\n" for line in lines)
    marker = "\\ No newline at end of file\n" if no_newline else ""
    return f"@@ -{spans[0]} +{spans[1]} @@ {section}\n{body}{marker}"


Mutate = Callable[[bytes], bytes]


@st.composite
def mutations(draw: st.DrawFn) -> Mutate:
    """A way to damage bytes: cut out, doubled, overwritten or put in, somewhere."""
    at, length = draw(st.floats(0, 1)), draw(st.integers(0, 40))
    new = draw(st.binary(max_size=6) | st.sampled_from(PIECES))
    doubled = draw(st.booleans())

    def mutate(data: bytes) -> bytes:
        start = int(at * len(data))
        old = data[start : start + length]
        return data[:start] + new + (old + old if doubled else b"") + data[start + length :]

    return mutate


PIECES = (
    b"\n", b"\r\n", b"\r", b"\n\n", b"@@", b"\n@@ -1 +1 @@\n", b"\n+", b"\n-", b'"', b"\\", b"\0",
    b"\n@@ -0,0 +1,99999999999999999999 @@\n", b"\n--- a\n+++ b\n", b"\n---\n", b"\n-- \n2.45\n",
    b"diff --git ", b"\ndiff --git a/x b/x\n", b"\ndiff --cc x\n", b"\nIndex: x\n", b"\xe2\x80",
    b"\n\\ No newline at end of file\n", b"\x1b[31m", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\nBinary files a and b differ\n", b"\nGIT binary patch\n", b"\nrename from x\n",
    b"\nFrom 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n",
    b"\nnew file mode 120000\n", b"\ndeleted file mode 100644\n",
)  # fmt: skip
