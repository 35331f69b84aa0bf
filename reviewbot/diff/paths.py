"""The header of a file's section becomes its Header: paths, modes and what happened to the file."""

import re
from dataclasses import dataclass

_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}
_PREFIX = re.compile(r"([abciow12])/")
_MODE = re.compile(r"^index [0-9a-f.]+ (\d{6})$", re.MULTILINE)
_BINARY = re.compile(r"^Binary files (.+) differ$", re.MULTILINE)
_CANNOT_DISPLAY = "\nCannot display: file marked as a binary type."
NO_FILE = "/dev/null"


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above a file's hunks.

    `old` and `new` are the paths without git's prefixes, None where that side has no file.
    `old_mode` and `new_mode` are git's six digits, None where the diff does not say.
    """

    old: str | None
    new: str | None
    copied: bool
    renamed: bool
    old_mode: str | None
    new_mode: str | None
    binary: bool


def parse_header(text: str) -> Header:
    """Read the lines of a section above its first hunk; damaged paths come out as they stand."""
    old, new = _paths(text)
    added, deleted = _field(text, "new file mode "), _field(text, "deleted file mode ")
    same = _MODE.search(text)
    mode = same[1] if same else None
    copied, renamed = _field(text, "copy from "), _field(text, "rename from ")
    return Header(
        old=None if added else old,
        new=None if deleted else new,
        copied=copied is not None,
        renamed=renamed is not None,
        old_mode=deleted or _field(text, "old mode ") or (None if added else mode),
        new_mode=added or _field(text, "new mode ") or (None if deleted else mode),
        binary="\nGIT binary patch" in text
        or _BINARY.search(text) is not None
        or _CANNOT_DISPLAY in text,
    )


def unquote(path: str) -> str:
    """Undo git's C-style quoting; bytes that are no UTF-8 become U+FFFD."""
    if not (len(path) >= 2 and path[0] == path[-1] == '"'):
        return path
    return _ESCAPE.sub(_unescape, path[1:-1].encode()).decode("utf-8", "replace")


def _unescape(match: re.Match[bytes]) -> bytes:
    octal, letter = match.groups()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    return bytes([_LETTERS[letter]]) if letter in _LETTERS else letter


def _field(text: str, name: str) -> str | None:
    """Give what follows a header's keyword at the start of a line."""
    at = text.find("\n" + name)
    if at < 0:
        return None
    end = text.find("\n", at + 1)
    return text[at + 1 + len(name) : end if end >= 0 else None]


def _paths(text: str) -> tuple[str | None, str | None]:
    """Find both paths, from the surest line that has them to the least sure one."""
    for verb in ("rename", "copy"):
        old, new = _field(text, f"{verb} from "), _field(text, f"{verb} to ")
        if old is not None and new is not None:
            return unquote(old), unquote(new)
    old, new = _field("\n" + text, "--- "), _field("\n" + text, "+++ ")
    if old is not None and new is not None:
        named = _first_line_paths(text)
        return _without_prefixes(_file_line(old), _file_line(new), named)
    if text.startswith("Index: "):
        path = unquote(text.split("\n", 1)[0].removeprefix("Index: "))
        return path, path
    named = _first_line_paths(text)
    return _without_prefixes(*named, named) if named else (None, None)


def _file_line(value: str) -> str:
    """Give the path of a `---` or `+++` line, without the time that may follow a tab.

    git puts a bare tab behind a path with a space, quoted or not; within quotes a tab is `\\t`.
    """
    return unquote(value.split("\t", 1)[0])


def _first_line_paths(text: str) -> tuple[str, str] | None:
    """Give both names of a `diff --git` or `Binary files` line, with their prefixes."""
    line = text.split("\n", 1)[0]
    if line.startswith("Binary files ") and (found := _BINARY.match(line)):
        left, _, right = found[1].partition(" and ")
        return unquote(left), unquote(right)
    if not line.startswith("diff --git "):
        return None
    return _two_names(line.removeprefix("diff --git "))


def _two_names(value: str) -> tuple[str, str] | None:
    """Split `a/x y b/x y`, whose names may hold spaces, and either of which may be quoted."""
    if value.startswith('"'):
        end = re.match(r'"(?:[^"\\]|\\.)*"', value)
        return (unquote(end[0]), unquote(value[end.end() + 1 :])) if end else None
    if value.endswith('"') and (at := value.find(' "')) >= 0:
        return value[:at], unquote(value[at + 1 :])
    half = len(value) // 2
    left, right = value[:half], value[half + 1 :]
    if value[half : half + 1] == " " and left[left.find("/") :] == right[right.find("/") :]:
        return left, right
    left, space, right = value.partition(" ")
    return (left, right) if space else None


def _without_prefixes(
    old: str, new: str, named: tuple[str, str] | None
) -> tuple[str | None, str | None]:
    """Strip `a/` and `b/` (or git's mnemonic letters), but no folder that is really called so.

    With git's prefixes the two sides differ in the letter; without them (`--no-prefix`) a path
    below a folder `a` has the same letter on both.
    """
    left, right = (_PREFIX.match(path) for path in (named or (old, new)))
    sides = [None if path == NO_FILE else path for path in (old, new)]
    one_side_only = named is None and None in sides
    if one_side_only or (left and right and left[1] != right[1]):
        return tuple(path and _PREFIX.sub("", path, count=1) for path in sides)  # type: ignore[return-value]
    return sides[0], sides[1]
