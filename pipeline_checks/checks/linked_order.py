"""The order of records that were made of others: their keys, and their order within a key."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.judging import conclude, counted
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.conservation import LinkOrder, LinkOrderDifference, RecordPlace
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.verdict import Judgement

LINK_ORDER = LinkOrder()


def judge_links(evidence: Evidence) -> Judgement:
    """Return FAIL with a finding a record that has another key than its input, or stands before an earlier one."""
    order: LinkOrderDifference = evidence[LINK_ORDER]
    findings = tuple(_findings(evidence, order))
    total = order.keys_total + order.disorder_total
    message = f"{counted(order.records, 'record')} with the keys of their inputs, each key in their order"
    if total:
        message = (
            f"{counted(order.keys_total, 'record')} with another key than their input, "
            f"{order.disorder_total:,} out of order, of {order.records:,}"
        )
    return conclude(
        evidence,
        message,
        {"records": order.records},
        findings=findings,
        total=max(total, len(findings)),
        measures={
            "records": order.records,
            "other_keys": order.keys_total,
            "out_of_order": order.disorder_total,
            "without_key": order.keyless,
        },
    )


def _findings(evidence: Evidence, order: LinkOrderDifference) -> Iterator[Finding]:
    name = evidence.stage.name
    for output, source in order.keys:
        yield Finding(
            "changed",
            name,
            f"the record at {output} has the key {_named(output)}, its input at {source} has {_named(source)}",
            key={"partition": source.partition, "offset": source.offset},
            position=output.position,
            detail="key",
            expected=source.key,
            seen=output.key,
            extra={"input": source.to_json()},
        )
    for output, before in order.disorder:
        yield Finding(
            "out_of_order",
            name,
            f"the record at {output} stands behind the one at offset {before.offset}, whose input came later",
            key={"key": output.key},
            position=output.position,
            detail="key",
            expected=f"before offset {before.offset}",
            seen=f"offset {output.offset}",
        )


def _named(place: RecordPlace) -> str:
    return "none" if place.key is None else repr(place.key)
