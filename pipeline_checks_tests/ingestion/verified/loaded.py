"""Files, a ledger and a table that belong together, of a test's own, and the pipeline that verifies them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from pipeline_checks.clients.object_store import ListedObject, ObjectStore
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.pipelines.ingestion.flow.payload import BASE_FIELDS, EVOLVED_FIELDS, record
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.run import Options, run_checks
from pipeline_checks_tests.ingestion.verified.hadoop_table import HadoopTable
from pipeline_checks_tests.ingestion.verified.ledger import Ledger

BUCKET, LAKE = "landing", "lakehouse"
Found = set[tuple[str, str, str, str | None, str | None]]


class Loaded:
    """What a service leaves behind that has loaded some files."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.store = ObjectStore()
        self.prefix = f"test-{uuid4().hex[:8]}/"
        self.ledger = Ledger(settings["INGESTION_DATABASE_URL"], BUCKET, self.prefix)
        self.table = HadoopTable(self.store, LAKE, f"warehouse-{self.prefix.strip('/')}", "lake.events", self.ledger.id)

    def put(self, name: str, records: Iterable[Mapping[str, Any]] | bytes) -> ListedObject:
        """Write a file: records, one a line, or just these bytes."""
        content = records if isinstance(records, bytes) else "\n".join(map(json.dumps, records)).encode()
        self.store.write(BUCKET, self.prefix + name, content)
        return next(o for o in self.store.list(BUCKET, self.prefix + name) if o.key == self.prefix + name)

    def load(self, file: ListedObject, rows: Sequence[Mapping[str, Any]], run: str = "run-1") -> dict[str, Any]:
        """Append rows as those of a file, and return what the ledger must say of it."""
        snapshot = self.table.add(rows, self.path(file), file.etag, run)
        return {"records_ingested": len(rows), "table_uuid": self.table.uuid, "snapshot_id": snapshot}

    def path(self, file: ListedObject) -> str:
        """Return the path of a file."""
        return f"s3://{BUCKET}/{file.key}"

    def usual(self, files: int = 2, each: int = 10, evolved: int = 0) -> list[ListedObject]:
        """Load some files, the last ``evolved`` of them with more fields, all in one run; return them."""
        self.table.create(BASE_FIELDS)
        put: dict[ListedObject, dict[str, Any]] = {}
        for number in range(files + evolved):
            if number == files:
                self.table.widen(*EVOLVED_FIELDS)
            rows = [record(i, evolved=number >= files) for i in range(number * each, (number + 1) * each)]
            file = self.put(f"batch_{number}.json", rows)
            put[file] = self.load(file, rows)
        self.ledger.run(put)
        return list(put)

    def pipeline(self, **source: Any) -> Pipeline:
        """Return the pipeline over all of it, but for the API."""
        ledger = {"name": "metadata", "kind": "load_ledger", "from": "source", "ingestion": self.ledger.name}
        catalog = {"name": "test_catalog", "type": "hadoop", "warehouse": self.table.warehouse}
        table = {"name": "table", "kind": "iceberg_table", "from": ["source", "metadata"], "catalog": catalog}
        files = {"name": "source", "kind": "s3_files", "bucket": BUCKET, "prefix": self.prefix, "pattern": "*.json"}
        return build_pipeline(
            {
                "name": "loaded",
                "stages": [
                    {**files, "contract": {"key": []}, **source},
                    {**ledger, "connection": {"url": {"env": "INGESTION_DATABASE_URL"}}},
                    {**table, "table": "lake.events", "covers": {"files": {}}, "contract": {"key": ["id"]}},
                ],
            }
        )

    def check(self, deadline: float = 5.0, **source: Any) -> RunResult:
        """Verify all of it."""
        return run_checks(self.pipeline(**source), options=Options(deadline=deadline))

    def close(self) -> None:
        """Remove all of it."""
        self.ledger.close()
        for bucket, prefix in ((BUCKET, self.prefix), (LAKE, f"warehouse-{self.prefix}")):
            for found in list(self.store.list(bucket, prefix)):
                self.store.remove(bucket, found.key)
        self.store.close()


def of(result: RunResult, stage: str, check: str) -> CheckResult:
    """Return one result."""
    return next(c for c in result.checks if (c.stage, c.check) == (stage, check))


def found(result: RunResult) -> Found:
    """Return every finding: stage, check, kind, detail, and what it is about without the folder."""
    return {
        (c.stage, c.check, f.kind, f.detail, None if f.key is None else _named(f.key))
        for c in result.checks
        for f in c.judgement.findings
    }


def verdicts(result: RunResult) -> dict[str, str]:
    """Return the verdict of each check that is no PASS."""
    return {f"{c.stage}.{c.check}": str(c.verdict) for c in result.checks if str(c.verdict) != "PASS"}


def _named(key: Mapping[str, Any]) -> str:
    return " ".join(str(v).rsplit("/", 1)[-1] for name, v in key.items() if name != "run")
