"""The bytes of a diff become Sections: the text of one file's change each, with its line number.

Only borders are looked for here; what stands inside a section is parsed by `parse`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from reviewbot.errors import DiffError

# what git writes of a file without a header: a conflict, and a submodule with `--submodule=log`
_HEADLESS = (
    rb"\* Unmerged path [^\n]+$|Submodule [^\n]+ (?:[0-9a-f]{7,64}\.{2,3}[0-9a-f]{7,64}[^\n]*"
    rb"|contains (?:untracked|modified) content)$"
)
_MAIL = rb"From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\r?\n"  # git's own, of every mail
_MESSAGE_END = re.compile(rb"^(?:---\r?$|diff --git |From )", re.MULTILINE)
_BORDER = re.compile(
    rb"^(?:diff --(?:git|cc|combined) |Index: |Binary files .* differ\r?$|--- [^\n]*\n\+\+\+ |"
    + rb"|".join((_MAIL, _HEADLESS))
    + rb")",
    re.MULTILINE,
)
_HUNK = re.compile(rb"^@@ -\d+(?:,(\d{1,18}))? \+\d+(?:,(\d{1,18}))? @@", re.MULTILINE)
_COLOURED = re.compile(rb"^\x1b\[[0-9;]*m(?:\x1b\[[0-9;]*m)*(?:diff --|@@|[-+])", re.MULTILINE)
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[mK]")
_COMMIT = re.compile(rb"(?:commit|From) [0-9a-f]{7,64}\b")
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a diff that changes one file.

    `line` is the 1-based number of its first line in the whole diff. `text` has no carriage
    return at its line ends where only the transport had put them there; undecodable bytes are
    U+FFFD.
    """

    line: int
    text: str


def split_sections(data: bytes) -> Iterator[Section]:
    """Give the sections of a diff one at a time, so that memory follows the largest of them.

    Raises `DiffError` where the text holds no diff and is not empty either.
    """
    data = _plain(data)
    starts = list(_section_starts(data))
    if not starts:
        _refuse_what_is_no_diff(data)
    line, counted = 1, 0
    for start, end in pairwise([*starts, len(data)]):
        line += data.count(b"\n", counted, start)
        counted = start
        if not data.startswith(b"From ", start):
            yield Section(line, _decode(data[start:end]))


def _plain(data: bytes) -> bytes:
    """Undo what a shell or a pager did to the whole text: UTF-16, a byte order mark, colours."""
    if data.startswith(_UTF16_BOMS):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    data = data.removeprefix(_UTF8_BOM)
    if b"\x1b[" in data and _COLOURED.search(data):
        data = _COLOUR.sub(b"", data)
    return data


def _section_starts(data: bytes) -> Iterator[int]:
    """Find where files begin, and mails, whose message may hold what looks like a diff.

    Lines of a hunk begin with a sign, so `diff --git` in the first column is always a border.
    `--- ` above `+++ ` may be content instead (a removed line `-- x`, an added one `++ y`), so
    there the hunk before it is counted out.
    """
    in_header = False  # the section so far has no `---` line of its own
    hunk_end = start = 0
    for border in _BORDER.finditer(data):
        at = border.start()
        if border[0].startswith(b"From"):
            message = _MESSAGE_END.search(data, border.end())
            in_header, start = False, message.start() if message else len(data)
            hunk_end = start
            yield at
            continue
        if border[0].startswith((b"* ", b"Submodule ")):
            in_header = False
        elif border[0].startswith((b"diff", b"Index")):
            in_header = True
        elif at < hunk_end:
            continue
        elif border[0].startswith(b"Binary"):
            if in_header:
                continue
        else:
            hunk_end = _end_of_last_hunk(data, start, at)
            if at < hunk_end:
                continue
            if in_header and not hunk_end:
                in_header = False
                continue
            in_header = False
        start, hunk_end = at, 0
        yield at


def _end_of_last_hunk(data: bytes, start: int, before: int) -> int:
    """Give the offset behind the last hunk that begins in the range; 0 where there is none."""
    at = data.rfind(b"\n@@ -", start, before)
    header = _HUNK.match(data, at + 1) if at >= 0 else None
    if header is None:
        return 0
    old, new = (1 if count is None else int(count) for count in header.groups())
    at = _line_end(data, header.end())
    while (old > 0 or new > 0) and at < len(data):
        sign = data[at : at + 1]
        old -= sign in b"- \n\r"
        new -= sign in b"+ \n\r"
        at = _line_end(data, at)
    return at


def _line_end(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end + 1


def _decode(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    if text.find("\r\n", 0, text.find("\n") + 1) >= 0:
        text = text.replace("\r\n", "\n")  # git writes no CR in headers: the transport did
    return text


def _refuse_what_is_no_diff(data: bytes) -> None:
    """Raise unless the text is blank, or a log whose commits change nothing."""
    text = data.lstrip()
    if not text or _COMMIT.match(text):
        return
    line = data.count(b"\n", 0, len(data) - len(text)) + 1
    if b"\0" in data[:8192]:
        raise DiffError(f"line {line}: this is binary data, not a diff")
    shown = text.split(b"\n", 1)[0][:60].decode("utf-8", "replace").strip()
    raise DiffError(
        f"line {line}: this is no diff: it begins {shown!r}, and no `diff --git` or `---` follows"
    )
