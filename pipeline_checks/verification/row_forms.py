"""Which columns of a stage are compared with which of the stage before it, and at which types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

from pipeline_checks.engines.row_hashes import ComparedColumn, RowForm
from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.kinds import LAKE_KINDS, SOURCE_KINDS, WAREHOUSE_KINDS
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.values.canonical import comparable_type


@dataclass(frozen=True)
class Forms:
    """The common form of two stages' rows: how each gives it, and the columns that are left out with the reason."""

    own: RowForm
    above: RowForm
    skipped: dict[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The compared columns, those of the key first."""
        return tuple(dict.fromkeys(c.name for c in (*self.own.key, *self.own.columns)))


def lacking(stage: StageDeclaration, pinned: PinnedStage) -> frozenset[str]:
    """Return the promised columns that a table does not have: ``schema`` tells them, and the others are compared."""
    if stage.kind not in SOURCE_KINDS | LAKE_KINDS | WAREHOUSE_KINDS:
        return frozenset()
    return frozenset(stage.contract.columns) - {field.name for field in pinned.schema().fields}


def forms_between(
    stage: StageDeclaration,
    above: StageDeclaration,
    also: Sequence[Contract] = (),
    *,
    absent: Collection[str] = (),
    absent_above: Collection[str] = (),
    beside: Mapping[str, Column] = MappingProxyType({}),
) -> Forms:
    """Return how rows of ``stage`` and of ``above``, which it is made from, are brought into one form.

    ``also`` are contracts of stages whose rows are given in the form of ``above`` too. A column of the stage holds the
    upstream column of its name, or what ``columns`` of the stage or ``computed`` of its contract says. ``absent`` and
    ``absent_above`` are promised columns that either side lacks; they are left out. ``beside`` are columns beside the
    contract that ``columns`` of the stage says the origin of.
    """
    promised = stage.contract.columns or above.contract.columns
    given = above.contract.columns or stage.contract.columns
    own: list[ComparedColumn] = []
    theirs: list[ComparedColumn] = []
    skipped: dict[str, str] = {}
    for name, column in {**promised, **beside}.items():
        if name in stage.ignore:
            continue
        source = stage.columns.get(name, name)
        if name in absent or source in absent_above:
            skipped[name] = f"{stage.name if name in absent else above.name} has no such column"
            continue
        if source in given:
            others = [c.columns[source].type for c in also if source in c.columns]
            type_ = _common(column.type, given[source].type, *others)
            if type_ is None:
                skipped[name] = f"{column.type} and {given[source].type} cannot be compared"
                continue
            own.append(ComparedColumn(name, name, type_))
            theirs.append(ComparedColumn(name, source, type_))
        elif name in stage.columns or column.computed is not None:
            type_ = comparable_type(column.type, column.type)
            if type_ is None:
                skipped[name] = f"values of type {column.type} cannot be compared"
                continue
            own.append(ComparedColumn(name, name, type_))
            expression = stage.columns.get(name) or column.computed or ""
            theirs.append(ComparedColumn(name, expression, type_, is_expression=True))
        else:
            skipped[name] = f"{above.name} has no such column, and nothing says what it is `computed` from"
    key = stage.contract.key or above.contract.key
    lost = next((k for k in key if k not in {c.name for c in own}), None)
    if lost is not None:
        raise ConfigurationError(
            f"the rows of {stage.name} and {above.name} cannot be told by key: {lost!r}"
            f" {skipped.get(lost, 'is ignored')}.",
            next_step="Declare the key's columns with types of one family in both contracts.",
        )
    reads = [c.source for c in theirs if not c.is_expression]
    if any(c.is_expression for c in theirs):
        reads += [c for c in given if c not in absent_above]
    return Forms(_form(own, key, [c.name for c in own]), _form(theirs, key, reads), skipped)


def _common(*types: LogicalType) -> LogicalType | None:
    """Return the type at which values of all the types are compared."""
    first, *rest = types
    found = comparable_type(first, first)
    return reduce(lambda one, other: None if one is None else comparable_type(one, other), rest, found)


def _form(columns: Sequence[ComparedColumn], key: Sequence[str], reads: Sequence[str]) -> RowForm:
    by_name = {c.name: c for c in columns}
    return RowForm(tuple(by_name[k] for k in key), tuple(columns), tuple(dict.fromkeys(reads)))
