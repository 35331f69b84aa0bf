"""What alembic runs: it upgrades over the connection that `schema.upgrade` hands it."""

from alembic import context

from reviewbot.service.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
