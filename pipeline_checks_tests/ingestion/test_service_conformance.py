"""Whatever is sent to the API, it answers without a fault of its own."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from pipeline_checks.pipelines.ingestion.flow.serving.app import context_of, create_app
from pipeline_checks.pipelines.ingestion.services import CATALOG, CLUSTER, SOURCE_BUCKET
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Place
from pipeline_checks_tests.ingestion.service import served, settings_of

EXAMPLES = 8
CHECKS = (not_a_server_error, status_code_conformance, response_schema_conformance)
BUCKET = f"s3://{SOURCE_BUCKET}/"


def test_no_request_makes_it_fail(ingestion_base: RunningStack, place: Place) -> None:
    """Of every operation some requests that its document allows, and what it answers is as that says."""
    stack = settings_of(ingestion_base.settings)
    with served(stack) as http:
        known = http.post("/api/v1/ingestions", json=place.declaration()).json()["id"]
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(context_of(stack)))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    seen: Counter[int] = Counter()
    for operation in operations:
        for mode in GenerationMode:
            seen.update(asked(operation, known, mode))
    # It got past the door: things were made and found, and what was wrong was refused.
    assert {200, 201, 202, 404, 422} <= set(seen), seen
    assert not any(status >= 500 for status in seen)


def asked(operation: Any, known: str, mode: GenerationMode) -> list[int]:
    """Send some requests and return the statuses of the answers."""
    seen: list[int] = []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def requests(case: Any) -> None:
        if "ingestion_id" in (case.path_parameters or {}) and case.method != "DELETE":
            case.path_parameters["ingestion_id"] = known
        brought_near(case.body)
        answer = case.call_and_validate(headers={"Authorization": "Bearer owner"}, checks=CHECKS)
        seen.append(answer.status_code)

    with suppress(Unsatisfiable):  # nothing about such an operation can be wrong
        requests()
    return seen


def brought_near(body: Any) -> None:
    """Let a declaration name things that are there, so that it comes further than to be refused."""
    if not isinstance(body, dict):
        return
    if "cluster_id" in body:
        body["cluster_id"] = CLUSTER
    if isinstance(body.get("destination"), dict):
        body["destination"]["catalog"] = CATALOG
    if isinstance(body.get("source"), dict):
        body["source"]["path"] = BUCKET + "nothing/"
        body["source"].pop("credentials", None)
