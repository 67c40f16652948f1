"""Topics, folders and a database of one test's own, and the programs of the flow run on them."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl
import pyarrow as pa
from confluent_kafka import Message
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipeline_checks.clients.kafka import admin
from pipeline_checks.clients.kafka_records import ends, records_since
from pipeline_checks.clients.postgres import connect
from pipeline_checks.pipelines.sales.flow.prepare import create_topics

_FLOW: Final = "pipeline_checks.pipelines.sales.flow"
DYING: Final = "pipeline_checks_tests.sales.flow.dying"
SECONDS: Final = 240


@dataclass
class Place:
    """Where one test's data lies; ``server`` is the URL of Postgres without a database."""

    bootstrap: str
    server: str
    folder: Path
    spark: Mapping[str, str]
    name: str

    @classmethod
    def make(cls, settings: Mapping[str, str], folder: Path, spark: Mapping[str, str]) -> Place:
        """Return a place with its topics."""
        name = uuid.uuid4().hex[:12]
        made = cls(
            settings["KAFKA_BOOTSTRAP_SERVERS"], settings["POSTGRES_URL"].rpartition("/")[0], folder, spark, name
        )
        create_topics(made.bootstrap, (made.lines, made.events))
        return made

    @property
    def lines(self) -> str:
        return f"test_sales_lines.{self.name}"

    @property
    def events(self) -> str:
        return f"test_sales_events.{self.name}"

    @property
    def delta(self) -> Path:
        return self.folder / "delta"

    def database(self) -> str:
        """Create the place's database and return its URL."""
        with connect(f"{self.server}/postgres") as connection:
            connection.execute(f"CREATE DATABASE sales_{self.name}")  # type: ignore[arg-type] - a name of our own
        return f"{self.server}/sales_{self.name}"

    def remove(self) -> None:
        """Remove topics and database."""
        admin(self.bootstrap).delete_topics([self.lines, self.events])
        with connect(f"{self.server}/postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS sales_{self.name} WITH (FORCE)")  # type: ignore[arg-type]

    def start(
        self, program: str, *arguments: str, module: str = _FLOW, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[Any]:
        """Start a program of the flow; what it says goes into a file of its name."""
        with (self.folder / f"{program}.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", f"{module}.{program}", *arguments],
                env={**os.environ, **self.spark, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the flow to its end."""
        return subprocess.run(
            [sys.executable, "-m", f"{_FLOW}.{program}", *arguments],
            env={**os.environ, **self.spark},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def send(self, path: Path, *options: str) -> dict[str, Any]:
        """Send the lines of a file; return what the producer says it did."""
        done = self.run("producer", *self.producer_options(path), *options)
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, Any] = orjson.loads(done.stdout)
        return found

    def producer_options(self, path: Path) -> Sequence[str]:
        return ("--lines", str(path), "--brokers", self.bootstrap, "--topic", self.lines)

    def etl_options(self) -> Sequence[str]:
        return (
            *("--brokers", self.bootstrap, "--lines-topic", self.lines, "--events-topic", self.events),
            *("--delta-path", str(self.delta), "--checkpoint", str(self.folder / "checkpoint")),
        )

    def messages(self, topic: str | None = None) -> list[Message]:
        """Return all records of a topic, those of the lines by default."""
        return list(records_since(self.bootstrap, {topic or self.lines: {}}))

    def ends(self, topic: str | None = None) -> dict[str, int]:
        """Return the next offsets of a topic by partition."""
        name = topic or self.lines
        return ends(self.bootstrap, [name])[name]

    def rows(self, table: str) -> pl.DataFrame:
        """Return the rows of a Delta table, none where there is no table yet."""
        try:
            reader = DeltaTable(str(self.delta / table)).scan()
        except TableNotFoundError:
            return pl.DataFrame()
        found = pl.from_arrow(pa.RecordBatchReader.from_stream(reader).read_all())
        assert isinstance(found, pl.DataFrame)
        return found

    def fates(self) -> Counter[tuple[str, int, str]]:
        """Return file, row and where it ended, of every line of the two tables."""
        found: Counter[tuple[str, int, str]] = Counter()
        silver, quarantine = self.rows("sales_silver"), self.rows("sales_quarantine")
        if silver.width:
            found.update((f, n, "silver") for f, n in silver.select("source_file", "source_row_number").iter_rows())
        if quarantine.width:
            found.update(quarantine.select("source_file", "source_row_number", "rejection_reason").iter_rows())
        return found


def expected_fates(path: Path, truth: Mapping[str, Any]) -> Counter[tuple[str, int, str]]:
    """Return file, row and fate of every line of a file by its truth."""
    told = {r["row"]: r["reason"] for r in truth["records"]}
    return Counter((path.name, n, told.get(n, "silver")) for n in range(1, truth["counts"]["lines"] + 1))
