"""The feeds of lines and of events, as the settings place them."""

from __future__ import annotations

from pipeline_checks.pipelines.sales.flow.configuration.model import Flow
from pipeline_checks.pipelines.sales.flow.lake.covers import Covers
from pipeline_checks.pipelines.sales.flow.lake.feed import Feed
from pipeline_checks.pipelines.sales.flow.lake.table import LakeTable
from pipeline_checks.pipelines.sales.flow.tables import (
    DELTA,
    EVENT_FIELDS,
    EVENT_KEY,
    EVENTS_SILVER,
    LINE_FIELDS,
    LINE_KEY,
    SILVER,
)

_PIECES = {"yyyy": "%Y", "MM": "%m", "dd": "%d"}


def lines(folder: str, start: Covers, flow: Flow) -> Feed:
    """Return the feed of the lines: of a key the line that stands first in the first file stays."""
    return Feed(
        LakeTable(f"{folder}/sales_silver", DELTA["sales_silver"], start, LINE_KEY),
        LakeTable(f"{folder}/sales_quarantine", DELTA["sales_quarantine"], start),
        order=("source_file", "source_row_number", "source_partition", "source_offset"),
        fields={name: {"row_id": "source_row_id"}.get(name, name) for name in LINE_FIELDS},
        columns=SILVER,
        date_format=_strftime(flow.date_format),
    )


def events(folder: str, start: Covers, flow: Flow) -> Feed:
    """Return the feed of the events: of an id the event that was sent first stays."""
    return Feed(
        LakeTable(f"{folder}/events_silver", DELTA["events_silver"], start, EVENT_KEY),
        LakeTable(f"{folder}/events_quarantine", DELTA["events_quarantine"], start),
        order=("source_partition", "source_offset"),
        fields={name: name for name in EVENT_FIELDS},
        columns=EVENTS_SILVER,
        date_format=_strftime(flow.date_format),
    )


def _strftime(pattern: str) -> str:
    for piece, directive in _PIECES.items():
        pattern = pattern.replace(piece, directive)
    return pattern
