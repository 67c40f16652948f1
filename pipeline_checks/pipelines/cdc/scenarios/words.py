"""The words in which the expectations of this pipeline are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pipeline_checks.faults.expectation import RANGE, ExpectedFinding, finding
from pipeline_checks.faults.injury import Injury
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED

TABLES: Final = ("customers", "orders", "products", "order_items", "inventory", "schema_evolution_test")
SERVED: Final = ("customers", "orders")
"""The tables whose current rows in Delta the API serves."""


def served_by(stage: str) -> tuple[str, ...]:
    """Return the API's stage that serves the rows of a stage, where there is one."""
    return tuple(f"api_{t}" for t in SERVED if stage == f"delta_{t}")


def foreign(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield the commits that were made behind the mover's back."""
    for _ in injury.facts["commits"]:
        yield finding(injury.target, "continuity", "unexpected", detail="foreign_writer")


def counted(kind: Any, injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield a finding of ``counts`` for each key."""
    for key in injury.keys:
        yield finding(injury.target, "counts", kind, key=key)


def ranges(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield a finding for each stretch of a partition whose keys are missing."""
    for stretch in injury.facts["ranges"]:
        yield finding(injury.target, "counts", "missing", detail=RANGE, key=stretch)


def doubled(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield each key that stands there twice; an API that serves the table shows it too."""
    for stage in (injury.target, *served_by(injury.target)):
        for check in ("counts", "duplicates"):
            for key in injury.keys:
                yield finding(stage, check, "duplicate", blamed=injury.target, detail="sink_rewrite", key=key)


def reconciled(kind: Any, injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield a finding of ``reconcile`` for each key."""
    for key in injury.keys:
        yield finding(injury.target, "reconcile", kind, key=key)


def against_rule(check: str, kind: Any, injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield a finding for each key whose value breaks a promise about its column."""
    for stage in (injury.target, *served_by(injury.target)):
        for key in injury.keys:
            yield finding(stage, check, kind, detail=injury.facts["column"], blamed=injury.target, key=key)


def drift(detail: str, injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield the one drift of the schema."""
    yield finding(injury.target, "schema", "schema_drift", detail=detail)


def dangling(injury: Injury, table: str, stage: str, referring: str) -> Iterator[ExpectedFinding]:
    """Yield the rows of another stage that refer to the keys, as the source has them."""
    from psycopg import sql

    from pipeline_checks.pipelines.cdc.seed.source import open_source

    keys = {t.name: t.key for t in CAPTURED}
    statement = sql.SQL("SELECT {k} FROM {t} WHERE {r} = ANY(%s) ORDER BY 1").format(
        k=sql.Identifier(keys[referring]), t=sql.Identifier(referring), r=sql.Identifier(keys[table])
    )
    lost = [key[keys[table]] for key in injury.keys]
    with open_source(autocommit=True) as source:
        rows = source.execute(statement, (lost,)).fetchall()
    for (key,) in rows:
        found = {keys[referring]: key}
        yield finding(stage, "references", "dangling_reference", detail=keys[table], key=found)
