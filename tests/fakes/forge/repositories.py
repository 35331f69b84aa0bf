"""Commits by people in; real git repositories, served over HTTP, and their diffs out."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from unidiff.patch import PatchSet

from tests.fakes.wire import Reply, Request

Files = Mapping[str, str | None]
"""Contents by path; None removes the file."""
_WHO = "Ada <ada@example.org> 1790000000 +0000"


class Git:
    """One bare repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.run("init", "-q", "--bare", "-b", "main")
        self.run("config", "uploadpack.allowFilter", "true")
        self.run("config", "uploadpack.allowAnySHA1InWant", "true")
        self.run("config", "gc.auto", "0")
        self._commits = 0

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        environment = {
            "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.folder),
        }  # fmt: skip
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], env=environment, input=stdin,
            capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout.decode().removesuffix("\n")

    def commit(self, files: Files, ref: str, parent: str | None) -> str:
        """Commit files on top of a parent, let a ref name the commit, and give its id."""
        self._commits += 1
        lines = [f"commit {ref}".encode(), f"committer {_WHO}".encode(),
                 *_data(f"Commit {self._commits}".encode())]  # fmt: skip
        lines += [f"from {parent}".encode()] if parent else []
        for path, text in files.items():
            if text is None:
                lines.append(f"D {path}".encode())
            else:
                lines += [f"M 100644 inline {path}".encode(), *_data(text.encode())]
        self.run("fast-import", "--quiet", "--force", stdin=b"\n".join([*lines, b""]))
        return self.run("rev-parse", ref)

    def merge_base(self, base: str, head: str) -> str:
        return self.run("merge-base", base, head)

    def hunks(self, base: str, head: str) -> dict[str, list[set[tuple[str, int]]]]:
        """The places that take a comment: for each path and each hunk, side and line."""
        merge_base = self.merge_base(base, head)
        text = self.run("-c", "core.quotePath=false", "diff", "-M", "-U3", merge_base, head)
        found: dict[str, list[set[tuple[str, int]]]] = {}
        for file in PatchSet(text):
            for hunk in file:
                places = {
                    ("RIGHT", line.target_line_no or 0) for line in hunk if not line.is_removed
                }
                places |= {("LEFT", line.source_line_no or 0) for line in hunk if not line.is_added}
                found.setdefault(file.path, []).append(places)
        return found


def _data(content: bytes) -> list[bytes]:
    return [b"data %d" % len(content), content]


def serve_git(folder: Path, request: Request) -> Reply:
    """Answer git's smart HTTP with git's own program."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.content)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
    }
    done = subprocess.run(
        ["git", "http-backend"], input=request.content, env=environment, capture_output=True,
        check=False,
    )  # fmt: skip
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
    return Reply(int(headers.pop("Status", "200").split()[0]), body, headers)
