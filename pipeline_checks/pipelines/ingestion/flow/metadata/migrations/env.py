"""What Alembic runs around the scripts: they change the database over the connection that is handed in."""

from __future__ import annotations

from alembic import context

from pipeline_checks.pipelines.ingestion.flow.metadata.tables import VERSION_TABLE, Base


def migrate() -> None:
    """Run the scripts; the caller's transaction holds them together."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=Base.metadata, version_table=VERSION_TABLE)
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # not when a tool only imports this file
    migrate()
