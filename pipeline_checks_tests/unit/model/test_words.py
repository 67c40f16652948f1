"""The words of the project: types, positions, contracts, cuts, verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.cut import TransactionSnapshot
from pipeline_checks.model.duration import parse_duration
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import LsnPosition, OffsetsPosition, VersionPosition, format_lsn, parse_lsn
from pipeline_checks.model.secret import EnvironmentVariable, SecretSetting, Setting
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict, overall

ASSIGNABLE = [
    ("int16", "int64", True),
    ("int64", "int32", False),
    ("decimal(10,2)", "decimal(12,2)", True),
    ("decimal(10,2)", "decimal(10,1)", False),
    ("decimal(10,2)", "decimal(10,4)", False),
    ("timestamp(3)", "timestamp", True),
    ("timestamp", "timestamp(3)", False),
    ("timestamp", "timestamptz", False),
    ("float32", "float64", True),
    ("string", "string", True),
    ("int32", "string", False),
]


@pytest.mark.parametrize(("narrow", "wide", "fits"), ASSIGNABLE)
def test_a_type_fits_into_another_when_no_value_is_lost(narrow: str, wide: str, fits: bool) -> None:
    assert LogicalType.parse(narrow).fits_into(LogicalType.parse(wide)) is fits


@pytest.mark.parametrize("text", ["integer", "varchar(10)", "decimal(2,5)", "timestamp(12)", "int64(3)", ""])
def test_an_unknown_type_is_refused_with_the_types_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="the types are int8"):
        LogicalType.parse(text)


@given(st.sampled_from(["int8", "int64", "decimal(38,9)", "string", "timestamp(3)", "timestamptz", "date"]))
def test_a_type_reads_back_what_it_writes(text: str) -> None:
    assert str(LogicalType.parse(str(LogicalType.parse(text)))) == str(LogicalType.parse(text))


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_an_lsn_reads_back_what_it_writes(lsn: int) -> None:
    assert parse_lsn(format_lsn(lsn)) == lsn


def test_offsets_cover_others_when_no_partition_is_behind() -> None:
    position = OffsetsPosition.of({"t": {0: 5, 1: 3}})
    assert position.covers(OffsetsPosition.of({"t": {0: 5}})) is True
    assert position.covers(OffsetsPosition.of({"t": {1: 4}})) is False
    assert position.covers(OffsetsPosition.of({"u": {0: 1}})) is False
    assert position.covers(OffsetsPosition.of({})) is True


def test_positions_of_different_kinds_cannot_be_compared() -> None:
    assert VersionPosition(3).covers(LsnPosition(3)) is None


@given(xmax=st.integers(min_value=3, max_value=2**40), behind=st.integers(min_value=0, max_value=2**31 - 1))
def test_a_32_bit_transaction_id_is_widened_to_the_one_near_the_snapshot(xmax: int, behind: int) -> None:
    full = max(3, xmax - behind)
    assert TransactionSnapshot(3, xmax).widen(full & 0xFFFFFFFF) == full


def test_a_snapshot_sees_what_ended_before_it_and_not_what_was_running_or_came_later() -> None:
    snapshot = TransactionSnapshot.parse("10:20:12,15")
    assert [x for x in range(8, 23) if not snapshot.sees(x)] == [12, 15, 20, 21, 22]
    assert str(snapshot) == "10:20:12,15"


def test_a_contract_takes_bare_type_names_and_keeps_other_promises_for_their_checks() -> None:
    contract = Contract.model_validate(
        {
            "key": ["id"],
            "columns": {"id": "int64", "n": {"type": "decimal(5,2)", "min": 0}},
            "freshness": {"within": "1m"},
        }
    )
    assert contract.columns["n"].promises == {"min": 0}
    assert contract.promises == {"freshness": {"within": "1m"}}


@pytest.mark.parametrize("field", [{"key": ["nope"]}, {"event_time": "nope"}])
def test_a_contract_that_names_an_unknown_column_is_refused_with_the_columns_there_are(
    field: dict[str, object],
) -> None:
    with pytest.raises(ValidationError, match="'nope', which is not among the columns \\(id\\)"):
        Contract.model_validate({"columns": {"id": "int64"}, **field})


def test_a_literal_password_is_refused_and_an_environment_variable_is_taken() -> None:
    class Settings(BaseModel):
        url: Setting
        password: SecretSetting | None = None

    with pytest.raises(ValidationError, match="a literal password is refused"):
        Settings.model_validate({"url": "postgresql://me:secret@db/x"})
    with pytest.raises(ValidationError, match="a literal secret is refused"):
        Settings.model_validate({"url": "x", "password": "secret"})
    assert Settings.model_validate({"url": {"env": "X"}}).url == EnvironmentVariable(env="X")
    assert Settings.model_validate({"url": "postgresql://me@db/x"}).url == "postgresql://me@db/x"


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600.0), ("500ms", 0.5), (5, 5.0), ("1.5h", 5400.0)])
def test_a_duration_is_read_with_its_unit(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["10", "ten minutes", True, None])
def test_a_duration_without_a_unit_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def _stage(name: str, *upstream: str) -> StageDeclaration:
    return StageDeclaration(name=name, kind="delta_table", from_=upstream)


def test_a_pipeline_knows_what_a_stage_is_made_from_nearest_first() -> None:
    pipeline = Pipeline(name="p", stages=(_stage("a"), _stage("b", "a"), _stage("c", "b", "a")))
    assert [s.name for s in pipeline.ancestors(pipeline.stage("c"))] == ["b", "a"]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((_stage("a"), _stage("a")), "stages of one name: a"),
        ((_stage("a", "z"),), "'z', which is not a stage"),
        ((_stage("b", "a"), _stage("a")), "must stand behind 'a'"),
        ((), "at least one stage"),
    ],
)
def test_a_pipeline_that_is_no_graph_is_refused(stages: tuple[StageDeclaration, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Pipeline(name="p", stages=stages)


def test_the_whole_is_as_bad_as_its_worst_part_and_nothing_at_all_is_an_error() -> None:
    assert overall([Verdict.PASS, Verdict.WARN]) is Verdict.WARN
    assert overall([Verdict.UNSETTLED, Verdict.FAIL, Verdict.ERROR]) is Verdict.FAIL
    assert overall([Verdict.WARN, Verdict.UNSETTLED]) is Verdict.UNSETTLED
    assert overall([]) is Verdict.ERROR
