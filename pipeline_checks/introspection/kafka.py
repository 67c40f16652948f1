"""Topics of a Kafka cluster, told by the newest of their records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from pipeline_checks.clients import kafka
from pipeline_checks.clients.settings import resolve
from pipeline_checks.introspection import records
from pipeline_checks.introspection.found import Candidate, Discovered, Found, FoundColumn, LeftOut
from pipeline_checks.introspection.names import event_times, keys, stage_name
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.secret import EnvironmentVariable

SAMPLE: Final = 200
"""How many of the newest records of each partition tell what a topic has."""


def find_topics(variable: str, registry: str | None = None, patterns: Sequence[str] = ()) -> Discovered:
    """Return the topics at the brokers named by the environment variable ``variable``.

    ``registry`` is the variable with the URL of the schema registry, needed for topics of Avro; ``patterns`` narrow
    the topics, with ``*``. Internal topics are left out without a word. Raises the errors of ``clients.kafka``.
    """
    bootstrap = resolve(EnvironmentVariable(env=variable))
    client = kafka.admin(bootstrap)
    with kafka.translated("listing the topics"):
        listed: Any = client.list_topics(timeout=kafka.REQUEST_TIMEOUT_SECONDS).topics
    topics = [t for t in sorted(listed) if not t.startswith("__") and _is_wanted(t, patterns)]
    found: list[Found] = []
    left_out: list[LeftOut] = []
    for topic in topics:
        taken = [f.name for f in found]
        try:
            told = _topic(bootstrap, topic, stage_name("topic", topic, taken), variable, registry)
        except PipelineChecksError as problem:
            told = LeftOut(topic, problem.message)
        if isinstance(told, Found):
            found.append(told)
        else:
            left_out.append(told)
    return Discovered(tuple(found), tuple(left_out))


def _topic(bootstrap: str, topic: str, name: str, variable: str, registry: str | None) -> Found | LeftOut:
    told = records.tell(records.Sample(list(_newest(bootstrap, topic))))
    fields: dict[str, Any] = {"brokers": {"env": variable}, "topic": topic}
    columns = dict(told.columns)
    subject = topic.rpartition(".")[2]
    if told.format in (records.ENVELOPES, records.FLATTENED):
        of_table = told.of_table
        return Found(
            name=name,
            kind="debezium_topic",
            subject=of_table[2] if of_table else subject,
            fields=fields,
            columns={n: FoundColumn(c.type, n not in told.key) for n, c in columns.items()},
            keys=(Candidate(told.key, "the key of its records", is_certain=True),) if told.key else (),
            event_times=event_times(columns),
            of_table=of_table,
            notes=() if of_table else ("flattened records: without transaction ids nothing can be said about a cut",),
        )
    if told.format == records.AVRO:
        if registry is None:
            return LeftOut(topic, "its records are Avro: name the schema registry with --registry URL_ENV")
        columns = _avro_columns(resolve(EnvironmentVariable(env=registry)), told.schema_id)
        fields |= {"value_format": "avro", "registry": {"env": registry}}
    elif told.format == records.OTHER:
        return LeftOut(topic, told.reason)
    by_record = (Candidate(told.key, "the key of its records"),) if told.key else ()
    candidates = tuple(c for c in (*by_record, *keys(columns, subject)) if set(c.columns) <= columns.keys())
    return Found(
        name=name,
        kind="kafka_topic",
        subject=subject,
        fields=fields,
        columns=columns,
        keys=candidates,
        event_times=event_times(columns, is_changed=False),
        notes=("columns and types are those of its newest records",) if told.format == records.JSON else (),
    )


def _newest(bootstrap: str, topic: str) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Yield key and value of the newest records, in the order of partitions and offsets."""
    from pipeline_checks.stages.topic_log import TopicLog

    log = TopicLog(bootstrap, topic)
    try:
        low, high = log.watermarks()
        begin = {p: max(low[p], high[p] - SAMPLE) for p in high}
        read = [m for batch in log.records(begin, high) for m in batch]
    finally:
        log.close()
    for message in sorted(read, key=lambda m: (m.timestamp()[1], m.partition() or 0, m.offset() or 0)):
        key = message.key()
        value = message.value()
        yield (key.encode() if isinstance(key, str) else key, value.encode() if isinstance(value, str) else value)


def _avro_columns(registry: str, number: int | None) -> dict[str, FoundColumn]:
    from pipeline_checks.stages.avro_schema import fields_of
    from pipeline_checks.stages.schema_registry import SchemaRegistry

    client = SchemaRegistry(registry)
    try:
        schema = None if number is None else client.by_id(number)
    finally:
        client.close()
    if schema is None:
        raise PipelineChecksError(f"the registry has no schema {number}, which its records name")
    try:
        return {f.name: FoundColumn(f.type, f.nullable) for f in fields_of(schema)}
    except ValueError as problem:
        raise PipelineChecksError(f"{problem}, so that its records are no rows") from None


def _is_wanted(topic: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(topic, p) for p in patterns)
