"""A job that gave way while it was posted is still known to have been, when it comes back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, and set it for what is being posted now."""
    flag = sa.Column("unclean_posting", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("job", flag)
    job = sa.table("job", sa.column("state", sa.Text), sa.column("unclean_posting", sa.Boolean))
    posting = sa.update(job).where(job.c.state == "posting")
    op.execute(posting.values(unclean_posting=sa.true()))
