"""The tables of the ledger. Rows are only ever added, and removed by age, so that writers never change the same row.

What there is much of stands by its run alone, side by side: a run is then written to few pages, however large the
ledger has become. Time and pipeline are those of the run.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text

from pipeline_checks.verification.ledger.column_types import Instant, JsonText, PlainText

METADATA: Final = MetaData()

RUNS: Final = Table(
    "ledger_runs",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("cut", JsonText),
    Index("ledger_runs_by_time", "pipeline", "at"),
)
"""One row a verification of a pipeline; ``at`` is when it began, here as in the tables that repeat it."""

STAGES: Final = Table(
    "ledger_stages",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("position", JsonText),
    Column("covers_cut", Boolean),
    Column("rows", BigInteger),
    Column("rows_grade", String(16)),
    Column("lag_seconds", Double),
    Column("problem", PlainText, nullable=False),
    sqlite_with_rowid=False,
)
"""Where each stage stood."""

VERDICTS: Final = Table(
    "ledger_verdicts",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("check_kind", String(64), primary_key=True),
    Column("verdict", String(16), nullable=False),
    Column("message", PlainText, nullable=False),
    Column("looked_at", JsonText, nullable=False),
    Column("findings_total", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""What each check said."""

FINDINGS: Final = Table(
    "ledger_findings",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("check_kind", String(64), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("blamed_stage", Text, nullable=False),
    Column("detail", PlainText),
    Column("finding", JsonText, nullable=False),
    sqlite_with_rowid=False,
)
"""The listed findings of each verdict, as reports show them."""

MEASURES: Final = Table(
    "ledger_measures",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("check_kind", String(64), primary_key=True),
    Column("measure", Text, primary_key=True),
    Column("value", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""The numbers that the checks measured."""

SCHEMAS: Final = Table(
    "ledger_schemas",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("columns", JsonText, nullable=False),
    Column("enforces_nullability", Boolean, nullable=False),
    Index("ledger_schemas_by_time", "pipeline", "stage", "at"),
)
"""The schema of a stage each time that it was another than before."""

FACTS: Final = Table(
    "ledger_facts",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("topic", String(64), primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("value", JsonText, nullable=False),
    Index("ledger_facts_by_time", "pipeline", "stage", "topic", "at"),
)
"""What connectors, slots and the like told of themselves."""

PROOFS: Final = Table(
    "ledger_verified_through",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("upstream", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("upstream_position", JsonText),
    Column("position", JsonText, nullable=False),
    Column("covers", JsonText),
    Column("cut", JsonText),
    Column("grade", String(16), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("promise", String(64), nullable=False),
    Column("identity", PlainText, nullable=False),
    Column("sweep", JsonText),
    Index("ledger_verified_through_by_time", "pipeline", "stage", "at"),
)
"""Up to which positions a stage is proved to agree with another; see ``proofs``."""

OF_A_RUN: Final = (VERDICTS, FINDINGS, MEASURES, STAGES, RUNS)
"""Tables whose rows go when their run is older than what is kept."""
LAST_KEPT: Final = (SCHEMAS, FACTS, PROOFS)
"""Tables of which the newest row of each thing is kept, however old it is."""
