"""``contract``: what a schema of others describes, as it stands in a ``defs.yaml``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pipeline_checks.cli import exits
from pipeline_checks.cli.main import run
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.stages.schema_registry import parse_answer
from pipeline_checks_tests.schema_registry import running_registry

AVRO = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "long"}, {"name": "yes", "type": ["null", "string"]}],
}
TEXT = """\
contract:
  key: []  # name the columns that identify a row
  columns:
    id: {type: int64, nullable: false}
    'yes': string
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.avsc").write_text(json.dumps(AVRO))
    return tmp_path


def test_a_file_is_shown_as_a_contract_that_can_be_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contract", "--avro", "order.avsc"]) == exits.PASSED
    out = capsys.readouterr().out
    assert out == TEXT
    assert Contract.model_validate(yaml.safe_load(out)["contract"]).columns["id"].nullable is False


def test_of_a_registry_the_newest_schema_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_registry({"orders-value": AVRO}) as url:
        monkeypatch.setenv("SHOP_REGISTRY", url)
        assert run(["contract", "--registry", "SHOP_REGISTRY", "--subject", "orders-value"]) == exits.PASSED
        assert capsys.readouterr().out == TEXT
        assert run(["contract", "--registry", "SHOP_REGISTRY", "--subject", "order-value"]) == exits.USAGE
        assert "has no subject 'order-value'" in capsys.readouterr().err
    assert run(["contract", "--registry", "SHOP_REGISTRY", "--subject", "orders-value"]) == exits.NOT_PROVED


def test_what_a_registry_answers() -> None:
    assert parse_answer({"schema": '{"type": "long"}'}, "/x") == ("AVRO", {"type": "long"})
    assert parse_answer({"schema": "{}", "schemaType": "JSON"}, "/x") == ("JSON", {})
    assert parse_answer({"schema": "message X {}", "schemaType": "PROTOBUF"}, "/x") == ("PROTOBUF", "message X {}")
    for answer in ({}, [], {"schema": 5}, {"schema": "{"}):
        with pytest.raises(TerminalError):
            parse_answer(answer, "/x")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "name one source, not 0"),
        (["--avro", "order.avsc", "--odcs", "x"], "name one source, not 2"),
        (["--registry", "SHOP_REGISTRY"], "--registry needs --subject"),
        (["--dbt", "order.avsc", "--model", "x"], "order.avsc is no manifest of dbt"),
        (["--registry", "http://me:pw@x", "--subject", "y"], "the registry takes the name of an environment variable"),
    ],
)
def test_a_source_must_be_named(asked: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contract", *asked]) == exits.USAGE
    assert said in capsys.readouterr().err
