"""Descriptions of services, and the order in which they are started."""

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.cdc.services import services
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.providers import NAMES, provider
from pipeline_checks.stack.service import Placement, Service, in_order
from pipeline_checks.stack.services import shared


def _names(found):
    return [s.name for s in found]


def test_services_stand_behind_those_they_need():
    services = [Service("c", depends_on=("b",)), Service("b", follows=("a",)), Service("a")]
    assert _names(in_order(services)) == ["a", "b", "c"]


def test_a_service_that_several_pipelines_use_stands_once():
    one = Service("a")
    assert in_order([one, one]) == (one,)


def test_two_services_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="two services are called 'a'"):
        in_order([Service("a"), Service("a", once=True)])


def test_a_missing_dependency_is_named():
    with pytest.raises(ConfigurationError, match="not among the services: kafka"):
        in_order([Service("a", depends_on=("kafka",))])


def test_a_circle_is_refused():
    with pytest.raises(ConfigurationError, match="circle"):
        in_order([Service("a", depends_on=("b",)), Service("b", follows=("a",))])


def test_the_services_of_cdc_can_be_ordered_and_leave_no_port_to_two():
    ordered = in_order(services())
    ports = [port for s in ordered for port in s.ports]
    assert len(ports) == len(set(ports))
    assert _names(ordered).index("cdc_prepare") > _names(ordered).index("connect")
    assert {s.name for s in ordered if s.once} == {"cdc_databases", "cdc_prepare"}


def test_every_setting_that_a_probe_needs_is_one_that_the_service_gives(tmp_path):
    ordered = in_order([*services(), *shared()])
    ports = {port: 20_000 + n for n, port in enumerate(p for s in ordered for p in s.ports)}
    for service in ordered:
        given = service.settings(Placement(Home(tmp_path), service.name, tmp_path, ports))
        assert set(service.needs) <= set(given)


def test_places_of_the_lake_may_be_chosen_and_are_absolute(tmp_path, monkeypatch):
    monkeypatch.setenv("DELTA_TABLE_PATH", "tables")
    monkeypatch.setenv("ICEBERG_WAREHOUSE", "s3://bucket/iceberg")
    monkeypatch.delenv("CHECKPOINT_LOCATION", raising=False)
    monkeypatch.chdir(tmp_path)
    mover = next(s for s in services() if s.name == "cdc_mover")
    settings = mover.settings(Placement(Home(tmp_path / "home"), "cdc_mover", tmp_path, {"cdc_mover": 1}))
    assert settings["DELTA_TABLE_PATH"] == str(tmp_path / "tables")
    assert settings["ICEBERG_WAREHOUSE"] == "s3://bucket/iceberg"
    assert settings["CHECKPOINT_LOCATION"].startswith(str(tmp_path / "home"))


def test_the_catalog_never_lies_in_the_captured_database(tmp_path):
    databases = next(s for s in services() if s.name == "cdc_databases")
    settings = databases.settings(Placement(Home(tmp_path), "x", tmp_path, {"postgres": 1}))
    assert settings["CDC_POSTGRES_URL"].endswith("/cdcdb")
    assert settings["ICEBERG_CATALOG_URL"] == "postgresql+psycopg://postgres@127.0.0.1:1/iceberg"


@pytest.mark.parametrize("name", NAMES)
def test_providers_are_known_by_name_and_by_environment(name, monkeypatch):
    assert provider(name).name == name
    monkeypatch.setenv("PIPELINE_CHECKS_PROVIDER", name)
    assert provider().name == name


def test_an_unknown_provider_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationError, match=r"no provider called 'cloud' Use one of embedded, compose, external"):
        provider("cloud")


def test_a_provider_that_the_environment_does_not_name_is_the_embedded_one(monkeypatch):
    monkeypatch.delenv("PIPELINE_CHECKS_PROVIDER", raising=False)
    assert provider().name == "embedded"
