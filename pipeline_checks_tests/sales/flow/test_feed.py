"""A feed's two tables: each row in one of them, whatever order batches come in, and wherever a crash falls."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline_checks.pipelines.sales.flow.columns import arrow_schema
from pipeline_checks.pipelines.sales.flow.configuration.model import Flow
from pipeline_checks.pipelines.sales.flow.lake import feeds
from pipeline_checks.pipelines.sales.flow.lake.covers import Covers, from_metadata
from pipeline_checks.pipelines.sales.flow.lake.feed import TEXT, Feed
from pipeline_checks.pipelines.sales.flow.lake.table import LakeTable
from pipeline_checks.pipelines.sales.flow.tables import LINE_FIELDS, SILVER

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TOPIC = "sales_lines"
START: Covers = {TOPIC: {0: 0}}


def row(offset: int, order: str, number: int, *, file: str = "a.csv", reason: str | None = None) -> dict[str, Any]:
    """A judged line: what the feed reads of it."""
    return {
        "source_row_id": number,
        "order_id": order,
        "product_id": "P",
        "order_date": date(2026, 11, 1),
        "sales": Decimal("1.00"),
        "quantity": 1,
        "discount": Decimal("0.1"),
        "source_file": file,
        "source_row_number": number,
        "source_topic": TOPIC,
        "source_partition": 0,
        "source_offset": offset,
        "ingestion_timestamp": NOW,
        "rejection_reason": reason,
        **({f"{TEXT}sales": "-1", "rejected_column": "sales", "rejected_value": "-1"} if reason else {}),
    }


def judged(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    silver = pl.from_arrow(arrow_schema(SILVER).empty_table())
    assert isinstance(silver, pl.DataFrame)
    schema = {n: t for n, t in silver.schema.items() if n not in ("batch_id", "processing_timestamp")}
    texts = (
        "rejection_reason",
        "rejected_column",
        "rejected_value",
        "raw_record",
        *(f"{TEXT}{n}" for n in LINE_FIELDS),
    )
    return pl.DataFrame(rows, schema={**schema, **dict.fromkeys(texts, pl.String())})


def take(feed: Feed, rows: Sequence[dict[str, Any]]) -> None:
    reached = {TOPIC: {0: max(r["source_offset"] for r in rows) + 1}}
    feed.take(judged(rows), reached, "batch", NOW)


def opened(folder: Path) -> Feed:
    feed = feeds.lines(str(folder), START, Flow())
    feed.open()
    return feed


def held(feed: Feed) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the rows of silver and of quarantine that matter here."""
    feed.silver.refresh()
    feed.quarantine.refresh()
    silver = feed.silver.read(["order_id", "source_file", "source_row_number", "source_offset"]).rows()
    columns = ["rejection_reason", "order_id", "order_date", "sales", "row_id", "source_file", "source_offset"]
    return sorted(silver), sorted(feed.quarantine.read(columns).rows(), key=lambda r: r[-1])


BATCHES = (
    [row(0, "A", 5), row(1, "B", 6), row(2, "A", 2), row(3, "X", 3, reason="invalid_sales")],
    [row(4, "A", 1, file="b.csv"), row(5, "B", 1), row(6, "C", 9)],
)


def test_of_each_key_the_first_line_of_the_first_file_is_in_silver_and_all_others_are_duplicates(
    tmp_path: Path,
) -> None:
    feed = opened(tmp_path)
    take(feed, BATCHES[0])
    take(feed, BATCHES[1])
    silver, quarantine = held(feed)
    assert silver == [("A", "a.csv", 2, 2), ("B", "a.csv", 1, 5), ("C", "a.csv", 9, 6)]
    assert [(q[0], q[1], q[6]) for q in quarantine] == [
        ("duplicate", "A", 0),
        ("duplicate", "B", 1),
        ("invalid_sales", None, 3),
        ("duplicate", "A", 4),
    ]
    assert quarantine[0][2:5] == ("11/01/2026", "1.00", "5")


def test_batches_in_either_order_and_again_give_one_table(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "one"), opened(tmp_path / "other")
    for batch in BATCHES:
        take(one, batch)
    for batch in (*reversed(BATCHES), *BATCHES):
        take(other, batch)
    assert held(one) == held(other)


def test_a_batch_that_comes_again_adds_nothing_and_is_known(tmp_path: Path) -> None:
    feed = opened(tmp_path)
    take(feed, BATCHES[0])
    before = held(feed)
    assert feed.has({TOPIC: {0: 4}}) and not feed.has({TOPIC: {0: 5}})
    take(opened(tmp_path), BATCHES[0])
    assert held(feed) == before


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize(("table", "behind"), itertools.product(("quarantine", "silver"), (False, True)))
def test_a_crash_before_or_behind_either_commit_loses_and_doubles_nothing(
    tmp_path: Path, table: str, behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = opened(tmp_path / "sound")
    broken = opened(tmp_path / "broken")
    for batch in BATCHES:
        take(sound, batch)
    take(broken, BATCHES[0])
    target: LakeTable = getattr(broken, table)
    for verb in ("append", "merge"):
        original = getattr(target, verb)

        def crash(*arguments: Any, original: Any = original) -> None:
            if behind:
                original(*arguments)
            raise Crash

        monkeypatch.setattr(target, verb, crash)
    with pytest.raises(Crash):
        take(broken, BATCHES[1])
    # Restarted from its checkpoint, it gets the batch again; without one, everything, cut in other places.
    take(opened(tmp_path / "broken"), BATCHES[1])
    take(opened(tmp_path / "broken"), [*BATCHES[0], *BATCHES[1][:1]])
    assert held(opened(tmp_path / "broken")) == held(sound)


def test_every_commit_says_what_it_covers_also_where_no_row_is_new(tmp_path: Path) -> None:
    feed = opened(tmp_path)
    take(feed, BATCHES[0][:3])
    take(feed, [row(4, "A", 7)])
    for table in (feed.silver, feed.quarantine):
        said = [from_metadata(commit.get("userMetadata")) for commit in table.table.history()]
        assert said == [{TOPIC: {0: 5}}, {TOPIC: {0: 3}}, {TOPIC: {0: 0}}]
