"""A file on the model hub in; its bytes come out, appended to what is there already."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.errors import ModelUnavailableError
from reviewbot.servers.catalogue import Entry, HubSource

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

REACH_SECONDS = 5.0  # to learn whether the hub is there at all
READ_SECONDS = 30.0  # without a byte
STALLS = 3  # tries in a row that bring nothing


@dataclass(frozen=True, slots=True)
class HubFile:
    """What the hub says of a file: where it is, its size in bytes and its sha256."""

    url: str
    size: int
    sha256: str


def fetch_from_hub(
    source: HubSource,
    entry: Entry,
    part: Path,
    check_room: Callable[[int], None],
    tell: Callable[[int, int], None],
) -> str:
    """Append to `part` what it lacks of the file; give the sha256 that it must have.

    That is the catalogue's, else the one the hub keeps. `check_room` hears the size of the file
    first, and raises where it does not fit. Raises ModelUnavailableError where the hub cannot be
    reached within 5 s, has no such file, or stops sending.
    """
    file = describe(source, entry)
    check_room(file.size)
    done = part.stat().st_size if part.exists() else 0
    if done > file.size:
        part.unlink()
        done = 0
    tell(done, file.size)
    stalls = 0
    while done < file.size:
        problem = append(file, part, tell)
        before, done = done, part.stat().st_size if part.exists() else 0
        stalls = stalls + 1 if done <= before else 0
        if stalls == STALLS:
            raise ModelUnavailableError(
                f"the download stopped after {done:,} of {file.size:,} bytes ({problem}); "
                "try again, it goes on from there"
            )
        time.sleep(stalls)
    return file.sha256


def describe(source: HubSource, entry: Entry) -> HubFile:
    """Ask the hub for the size and the sha256 of a file, for at most 5 s."""
    from huggingface_hub import hf_hub_url  # noqa: PLC0415 - start-up pays for it

    url = hf_hub_url(source.repo, source.file, endpoint=source.endpoint)
    metadata = ask_metadata(url, source.endpoint)
    sha256 = (metadata.etag or "").lower()
    if not re.fullmatch("[0-9a-f]{64}", sha256) or not metadata.size:
        raise ModelUnavailableError("it tells no size and sha256 of the file")
    if entry.sha256 not in {None, sha256}:
        raise ModelUnavailableError("it has another file than the one in the catalogue")
    return HubFile(url, metadata.size, sha256)


def ask_metadata(url: str, endpoint: str | None) -> "HfFileMetadata":
    """Ask in a thread of its own: looking up a host's name knows no timeout."""
    found: list[HfFileMetadata | ModelUnavailableError] = []

    def ask() -> None:
        import httpx2  # noqa: PLC0415 - start-up pays for it
        from huggingface_hub import get_hf_file_metadata  # noqa: PLC0415
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415

        try:
            found.append(get_hf_file_metadata(url, timeout=REACH_SECONDS, endpoint=endpoint))
        except OfflineModeIsEnabled:
            found.append(ModelUnavailableError("HF_HUB_OFFLINE is set"))
        except HfHubHTTPError as error:
            found.append(ModelUnavailableError(f"it answers {error.response.status_code}"))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            found.append(ModelUnavailableError(f"it cannot be reached ({one_line(error)})"))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS)
    answer = found[0] if found else ModelUnavailableError("it cannot be reached within 5 seconds")
    if isinstance(answer, ModelUnavailableError):
        raise answer
    return answer


def append(file: HubFile, part: Path, tell: Callable[[int, int], None]) -> str:
    """Ask for the bytes that `part` lacks and append them; give what went wrong, else ""."""
    import httpx2  # noqa: PLC0415 - start-up pays for it
    from huggingface_hub import get_session  # noqa: PLC0415
    from huggingface_hub.utils._headers import build_hf_headers  # noqa: PLC0415  # as typed

    done = part.stat().st_size if part.exists() else 0
    headers = build_hf_headers() | {"Range": f"bytes={done}-", "Accept-Encoding": "identity"}
    timeout = httpx2.Timeout(READ_SECONDS, connect=REACH_SECONDS)
    try:
        with get_session().stream("GET", file.url, headers=headers, timeout=timeout) as reply:
            if reply.status_code not in {200, 206}:
                return f"it answers {reply.status_code}"
            # 200: the server does not resume, and begins again
            with part.open("ab" if reply.status_code == 206 else "wb") as output:
                # chunks of any size: bytes that wait for more are lost with the connection
                for chunk in reply.iter_bytes():
                    output.write(chunk)
                    tell(output.tell(), file.size)
    except httpx2.HTTPError as error:
        return one_line(error)
    return "" if part.stat().st_size >= file.size else "the connection was closed"


def one_line(error: Exception) -> str:
    """Give the first line of an error's text, or its type where it has none."""
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(error).partition("\n")[0])
    return text or type(error).__name__
