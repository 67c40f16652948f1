"""The compose file says of each service what the embedded stack does, and guards every container alike."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_checks.pipelines.cdc.services import services as cdc_services
from pipeline_checks.pipelines.churn.services import services as churn_services
from pipeline_checks.pipelines.ingestion.services import services as ingestion_services
from pipeline_checks.pipelines.market_data.services import services as market_services
from pipeline_checks.pipelines.run_service import find
from pipeline_checks.pipelines.sales.services import services as sales_services
from pipeline_checks.stack.compose import compose_file, compose_name
from pipeline_checks.stack.ports import variable
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.services import shared
from pipeline_checks.stack.services.postgres import server_settings

PIPELINES = {
    "cdc": cdc_services,
    "churn": churn_services,
    "ingestion": ingestion_services,
    "market_data": market_services,
    "sales": sales_services,
}
WITHOUT_PORTS_OF_THEIR_OWN = {"kafka_controller"}
"""Ports that nothing outside of the container is told of."""


@cache
def document() -> dict[str, Any]:
    return yaml.safe_load(compose_file().read_text())  # type: ignore[no-any-return]


def declared(name: str) -> dict[str, Any]:
    return document()["services"][compose_name(name)]  # type: ignore[no-any-return]


def all_services() -> list[tuple[str, Service]]:
    return [(pipeline, service) for pipeline, services in PIPELINES.items() for service in services()]


@pytest.mark.parametrize(("pipeline", "service"), all_services(), ids=lambda v: v if isinstance(v, str) else v.name)
def test_every_service_is_a_container_of_the_profile_of_its_pipeline(pipeline, service):
    found = declared(service.name)
    assert pipeline in found["profiles"]
    if "run_service" in found.get("command", ()) or any("run_service" in str(w) for w in found.get("command", ())):
        module, name = found["command"][-2:]
        assert find(module, name) == service


@pytest.mark.parametrize(("pipeline", "service"), all_services(), ids=lambda v: v if isinstance(v, str) else v.name)
def test_a_container_waits_for_all_that_its_service_depends_on(pipeline, service):
    waits = declared(service.name).get("depends_on", {})
    once = {s.name for s in PIPELINES[pipeline]() if s.once}
    for needed in service.depends_on:
        condition = "service_completed_successfully" if needed in once else "service_healthy"
        assert reaches(compose_name(service.name), compose_name(needed)), needed
        if compose_name(needed) in waits:
            assert waits[compose_name(needed)]["condition"] == condition


def reaches(name: str, needed: str) -> bool:
    waits = document()["services"][name].get("depends_on", {})
    return needed in waits or any(reaches(other, needed) for other in waits)


@pytest.mark.parametrize("service", {s.name: s for _, s in all_services()}.values(), ids=lambda s: s.name)
def test_the_ports_of_a_service_are_published_on_this_machine_alone(service):
    text = json.dumps(declared(service.name))
    for port in set(service.ports) - WITHOUT_PORTS_OF_THEIR_OWN:
        assert variable(port) in text
    for published in declared(service.name).get("ports", ()):
        assert published.startswith("127.0.0.1:${PIPELINE_CHECKS_PORT_")


@pytest.mark.parametrize("service", [s for _, s in all_services() if s.needs], ids=lambda s: s.name)
def test_containers_are_told_where_a_service_is(service):
    missing = set(service.needs) - set(document()["x-settings"])
    assert not missing


@pytest.mark.parametrize("name", list(document()["services"]))
def test_every_container_is_guarded(name):
    found = document()["services"][name]
    assert found["user"] not in ("root", "0", "0:0")
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["cpus"] > 0 and found["mem_limit"] and found["pids_limit"] > 0
    assert found["networks"] == ["stack"]
    assert found["logging"]["options"]["max-size"]
    step = found["restart"] == "no"
    assert step or found["restart"] == "unless-stopped"
    assert step == bool(found["healthcheck"].get("disable"))


def test_the_database_server_is_set_up_as_that_of_the_embedded_stack():
    given = dict(word[2:].split("=", 1) for word in declared("postgres")["command"] if word.startswith("-c"))
    ours = server_settings("127.0.0.1", 5432)
    for name in ("wal_level", "max_wal_senders", "max_replication_slots", "max_prepared_transactions"):
        assert re.search(rf"^{name} = {given[name]}\b", ours, re.M), name
    assert re.search(rf"^wal_sender_timeout = {given['wal_sender_timeout']}\b", ours, re.M)


def test_runs_in_containers_are_told_every_setting_that_the_code_location_has():
    context = json.loads(document()["services"]["code"]["environment"]["DAGSTER_CONTAINER_CONTEXT"])
    assert set(context["docker"]["env_vars"]) == set(document()["x-settings"])
    assert set(document()["x-settings"]) <= set(document()["services"]["daemon"]["environment"])


def test_no_secret_stands_in_the_compose_file_and_the_example_names_each():
    text = compose_file().read_text()
    example = Path(compose_file().parent / "example.env").read_text()
    asked = set(re.findall(r"\$\{([A-Z0-9_]*(?:PASSWORD|SECRET_KEY|TOKEN|API_KEY|ENCRYPTION_KEY))[:}]", text))
    assert asked == {line.split("=")[0] for line in example.splitlines() if line and not line.startswith("#")}
    assert not re.search(r"(PASSWORD|SECRET|TOKEN|KEY): [^$*&\s]", text.replace("S3_ACCESS_KEY: pipeline_checks", ""))


def test_the_shared_services_are_there():
    assert {compose_name(s.name) for s in shared()} <= set(document()["services"])
