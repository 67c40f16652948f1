"""The table is written to behind the service's back, by Spark; undone by taking the later metadata away."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.object_store import ObjectStore
from pipeline_checks.clients.settings import setting
from pipeline_checks.clients.spark_connect import close, connect, translated
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.ingestion.flow.payload import record
from pipeline_checks.pipelines.ingestion.scenarios.words import path_of
from pipeline_checks.pipelines.ingestion.seed.source import present
from pipeline_checks.pipelines.ingestion.service_client import DATABASE, TABLE
from pipeline_checks.pipelines.ingestion.services import CATALOG, WAREHOUSE, WAREHOUSE_BUCKET

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAME: Final = f"{CATALOG}.{DATABASE}.{TABLE}"
_FOLDER: Final = f"{WAREHOUSE.partition(WAREHOUSE_BUCKET + '/')[2]}/{DATABASE}/{TABLE}/metadata/"
_HINT: Final = "version-hint.text"

Act = Callable[["SparkSession", Injury], None]
"""Damages the table ``NAME``."""


@dataclass(frozen=True)
class SparkDamage:
    """Rows or fields of the table are changed. ``rows`` are the numbers, from 0, of the seeded records it is about."""

    name: str
    description: str
    damage: Act
    rows: tuple[int, ...] = ()

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the table."""
        return target.is_stage and target.stage.kind == "iceberg_table"

    def plan(self, target: Target) -> Injury:
        """Return the rows with file and line, and where the table's metadata stand."""
        places = _places()
        chosen = [places[i] for i in self.rows]
        facts = {
            "places": [[path_of(key), line] for key, line, _ in chosen],
            "lines": {path_of(key): line for key, line, _ in places},
        }
        keys = tuple({"id": number} for _, _, number in chosen)
        what = f"{self.description} ({len(chosen)} rows)"
        undo = {"metadata": _metadata(), "hint": _hint()}
        return Injury(self.name, target.pipeline.name, target.name, what, keys, facts, undo)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Do it."""
        with session() as spark, translated(f"damaging {NAME}"):
            self.damage(spark, injury)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Take the metadata away that came since, and put the hint back: data files of before are still there."""
        store = ObjectStore()
        try:
            before = set(injury.undo["metadata"])
            for key in (k for k in _metadata() if k not in before and k.endswith(".metadata.json")):
                store.remove(WAREHOUSE_BUCKET, key)
            store.write(WAREHOUSE_BUCKET, _FOLDER + _HINT, base64.b64decode(injury.undo["hint"]))
        finally:
            store.close()


@contextmanager
def session() -> Iterator[SparkSession]:
    """Yield a session of Spark of our own, which has not seen the table before."""
    opened = connect(setting("INGESTION_SPARK_CONNECT_URL"))
    try:
        yield opened
    finally:
        close(opened)


def statement(text: str) -> Act:
    """Return a damage by SQL: ``{table}`` is the table, ``{ids}`` the ids of the rows."""

    def act(spark: SparkSession, injury: Injury) -> None:
        ids = ", ".join(str(key["id"]) for key in injury.keys)
        spark.sql(text.format(table=NAME, ids=ids)).collect()

    return act


def again(*, in_the_services_name: bool) -> Act:
    """Return a damage that writes rows a second time, as nobody's or as those of their file."""

    def act(spark: SparkSession, injury: Injury) -> None:
        ids = ", ".join(str(key["id"]) for key in injury.keys)
        writer = spark.table(NAME).where(f"id IN ({ids})").writeTo(NAME)
        if in_the_services_name:
            path = str(injury.facts["places"][0][0])
            told = _told(spark, path)
            for name in ("ingestion-id", "run-id", "source-path", "source-etag", "source-size", "record-count"):
                writer = writer.option(f"snapshot-property.{name}", told[name])
        writer.append()

    return act


def _told(spark: SparkSession, path: str) -> Mapping[str, str]:
    """What the snapshot of a file says of itself."""
    found = spark.sql(f"SELECT summary FROM {NAME}.snapshots").collect()
    told = next((dict(row[0]) for row in found if dict(row[0]).get("source-path") == path), None)
    if told is None:
        raise TerminalError(f"no snapshot has added {path}.", next_step="Seed some files first.")
    return told


def _places() -> list[tuple[str, int, int]]:
    """File, line and number of every record, as the seed has written them."""
    import json

    found: list[tuple[str, int, int]] = []
    for key, content in present().items():
        numbered: Iterable[tuple[int, bytes]] = enumerate(content.split(b"\n"), 1)
        found += [(key, line, int(json.loads(text)["id"])) for line, text in numbered if text.strip()]
    if not found:
        raise TerminalError("the source holds no records.", next_step="Seed some files first.")
    return found


def stranger(number: int) -> Act:
    """Return a damage that writes a row that no file has."""

    def act(spark: SparkSession, injury: Injury) -> None:
        row = record(number)
        named = ", ".join(f"{_literal(value)} AS {name}" for name, value in row.items())
        columns = spark.table(NAME).columns
        rest = ", ".join(name if name in row else f"NULL AS {name}" for name in columns)
        spark.sql(f"INSERT INTO {NAME} SELECT {rest} FROM (SELECT {named})").collect()

    return act


def _literal(value: Any) -> str:
    return (
        f"'{value}'"
        if isinstance(value, str)
        else f"CAST({value!r} AS DOUBLE)"
        if isinstance(value, float)
        else str(value)
    )


def _metadata() -> list[str]:
    store = ObjectStore()
    try:
        return [o.key for o in store.list(WAREHOUSE_BUCKET, _FOLDER)]
    finally:
        store.close()


def _hint() -> str:
    store = ObjectStore()
    try:
        return base64.b64encode(store.read(WAREHOUSE_BUCKET, _FOLDER + _HINT)).decode()
    finally:
        store.close()
