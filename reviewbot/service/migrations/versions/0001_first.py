"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=False, server_default=sa.text("0"))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("false"))


def upgrade() -> None:
    """Make the tables."""
    _deliveries()
    _jobs()
    op.create_table(
        "answer",
        sa.Column("installation", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("completion", sa.LargeBinary, nullable=False),
        sa.Column("used_at", sa.Float(53), nullable=False, index=True),
    )
    op.create_table(
        "write_turn",
        sa.Column("installation", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("next_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seen_until", sa.Float(53), nullable=False),
        sa.Column("running", sa.Integer, nullable=False),
    )


def _deliveries() -> None:
    op.create_table(
        "delivery",
        sa.Column("guid", sa.Text, primary_key=True),
        _text("event"),
        _text("action"),
        _number("installation"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, index=True),
        sa.Column("received_at", sa.Float(53), nullable=False, index=True),
        _text("outcome"),
        sa.Column("job_id", sa.BigInteger),
    )


def _jobs() -> None:
    key = ("kind", "repository_id", "number", "base", "head", "run")
    op.create_table(
        "job",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        _text("kind"),
        *(_number(name) for name in ("installation", "repository_id")),
        *(_text(name) for name in ("owner_login", "repository")),
        _number("number"),
        *(_text(name) for name in ("base", "head")),
        _number("run"),
        *(_text(name) for name in ("state", "reason")),
        _flag("recheck"),
        sa.Column("owner", sa.Text),
        _text("worker"),
        _time("lease_until"),
        *(_number(name) for name in ("attempts", "progress", "progress_at_claim")),
        *(_time(name) for name in ("not_before", "published_at")),
        *(_time(name) for name in ("created_at", "claimed_at", "finished_at")),
        sa.Column("review_id", sa.BigInteger),
        sa.Column("check_run_id", sa.BigInteger),
        _flag("check_open"),
        _text("delivery"),
        sa.UniqueConstraint(*key),
    )
    op.create_index("job_owner", "job", ["owner"])
    op.create_index("job_open", "job", ["state", "check_open"])
    op.create_index("job_head", "job", ["repository_id", "head"])
    op.create_index("job_finished", "job", ["finished_at"])
