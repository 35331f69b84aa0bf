"""Pull requests come in; out come their jobs: locked and read once, decided about, written once.

Deliveries, and workers that find another head, decide about all reviews of a pull request at once.
Whatever order two processes do so in, the locks are taken in the same order: those of the keys
first, sorted; then those of the rows, by id. So neither waits for the other in a circle.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, text, update

from reviewbot.service.tables import ACTIVE, ENDED
from reviewbot.service.tables import job as table
from reviewbot.service.wanted import Wanted

Pull = tuple[int, int]
"""A repository's id, and the number of a pull request in it; what else has a job is named alike: a
merge queue's head by number 0, the end of an installation by repository 0 and its own number."""

NEWER_HEAD = "a newer head took its place"
_NEWER_RUN = "a newer run took its place"
_WANTED = [table.c[name] for name in Wanted.__dataclass_fields__]
_KEY = (table.c.repository_id, table.c.number, table.c.base, table.c.head, table.c.run)

_concerned = or_(
    and_(
        table.c.kind.in_(("review", "merge_check", "purge")),
        # not pairs, for which SQLite uses no index: what is read in excess is passed over
        table.c.repository_id.in_(bindparam("repositories", expanding=True)),
        table.c.number.in_(bindparam("numbers", expanding=True)),
        or_(table.c.state.in_(ACTIVE), table.c.head.in_(bindparam("heads", expanding=True))),
    ),
    table.c.id.in_(bindparam("ids", expanding=True)),
)
_read = (
    select(*_WANTED, table.c.id, table.c.state, table.c.owner, table.c.unclean_posting)
    .where(_concerned)
    .order_by(table.c.id)
    .with_for_update()
)
_numbers = select(table.c.repository_id, table.c.head, table.c.number).where(
    table.c.kind == "review",
    table.c.repository_id.in_(bindparam("repositories", expanding=True)),
    table.c.head.in_(bindparam("heads", expanding=True)),
)
_some = table.c.id.in_(bindparam("ids", expanding=True))
_insert = insert(table).returning(table.c.id, *_KEY)
_supersede = update(table).where(_some).values(
    state="superseded", reason=bindparam("why"), finished_at=bindparam("now"), published_at=0
)  # fmt: skip
_look_again = update(table).where(_some).values(recheck=True)
_ask = update(table).where(table.c.id == bindparam("job")).values(
    delivery=bindparam("guid"), owner_login=bindparam("login"), repository=bindparam("name"),
    installation=bindparam("of"),
)  # fmt: skip
_revive = _ask.values(
    state=bindparam("as_state"), reason="", attempts=0, not_before=0, published_at=0,
    created_at=bindparam("now"),
)  # fmt: skip
_lock = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")


def lock(connection: Connection, names: Iterable[str]) -> None:
    """Let one transaction at a time decide about what is named; SQLite has one writer anyway."""
    if connection.dialect.name != "postgresql":
        return
    digests = {hashlib.sha256(name.encode()).digest()[:8] for name in names}
    if digests:
        keys = sorted(int.from_bytes(digest, signed=True) for digest in digests)
        connection.execute(_lock, {"keys": keys})


def repository_name(repository_id: int) -> str:
    """Name a repository for `lock`."""
    return f"repository {repository_id}"


def pulls_with_heads(connection: Connection, suites: Collection[tuple[int, str]]) -> set[Pull]:
    """Give the pull requests that have reviews of a repository's heads."""
    if not suites:
        return set()
    given = {
        "repositories": list({repository for repository, _ in suites}),
        "heads": list({head for _, head in suites}),
    }
    found = connection.execute(_numbers, given)
    return {(repository, number) for repository, head, number in found
            if (repository, head) in suites}  # fmt: skip


@dataclass(slots=True)
class Entry:
    """A job while it is decided about; `was` is its state in the table, None where it is new."""

    wanted: Wanted
    state: str
    id: int = 0
    was: str | None = None
    owner: str | None = None
    unclean_posting: bool = False
    asked: bool = False
    recheck: bool = False
    reason: str = ""


