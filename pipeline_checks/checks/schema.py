"""schema: the stage has the promised columns, of types that hold every promised value, and no others.

A type that holds more than is promised is no finding. One that holds less loses values, and is ``retyped`` with what is
lost: ``range``, ``precision`` or ``scale``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_checks.checks.applicability import is_loaded_by_files, is_topic
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, inexact, promise_of, summary_of
from pipeline_checks.checks.schema_history import columns_before, renamed_columns
from pipeline_checks.checks.schema_promises import PromisedColumn, is_technical, promised_columns, upstream_column
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, SchemaDrift
from pipeline_checks.model.kinds import OBJECT_KINDS
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Grade, Measure, StageSchema, UpstreamSchemas
from pipeline_checks.model.previous import Previous
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

UNCONVERTIBLE = Facts("unconvertible")
PREVIOUS = Previous()


class SchemaCheck:
    """Columns, types and nullability against contract and upstream, renames against the last run.

    Where nothing is promised, the columns of the last run are what the stage is held to.
    """

    kind = "schema"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage that holds rows, but for those of which ``json_schema`` or ``evolution`` tells more."""
        told_otherwise = is_loaded_by_files(stage) or stage.kind in OBJECT_KINDS  # by ``evolution``, field by field
        if told_otherwise or (is_topic(stage) and "json_schema" in stage.contract.promises):
            return False
        return stage.holds_rows

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the promises are the contract's columns."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the schemas of the stage, its upstream and the last run; of topics the values without a place."""
        wanted: set[Measure] = {StageSchema(), UpstreamSchemas(), PREVIOUS}
        return frozenset(wanted | {UNCONVERTIBLE} if is_topic(stage) else wanted)

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a column that drifted."""
        found: Schema = evidence[StageSchema()]
        upstream: Mapping[str, Schema] = evidence[UpstreamSchemas()]
        if evidence.grade(StageSchema()) is Grade.UNKNOWN:
            return conclude(evidence, "its columns are not known", {"columns": 0}, doubts=("no row tells of them",))
        before: Schema | None = evidence[PREVIOUS].schema
        promised = promised_columns(evidence.stage, upstream)
        held_to, doubts = "promised", tuple(inexact(evidence, (StageSchema(),), "the schema"))
        if not promised:
            held_to, promised = "in the last run", columns_before(evidence.stage, before)
            doubts = ("no columns are promised: write them under `contract.columns`",)
        if not promised:
            return conclude(
                evidence,
                f"{counted(len(found.fields), 'column')} found",
                {"columns": len(found.fields)},
                doubts=doubts,
                measures={"columns": len(found.fields), "drifted": 0},
            )
        drifts = (*_drifts(evidence, found, upstream, promised), *_unconvertible(evidence, promised))
        compared = sum(1 for f in found.fields if f.name in promised)
        message = f"{counted(compared, 'column')} as {held_to}"
        if drifts:
            message = summary_of(drifts)
        return conclude(
            evidence,
            message,
            {"columns": compared},
            findings=drifts,
            doubts=doubts,
            measures={"columns": len(found.fields), "promised": len(promised), "drifted": len(drifts)},
        )


def _drifts(
    evidence: Evidence, found: Schema, upstream: Mapping[str, Schema], promised: Mapping[str, PromisedColumn]
) -> Iterator[Finding]:
    stage = evidence.stage
    renamed = renamed_columns(stage, found, promised, evidence[PREVIOUS].schema)
    for name, column in promised.items():
        field = found.field(name) or renamed.get(name)
        if name in renamed:
            message = f"column {name} is now named {renamed[name].name}"
            yield _drift(evidence, "renamed", name, message, name, renamed[name].name)
        if field is None:
            kind = str(column.type) if column.type else "a column"
            yield _drift(evidence, "dropped", name, f"column {name} is not there", kind, None)
            continue
        drift = _type_drift(evidence, field, column, upstream_column(stage, upstream, name))
        if drift is not None:
            yield drift
        if column.nullable is False and field.nullable and found.enforces_nullability:
            message = f"column {field.name} takes NULL, NOT NULL is promised"
            yield _drift(evidence, "nullability", name, message, "not null", "nullable")
    new_names = {field.name for field in renamed.values()}
    for field in found.fields:
        if field.name in new_names:
            continue
        if field.name not in promised and not is_technical(stage, field.name):
            message = f"column {field.name} ({field.type}) is promised by no one"
            yield _drift(evidence, "added", field.name, message, None, str(field.type))


def _unconvertible(evidence: Evidence, promised: Mapping[str, PromisedColumn]) -> Iterator[Finding]:
    """Values of a topic's records that are not of the promised type: its records need not follow any schema."""
    if not is_topic(evidence.stage):
        return
    for name, count in evidence[UNCONVERTIBLE].items():
        if count:
            column = promised.get(name)
            expected = str(column.type) if column is not None and column.type else None
            message = f"{counted(count, 'value')} of column {name} cannot be read as {expected or 'its type'}"
            yield _drift(evidence, "retyped", name, message, expected, counted(count, "other value"))


def _type_drift(
    evidence: Evidence, field: SchemaField, promised: PromisedColumn, above: SchemaField | None
) -> Finding | None:
    """A type must hold every value that is promised, and every value that its upstream can hold.

    A wider type is no drift. Another family than the upstream's is none either where the contract says so.
    """
    if promised.type is not None and not promised.type.fits_into(field.type):
        return _retyped(evidence, field, promised.type, "promised")
    if above is not None and above.type.family == field.type.family and not above.type.fits_into(field.type):
        return _retyped(evidence, field, above.type, f"of {', '.join(evidence.stage.from_)}")
    return None


def _retyped(evidence: Evidence, field: SchemaField, expected: LogicalType, whose: str) -> Finding:
    loss = "loses values of" if expected.family == field.type.family else "is not"
    message = f"column {field.name} is {field.type}, which {loss} the {expected} {whose}"
    lost = _lost(expected, field.type)
    return _drift(evidence, "retyped", field.name, message, str(expected), str(field.type), lost)


def _lost(wide: LogicalType, narrow: LogicalType) -> str | None:
    """What a type of the same family loses of another; None for one of another family."""
    if wide.family != narrow.family:
        return None
    if wide.name == "decimal":
        return "scale" if (wide.scale or 0) > (narrow.scale or 0) else "precision"
    return "range" if wide.family == "integer" else "precision"


def _drift(
    evidence: Evidence,
    detail: SchemaDrift,
    column: str,
    message: str,
    expected: str | None,
    seen: str | None,
    lost: str | None = None,
) -> Finding:
    return Finding(
        "schema_drift",
        evidence.stage.name,
        message,
        position=evidence.position,
        detail=detail,
        expected=expected,
        seen=seen,
        extra={"column": column} if lost is None else {"column": column, "lost": lost},
    )


CHECK = SchemaCheck()
