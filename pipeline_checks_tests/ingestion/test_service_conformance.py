"""Whatever is sent to the API, it answers without a fault of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from pipeline_checks.pipelines.ingestion.flow.serving.app import context_of, create_app
from pipeline_checks.pipelines.ingestion.services import CATALOG, CLUSTER, SOURCE_BUCKET
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.ingestion.api import Place
from pipeline_checks_tests.ingestion.service import served, settings_of

EXAMPLES = 12
BUCKET = f"s3://{SOURCE_BUCKET}/"


@pytest.fixture
def known(ingestion_base: RunningStack, place: Place) -> Iterator[str]:
    """The id of an ingestion that is there."""
    with served(settings_of(ingestion_base.settings)) as http:
        yield http.post("/api/v1/ingestions", json=place.declaration()).json()["id"]


@pytest.fixture
def document(ingestion_base: RunningStack) -> Any:
    """The API as it describes itself."""
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(context_of(settings_of(ingestion_base.settings))))


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_no_request_makes_it_fail(case: Any, known: str) -> None:
    if "ingestion_id" in (case.path_parameters or {}) and case.method != "DELETE":
        case.path_parameters["ingestion_id"] = known
    brought_near(case.body)
    case.call_and_validate(
        headers={"Authorization": "Bearer owner"},
        checks=(not_a_server_error, status_code_conformance, response_schema_conformance),
    )


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
