"""Stages of a stream with a model, and evidence about them, for tests of checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.checks.registry import check
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.conservation import RecordPlace
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.measure import Coverage, CoverageState, Measured
from pipeline_checks.model.position import OffsetsPosition, Position
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement
from pipeline_checks.stages.consumer_group import ConsumerGroup
from pipeline_checks.stages.files import Files
from pipeline_checks.stages.kafka import KafkaTopic
from pipeline_checks.stages.model_file import ModelFile
from pipeline_checks_tests.unit.checks.cases import COVERED, NOW

HEADERS = {"part": "int64", "off": "int64"}


def group(**fields: Any) -> StageDeclaration:
    """Return a consumer group that reads the topic ``given``."""
    return _stage(ConsumerGroup, "scorer", {"brokers": "b", "group": "g", "from": "given", **fields})


def made(promises: Mapping[str, Any] | None = None, **fields: Any) -> StageDeclaration:
    """Return a topic whose records were made of those of ``given``."""
    columns = {"part": "int64", "off": "int64", "score": "float64", "label": "string", "error_type": "string"}
    columns |= {"original_message": "json", "version": "string", "errors": "json", "id": "string"}
    links = {"partition": "part", "offset": "off"}
    declared = {"brokers": "b", "topic": "made", "from": ["given", "scorer"], "headers": HEADERS, "links": links}
    contract = {"key": ["part", "off"], "columns": columns, **(promises or {})}
    return _stage(KafkaTopic, "made", {**declared, **fields, "contract": contract})


def plain(promises: Mapping[str, Any] | None = None, **fields: Any) -> StageDeclaration:
    """Return a topic that is filled from files."""
    contract = {"key": ["id"], "columns": {"id": "int64"}, **(promises or {})}
    return _stage(
        KafkaTopic, "given", {"brokers": "b", "topic": "given", "from": "rows", **fields, "contract": contract}
    )


def files(promises: Mapping[str, Any] | None = None) -> StageDeclaration:
    """Return a stage of files."""
    contract = {"key": ["n"], "columns": {"n": "int64", "x": "string"}, **(promises or {})}
    return _stage(Files, "rows", {"path": "x.csv", "row_number": "n", "contract": contract})


def model() -> StageDeclaration:
    """Return a stage of a model."""
    return _stage(ModelFile, "model", {"path": "m.joblib"})


def given_at(offset: int, partition: int = 0) -> RecordPlace:
    """Return a record of the input."""
    return RecordPlace("given", "given", partition, offset, f"k{offset}")


def made_at(offset: int, partition: int = 0) -> RecordPlace:
    """Return a record of the output."""
    return RecordPlace("made", "made", partition, offset, f"k{offset}")


def judge(
    kind: str,
    stage: StageDeclaration,
    values: Mapping[Any, Any],
    coverage: CoverageState = COVERED,
    position: Position | None = None,
) -> Judgement:
    """Judge a stage by the values of what the check asks for."""
    found = check(kind)
    assert found.applies_to(stage)
    configuration = found.configure(stage)
    wanted = found.measures(stage, configuration)
    assert set(values) == set(wanted)
    at = position or OffsetsPosition.of({"given": {0: 10}})
    known = {m: Measured(v) for m, v in {**values, Coverage(): coverage}.items()}
    return found.judge(configuration, Evidence(stage, NOW, at, known))


def _stage(model_: type[StageDeclaration], name: str, fields: Mapping[str, Any]) -> StageDeclaration:
    written = {"name": name, **fields}
    contract = Contract.model_validate(written.pop("contract", {}))
    return model_.model_validate(written).model_copy(update={"contract": contract})
