"""The tables of the service's durable state. Times are seconds since 1970, in UTC."""

import zlib

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData()

ACTIVE = ("new", "running", "posting")
"""The states of a job that is still to be done."""
ENDED = ("superseded", "failed")
"""The states of one that ended without being done: it may be made new again."""

_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER key


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


def _time(name: str) -> Column[float]:
    return Column(name, Float(53), nullable=False, server_default=text("0"))


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


class Packed(TypeDecorator[bytes]):
    """A body of JSON, which shrinks to an eighth: what is synced is mostly bodies.

    Packed bytes begin with an x, and no JSON does: bodies of before are given as they are.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Pack a body for the table; the fastest level does nearly as well as the best."""
        return None if value is None else zlib.compress(value, 1)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Give the body as it arrived."""
        return zlib.decompress(value) if value is not None and value[:1] == b"x" else value


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


delivery = Table(
    "delivery",
    metadata,
    Column("guid", Text, primary_key=True),
    _text("event"),
    _text("action"),
    _number("installation"),
    Column("body", Packed, nullable=False),
    Column("digest", Text, nullable=False, index=True),
    Column("received_at", Float(53), nullable=False, index=True),
    _text("outcome"),
    Column("job_id", BigInteger),
)
"""The inbox. `digest` tells a delivery that is played again under another id."""

job = Table(
    "job",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    _text("kind"),
    _number("installation"),
    _number("repository_id"),
    _text("owner_login"),
    _text("repository"),
    _number("number"),
    _text("base"),
    _text("head"),
    _number("run"),
    _text("state"),
    _text("reason"),
    _flag("recheck"),
    Column("owner", Text),
    _text("worker"),
    _time("lease_until"),
    _number("attempts"),
    _number("progress"),
    _number("progress_at_claim"),
    _time("not_before"),
    _time("published_at"),
    _time("created_at"),
    _time("claimed_at"),
    _time("finished_at"),
    Column("review_id", BigInteger),
    Column("check_run_id", BigInteger),
    _flag("check_open"),
    _text("delivery"),
    _flag("unclean_posting"),
    UniqueConstraint("kind", "repository_id", "number", "base", "head", "run"),
    Index("job_owner", "owner"),
    Index("job_open", "state", "check_open"),
    Index("job_head", "repository_id", "head"),
    Index("job_finished", "finished_at"),
)
"""One row for each pull request, base, head and run. `owner` is the token of a claim; every write
of a worker names it. `progress` counts kept answers and steps. `unclean_posting` stands from before
the first write of a review until it is recorded: a job that is made new meanwhile may have one on
GitHub."""

answer = Table(
    "answer",
    metadata,
    Column("installation", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("completion", LargeBinary, nullable=False),
    Column("used_at", Float(53), nullable=False, index=True),
)
"""What the model answered, by the content of the question."""

write_turn = Table(
    "write_turn",
    metadata,
    Column("installation", BigInteger, primary_key=True, autoincrement=False),
    Column("next_at", Float(53), nullable=False),
)
"""When the next write to an installation may be sent, by whichever worker."""

worker = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seen_until", Float(53), nullable=False),
    Column("running", Integer, nullable=False),
)
"""The worker processes that were heard of, and how many jobs each runs."""
