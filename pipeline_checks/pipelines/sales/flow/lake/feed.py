"""The two tables of a feed, and how the rows of a batch are divided between them.

Each message ends in exactly one of the two. Of the valid rows of a key the first in a fixed order is in silver, all
others are duplicates in quarantine. As what is first does not depend on when it came, any order of batches, and any
repetition of them, gives the same two tables: a row is known by its topic, partition and offset and is not added again.
Quarantine is written first, so that a crash between the two commits loses nothing: the batch comes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline_checks.pipelines.sales.flow.columns import Column
from pipeline_checks.pipelines.sales.flow.lake import covers as covering
from pipeline_checks.pipelines.sales.flow.lake.covers import Covers
from pipeline_checks.pipelines.sales.flow.lake.table import LakeTable
from pipeline_checks.pipelines.sales.flow.tables import DUPLICATE, IDENTITY

TEXT = "text_"
"""Before the names of the columns that hold a rejected record's fields as they came."""


@dataclass(frozen=True)
class Taken:
    """What a batch came to: rows by fate, rejected ones by reason; ``replaced`` rows of silver became duplicates."""

    records: int
    added: int
    replaced: int
    rejected: Mapping[str, int]


class Feed:
    """Silver and quarantine of one topic.

    Parameters
    ----------
    order:
        Columns by which the first row of a key is found; the smallest stays.
    fields:
        Names of a record's fields, and for those that are another column in silver the name there.
    """

    def __init__(
        self,
        silver: LakeTable,
        quarantine: LakeTable,
        *,
        order: Sequence[str],
        fields: Mapping[str, str],
        columns: Sequence[Column],
        date_format: str,
    ) -> None:
        self.silver = silver
        self.quarantine = quarantine
        self._order = list(order)
        self._fields = dict(fields)
        self._types = {c.name: c for c in columns}
        self._date_format = date_format

    def open(self) -> None:
        """Open both tables."""
        self.silver.open()
        self.quarantine.open()

    def has(self, reached: Covers) -> bool:
        """Whether both tables cover these offsets."""
        return covering.covered(self.silver.covers, reached) and covering.covered(self.quarantine.covers, reached)

    def take(self, judged: pl.DataFrame, reached: Covers, batch: str, now: datetime) -> Taken:
        """Write the judged rows of a batch that reaches to these offsets; rows that are there already are left."""
        self.silver.refresh()
        self.quarantine.refresh()
        key = list(self.silver.key)
        valid = judged.filter(pl.col("rejection_reason").is_null()).with_columns(
            batch_id=pl.lit(batch), processing_timestamp=pl.lit(now, pl.Datetime("us", "UTC"))
        )
        valid = valid.select(self.silver.schema.names)
        before = self._before(valid.select(key).unique()).select(valid.columns)
        new = valid.join(before, on=list(IDENTITY), how="anti") if before.height else valid
        every = pl.concat([before.cast(new.schema), new]).sort(self._order, nulls_last=True)
        first = every.unique(key, keep="first", maintain_order=True)
        losers = every.join(first, on=list(IDENTITY), how="anti")
        added = first.join(before, on=list(IDENTITY), how="anti") if before.height else first
        replaced = added.join(before, on=key, how="semi").height
        rejected = self._rejected(judged, batch)
        aside = pl.concat([rejected, self._duplicates(losers)])
        aside = aside.join(self.quarantine.read(IDENTITY), on=list(IDENTITY), how="anti")
        self.quarantine.append(aside, reached)
        if replaced:
            self.silver.merge(added, reached)
        else:
            self.silver.append(added, reached)
        reasons = dict(aside.group_by("rejection_reason").len().iter_rows())
        return Taken(judged.height, added.height, replaced, reasons)

    def maintain(self) -> None:
        """Keep the tables in order."""
        self.silver.maintain()
        self.quarantine.maintain()

    def _before(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of silver that have one of the keys."""
        names = keys.columns
        known = self.silver.read(names).join(keys, on=names, how="semi")
        if not known.height:
            return pl.DataFrame(schema=self.silver.read(predicate="false").schema)
        return self.silver.read().join(known, on=names, how="semi")

    def _rejected(self, judged: pl.DataFrame, batch: str) -> pl.DataFrame:
        rows = judged.filter(pl.col("rejection_reason").is_not_null())
        fields = [pl.col(f"{TEXT}{name}").alias(name) for name in self._fields]
        others = [n for n in self.quarantine.schema.names if n not in self._fields and n != "batch_id"]
        return rows.select(*fields, *others, pl.lit(batch).alias("batch_id")).select(self.quarantine.schema.names)

    def _duplicates(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows as quarantine has them: as text, in the form of the file."""
        fields = [self._text(name, column).alias(name) for name, column in self._fields.items()]
        empty = [pl.lit(None, pl.String).alias(name) for name in ("rejected_value", "raw_record")]
        reason = [pl.lit(DUPLICATE).alias("rejection_reason"), pl.lit(self.silver.key[-1]).alias("rejected_column")]
        done = {*self._fields, "rejected_value", "raw_record", "rejection_reason", "rejected_column"}
        others = [n for n in self.quarantine.schema.names if n not in done]
        return rows.select(*fields, *reason, *empty, *others).select(self.quarantine.schema.names)

    def _text(self, name: str, column: str) -> pl.Expr:
        if self._types[column].type == "date":
            return pl.col(column).dt.strftime(self._date_format)
        if self._types[column].type == "timestamptz":
            return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00")
        return pl.col(column).cast(pl.String)
