"""The configuration: what goes before what, and where a mistake stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.sales.flow.configuration.loading import load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sales.yaml"


def test_defaults_file_environment_and_what_is_given_go_before_each_other_in_this_order(file: Path) -> None:
    file.write_text("test_data: {small_dataset_size: 50, medium_dataset_size: 500}\nflow: {on_malformed: quarantine}\n")
    defaults = load(environment={})
    assert (defaults.test_data.small_dataset_size, defaults.flow.on_malformed) == (100, "fail")
    environment = {"SALES_CONFIG": str(file), "E2E_SMALL_DATASET_SIZE": "60", "E2E_PRESERVE_TEST_DATA": "true"}
    found = load(environment=environment, override={"test_data": {"medium_dataset_size": 700}})
    assert found.test_data.small_dataset_size == 60 and found.test_data.medium_dataset_size == 700
    assert found.flow.on_malformed == "quarantine" and found.test_environment.preserve_test_data


def test_json_is_read_too(file: Path) -> None:
    file.write_text('{"pipeline_stages": {"min_data_quality_score": 0.85, "max_null_percentage": 0.02}}')
    found = load(file, environment={}).pipeline_stages
    assert (found.min_data_quality_score, found.max_null_percentage) == (0.85, 0.02)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("test_data:\n  # sizes\n  smal_dataset_size: 5\n", r"line 3, test_data\.smal_dataset_size: there is no such"),
        ("a: {}\ntest: {}\n", r"line 1, a: there is no such field; .*line 2, test: there is no such field"),
        ("pipeline_stages:\n  max_null_percentage: 2\n", r"line 2, pipeline_stages\.max_null_percentage: .*equal to 1"),
        ("test_data:\n  small_dataset_size: 2000\n", r"line 1, test_data: small_dataset_size < medium_dataset_size"),
        ("infrastructure:\n  kafka_port: 15432\n", "line 1, infrastructure: kafka_port, .* must differ"),
        ("flow:\n  encoding: a\n  encoding: b\n", "line 3, encoding: it is there twice"),
        ("flow: 5\n", "line 1, flow: fields are expected below it"),
        ("- flow\n", "line 1: sections are expected"),
        ("flow: [\n", "line 2: "),
    ],
)
def test_a_mistake_is_told_with_file_line_and_field(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"sales\.yaml, {told}"):
        load(file, environment={})


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"E2E_KAFKA_PORT": "x"}, "E2E_KAFKA_PORT: "),
        ({"E2E_KAFKA": "1"}, "the environment sets E2E_KAFKA, which nothing reads"),
        ({"E2E_LOG_LEVEL": "loud"}, "E2E_LOG_LEVEL: must be one of DEBUG"),
        ({"SALES_CONFIG": "/nowhere.yaml"}, r"/nowhere\.yaml cannot be read: No such file"),
    ],
)
def test_a_variable_that_is_wrong_or_that_nothing_reads_is_named(environment: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load(environment=environment)


def test_a_password_is_not_told(file: Path) -> None:
    file.write_text("infrastructure: {test_db_password: hidden, kafka_port: 0}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(file, environment={})
    assert "hidden" not in str(caught.value)