class Board:
    """The jobs of some pull requests, and others by their ids; the caller holds the locks."""

    def __init__(
        self,
        connection: Connection,
        pulls: Collection[Pull],
        heads: Collection[str],
        ids: Collection[int] = (),
    ) -> None:
        self._connection = connection
        self._pulls: dict[Pull, list[Entry]] = {}
        self.by_id: dict[int, Entry] = {}
        if not pulls and not ids:
            return
        given = {
            "repositories": list({repository for repository, _ in pulls}),
            "numbers": list({number for _, number in pulls}),
            "heads": list(heads),
            "ids": list(ids),
        }
        for *fields, job_id, state, owner, unclean in connection.execute(_read, given):
            entry = Entry(Wanted(*fields), state, job_id, state, owner, unclean)
            self.by_id[job_id] = entry
            self._of(entry.wanted).append(entry)

    def review(self, wanted: Wanted, *, is_read: bool = False) -> Entry:
        """Want a head reviewed: its latest run is the one. Everything else of the pull request
        that is alive gives way.

        Unless the head `is_read` from GitHub just now, it may be an old one that comes late. Its
        worker would find that out; where it is done and has none, those of the others do, which
        read the pull request again.
        """
        same = list(self._runs(wanted))
        latest = max(same, key=lambda one: one.wanted.run, default=None)
        entry = self._ask(wanted, latest)
        for other in self._of(wanted):
            if other is entry or other.state not in ACTIVE:
                continue
            if entry.state == "done" and not is_read:
                other.recheck = True
            else:
                _give_way(other, NEWER_HEAD)
        return entry

    def run(self, wanted: Wanted) -> Entry:
        """Want one run of a head; earlier runs of it give way.

        Those of other heads do not: which head is the right one only GitHub knows.
        """
        same = list(self._runs(wanted))
        entry = self._ask(wanted, next((e for e in same if e.wanted.run == wanted.run), None))
        for other in same:
            if other.wanted.run < wanted.run:
                _give_way(other, _NEWER_RUN)
        return entry

    def has_run(self, wanted: Wanted) -> bool:
        """Whether a run of a head is known."""
        return any(one.wanted.run == wanted.run for one in self._runs(wanted))

    def ended(self, repository_id: int, head: str) -> list[Wanted]:
        """Give the latest run of each review of a head that is not under way."""
        latest: dict[tuple[int, str], Entry] = {}
        for entry in self._all_of(repository_id, head):
            key = (entry.wanted.number, entry.wanted.base)
            if key not in latest or latest[key].wanted.run < entry.wanted.run:
                latest[key] = entry
        return [entry.wanted for _, entry in sorted(latest.items()) if entry.state not in ACTIVE]

    def look_again(self, pull: Pull) -> list[Entry]:
        """Have the workers read a pull request again."""
        alive = [entry for entry in self._pulls.get(pull, ()) if entry.state in ACTIVE]
        for entry in alive:
            entry.recheck = True
        return alive

    def again(self, job_id: int) -> Entry | None:
        """Want a failed job once more; None where it has not failed, or another head is under way,
        whose worker finds out which is the right one.
        """
        entry = self.by_id.get(job_id)
        if entry is None or entry.state != "failed":
            return None
        wanted = entry.wanted
        if wanted.kind == "review" and any(one.state in ACTIVE for one in self._of(wanted)):
            return None
        return self._ask(wanted, entry)

    def write(self, now: float) -> None:
        """Put down what was decided, and give new jobs their ids."""
        self._insert([one for entries in self._pulls.values() for one in entries if not one.id],
                     now)  # fmt: skip
        known = list(self.by_id.values())
        for why in (NEWER_HEAD, _NEWER_RUN):
            gone = [e.id for e in known
                    if (e.state, e.reason) == ("superseded", why) and e.was != e.state]  # fmt: skip
            if gone:
                self._connection.execute(_supersede, {"ids": gone, "why": why, "now": now})
        alive = [entry for entry in known if entry.state in ACTIVE]
        revived = [_row(e) | {"as_state": e.state, "now": now} for e in alive if e.was != e.state]
        if revived:
            self._connection.execute(_revive, revived)
        asked = [_row(entry) for entry in alive if entry.asked and entry.was == entry.state]
        if asked:
            self._connection.execute(_ask, asked)
        again = [entry.id for entry in alive if entry.recheck]
        if again:
            self._connection.execute(_look_again, {"ids": again})

    def _insert(self, fresh: list[Entry], now: float) -> None:
        if not fresh:
            return
        rows = [_new_row(entry, now) for entry in fresh]
        ids = {tuple(key): job_id for job_id, *key in self._connection.execute(_insert, rows)}
        for entry in fresh:
            wanted = entry.wanted
            entry.id = ids[
                wanted.repository_id, wanted.number, wanted.base, wanted.head, wanted.run
            ]

    def _ask(self, wanted: Wanted, entry: Entry | None) -> Entry:
        """Make a job alive: new, again, or as it is; one that is done stays so."""
        if entry is None:
            entry = Entry(wanted, "new")
            self._of(wanted).append(entry)
            return entry
        if entry.state == "done":
            return entry
        if entry.state in ENDED:
            came_back = entry.was in ACTIVE  # it gave way in this very batch: it goes on
            revived = "posting" if entry.unclean_posting else "new"
            entry.state = entry.was if came_back and entry.was else revived
        # a worker that is about to end it as unwanted sees that somebody asked since
        entry.asked = True
        entry.wanted = replace(wanted, run=entry.wanted.run)
        return entry

    def _of(self, wanted: Wanted) -> list[Entry]:
        return self._pulls.setdefault((wanted.repository_id, wanted.number), [])

    def _runs(self, wanted: Wanted) -> Iterator[Entry]:
        for entry in self._of(wanted):
            if (entry.wanted.head, entry.wanted.base) == (wanted.head, wanted.base):
                yield entry

    def _all_of(self, repository_id: int, head: str) -> Iterator[Entry]:
        for (repository, number), entries in self._pulls.items():
            if repository == repository_id and number:
                yield from (entry for entry in entries if entry.wanted.head == head)


def _give_way(entry: Entry, reason: str) -> None:
    if entry.state in ACTIVE:
        entry.state, entry.reason = "superseded", reason


def _new_row(entry: Entry, now: float) -> dict[str, object]:
    wanted = entry.wanted
    return {
        "kind": wanted.kind, "installation": wanted.installation,
        "repository_id": wanted.repository_id, "owner_login": wanted.owner_login,
        "repository": wanted.repository, "number": wanted.number, "base": wanted.base,
        "head": wanted.head, "run": wanted.run, "delivery": wanted.delivery,
        "state": entry.state, "reason": entry.reason if entry.state == "superseded" else "",
        "created_at": now, "finished_at": now if entry.state == "superseded" else 0.0,
    }  # fmt: skip


def _row(entry: Entry) -> dict[str, object]:
    wanted = entry.wanted
    return {
        "job": entry.id, "guid": wanted.delivery, "login": wanted.owner_login,
        "name": wanted.repository, "of": wanted.installation,
    }  # fmt: skip
