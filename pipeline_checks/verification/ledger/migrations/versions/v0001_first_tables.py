"""The first tables: runs, stages, verdicts, findings, measures, schemas, facts, and what is verified through where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "ledger_runs",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("cut", sa.Text(), nullable=True),
    )
    op.create_index("ledger_runs_by_time", "ledger_runs", ["pipeline", "at"])
    op.create_table(
        "ledger_stages",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("covers_cut", sa.Boolean(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("rows_grade", sa.String(16), nullable=True),
        sa.Column("lag_seconds", sa.Double(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_verdicts",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("check_kind", sa.String(64), primary_key=True),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.Text(), nullable=False),
        sa.Column("findings_total", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_findings",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("check_kind", sa.String(64), primary_key=True),
        sa.Column("ordinal", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("blamed_stage", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_measures",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("check_kind", sa.String(64), primary_key=True),
        sa.Column("measure", sa.Text(), primary_key=True),
        sa.Column("value", sa.Double(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_schemas",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("enforces_nullability", sa.Boolean(), nullable=False),
    )
    op.create_index("ledger_schemas_by_time", "ledger_schemas", ["pipeline", "stage", "at"])
    op.create_table(
        "ledger_facts",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("topic", sa.String(64), primary_key=True),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_index("ledger_facts_by_time", "ledger_facts", ["pipeline", "stage", "topic", "at"])
    op.create_table(
        "ledger_verified_through",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("upstream", sa.Text(), primary_key=True),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upstream_position", sa.Text(), nullable=True),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("covers", sa.Text(), nullable=True),
        sa.Column("cut", sa.Text(), nullable=True),
        sa.Column("grade", sa.String(16), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("promise", sa.String(64), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("sweep", sa.Text(), nullable=True),
    )
    op.create_index("ledger_verified_through_by_time", "ledger_verified_through", ["pipeline", "stage", "at"])
