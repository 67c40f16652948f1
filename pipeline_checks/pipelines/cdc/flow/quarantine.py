"""The quarantine: records that could not be understood, with their bytes and coordinates. Delta only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
from deltalake import CommitProperties, Transaction, write_deltalake

from pipeline_checks.pipelines.cdc.flow import covers as covering
from pipeline_checks.pipelines.cdc.flow.covers import TopicCovers
from pipeline_checks.pipelines.cdc.flow.decode import Malformed
from pipeline_checks.pipelines.cdc.flow.delta_sink import DeltaTarget
from pipeline_checks.pipelines.cdc.flow.sink import BatchId

_INSTANT = pa.timestamp("us", tz="UTC")
COLUMNS: Final = pa.schema(
    {
        "_topic": pa.string(),
        "_partition": pa.int64(),
        "_offset": pa.int64(),
        "_key": pa.binary(),
        "_value": pa.binary(),
        "_reason": pa.string(),
        "_kafka_timestamp": _INSTANT,
        "_quarantined_at": _INSTANT,
    }
)


class Quarantine(DeltaTarget):
    """The table of malformed records of all topics. It is committed to only when there are some.

    Parameters
    ----------
    topics:
        The topics whose malformed records it takes; its commits cover all of them.
    """

    def __init__(self, uri: str, topics: tuple[str, ...], storage_options: Mapping[str, str] | None = None) -> None:
        super().__init__(uri, topics[0], COLUMNS, storage_options)
        self.topics = topics
        self.by_topic: TopicCovers = {topic: covering.nothing() for topic in topics}

    def open(self) -> None:
        super().open()
        found = self._said()
        self.by_topic = {t: covering.advanced(covering.nothing(), found.get(t, {})) for t in self.topics}

    def counted(self) -> TopicCovers:
        rows = self._read(["_topic", "_partition", "_offset"])
        if rows.num_rows == 0:
            return {}
        result: TopicCovers = {}
        for row in rows.group_by(["_topic", "_partition"]).aggregate([("_offset", "max")]).to_pylist():
            result.setdefault(row["_topic"], {})[row["_partition"]] = row["_offset_max"] + 1
        return result

    def take(
        self, malformed: Mapping[str, list[Malformed]], reached: TopicCovers, batch: BatchId, now: datetime
    ) -> int:
        """Commit those of the malformed records that are not there yet; returns how many.

        ``malformed`` and ``reached`` are by topic; ``reached`` holds the next offsets behind the batch.
        """
        new = [
            (topic, found)
            for topic, records in malformed.items()
            for found in records
            if covering.is_new(self.by_topic[topic], found.record.partition, found.record.offset)
        ]
        if not new:
            return 0
        appended = pa.array([m.record.appended_us for _, m in new], pa.int64()).cast(_INSTANT)
        rows = pa.table(
            [
                pa.array([topic for topic, _ in new], pa.string()),
                pa.array([m.record.partition for _, m in new], pa.int64()),
                pa.array([m.record.offset for _, m in new], pa.int64()),
                pa.array([m.record.key for _, m in new], pa.binary()),
                pa.array([m.record.value for _, m in new], pa.binary()),
                pa.array([m.reason for _, m in new], pa.string()),
                appended,
                pa.repeat(pa.scalar(now.astimezone(UTC), _INSTANT), len(new)),
            ],
            schema=COLUMNS,
        )
        covers = {t: covering.advanced(self.by_topic[t], reached.get(t, {})) for t in self.topics}
        properties = CommitProperties(
            custom_metadata={"userMetadata": covering.metadata(covers)},
            app_transactions=[Transaction(f"{batch.query}/quarantine", batch.number)],
        )
        write_deltalake(self.table, rows, mode="append", commit_properties=properties)
        self.by_topic = covers
        return len(new)
