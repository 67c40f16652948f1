"""What the service does is verified as it goes on: files of both sorts, nothing new, both refreshes, an empty start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from pipeline_checks.clients.object_store import ObjectStore
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.pipelines.ingestion.flow.payload import batch
from pipeline_checks.pipelines.ingestion.service_client import IngestionClient
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.ingestion.verified.loaded import found, of, verdicts

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

EACH = 100
Put = Callable[..., None]


class Own:
    """An ingestion and its table, of a test's own, and the pipeline over them."""

    def __init__(self) -> None:
        name = f"own_{uuid4().hex[:8]}"
        self.prefix = f"{name}/"
        self.store = ObjectStore()
        self.service = IngestionClient(name, self.prefix, name)
        declared = load_pipeline("ingestion")
        changes: Mapping[str, dict[str, Any]] = {
            "s3_files": {"prefix": self.prefix},
            "load_ledger": {"ingestion": name},
            "load_api": {"ingestion": name},
            "iceberg_table": {"table": f"lake.{name}"},
        }
        stages = tuple(s.model_copy(update=changes[s.kind]) for s in declared.stages)
        self.pipeline: Pipeline = declared.model_copy(update={"stages": stages})

    def put(self, *files: int, evolved: bool = False) -> None:
        """Put files of the usual payload into the source."""
        for file in files:
            key = f"{self.prefix}batch_{file}.json"
            self.store.write(setting("INGESTION_SOURCE_BUCKET"), key, batch(file, EACH, evolved=evolved))

    def check(self) -> RunResult:
        """Verify all of it."""
        return run_checks(self.pipeline)

    def clean(self) -> RunResult:
        """Verify all of it, which must find nothing."""
        result = self.check()
        assert (found(result), verdicts(result)) == (set(), {})
        return result


@pytest.fixture
def own(ingestion_stack: object) -> Iterator[Own]:
    """An ingestion of the test's own."""
    made = Own()
    with made.service:
        yield made
    made.store.close()


def rows_of(result: RunResult) -> int:
    return int(of(result, "lake_table", "content").judgement.measures["rows"])


def test_what_the_service_does_is_clean_all_along(own: Own) -> None:
    own.service.made()
    nothing = own.check()
    assert found(nothing) == set()
    assert {str(c.verdict) for c in nothing.checks if c.check != "latency"} == {"UNSETTLED"}

    own.put(0, 1, 2)
    assert own.service.run()["metrics"]["records_ingested"] == 3 * EACH
    assert rows_of(own.clean()) == 3 * EACH

    own.put(3, 4, evolved=True)
    assert own.service.run()["metrics"]["files_processed"] == 2
    evolved = own.clean()
    assert rows_of(evolved) == 5 * EACH
    nulls = of(evolved, "lake_table", "evolution").judgement.measures["nulls"]
    assert nulls == {"region": 3 * EACH, "metadata": 3 * EACH}
    assert of(evolved, "table_api_view", "served_table").judgement.measures["schema_version"] == 2

    own.put(5)
    assert own.service.refresh("new-only")["impact"]["files_to_process"] == 1
    renewed = own.clean()
    assert rows_of(renewed) == EACH
    loads = of(renewed, "lake_table", "loads").judgement.measures
    assert (loads["loaded_files"], loads["loaded_into_earlier_tables"]) == (1, 5)

    assert own.service.refresh("full")["impact"]["files_to_process"] == 6
    assert rows_of(own.clean()) == 6 * EACH


def test_a_new_file_waits_and_a_failed_one_is_told(own: Own) -> None:
    own.put(0)
    own.service.run()
    own.put(1)
    waiting = own.clean()
    assert of(waiting, "ingestion_metadata", "arrival").judgement.measures["waiting"] == 1
    own.store.write(setting("INGESTION_SOURCE_BUCKET"), f"{own.prefix}bad.json", b'{"id": 1}\nnot json\n')
    assert own.service.run()["status"] == "partial"
    result = own.check()
    assert found(result) == set()
    told = verdicts(result)
    assert told == {"source_objects.manifest": "WARN", "ingestion_metadata.discovery": "WARN"}


@pytest.mark.soak
def test_lines_that_were_put_aside_are_neither_missed_nor_loaded(own: Own) -> None:
    declaration = own.service.declaration()
    declaration["format"]["bad_records"] = "quarantine"
    own.service.ask("POST", "/api/v1/ingestions", declaration)
    own.put(0)
    lines = batch(1, EACH).split(b"\n")
    lines[41] = b'{"id": broken'
    own.store.write(setting("INGESTION_SOURCE_BUCKET"), f"{own.prefix}batch_1.json", b"\n".join(lines))
    assert own.service.run()["metrics"]["records_ingested"] == 2 * EACH - 1
    result = own.check()
    assert (found(result), verdicts(result)) == (set(), {"source_objects.manifest": "WARN"})
    assert rows_of(result) == 2 * EACH - 1
