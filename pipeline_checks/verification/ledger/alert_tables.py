"""The tables of what people are told. Unlike those of runs, rows change: an alert closes, a notice is sent."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, text

from pipeline_checks.verification.ledger.column_types import Instant, JsonText, PlainText
from pipeline_checks.verification.ledger.tables import METADATA

ALERTS: Final = Table(
    "ledger_alerts",
    METADATA,
    Column("alert_id", String(32), primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("check_kind", Text, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("message", PlainText, nullable=False),
    Column("findings_total", BigInteger, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("told", JsonText, nullable=False),
    Column("told_at", Instant),
    Column("recovered_at", Instant),
    Column("closed_at", Instant),
    Index(
        "ledger_alerts_one_of_a_check",
        "pipeline",
        "stage",
        "check_kind",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)
"""One row from the first verdict that is told to the recovery that is told; see ``alert_book.Alert``."""

NOTICES: Final = Table(
    "ledger_notices",
    METADATA,
    Column("notice_id", String(32), primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("source", Text),
    Column("made_at", Instant, nullable=False),
    Column("document", JsonText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("problem", PlainText),
    Index("ledger_notices_waiting", "delivered_at", "next_at"),
    Index("ledger_notices_once", "pipeline", "source", "channel", unique=True),
)
"""One row a message and channel, written before anything is sent. ``source`` names what may be told once only."""

MUTES: Final = Table(
    "ledger_mutes",
    METADATA,
    Column("mute_id", String(32), primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("check_kind", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("reason", PlainText, nullable=False),
)
"""Of what nobody wants to hear for a while; ``*`` stands for anything."""
