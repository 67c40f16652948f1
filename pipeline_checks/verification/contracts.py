"""Contracts as they are written: in full, by the name of a shared one, from a schema of others, or inherited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.places import Path, Problem, nearest
from pipeline_checks.verification.pydantic_problems import problems_of

LOG_KEY: Final[dict[str, Column]] = {
    name: Column(type=LogicalType.parse(kind), nullable=False)
    for name, kind in (("_topic", "string"), ("_partition", "int64"), ("_offset", "int64"))
}
"""The columns that identify a row of a change log or of dead letters: the coordinates of its record."""

_ROW_FIELDS = ("key", "columns", "schema")


@dataclass(frozen=True)
class PlacedContract:
    """A contract with the place where it was written, None where it was written nowhere."""

    contract: Contract
    path: Path | None


def read_shared(raw: Any, path: Path, problems: list[Problem]) -> dict[str, PlacedContract]:
    """Return the contracts that a pipeline shares, by name; what is malformed is added to ``problems``."""
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        problems.append(Problem(path, "must map names to contracts", "Write contracts: {orders: {key: [order_id]}}."))
        return {}
    read = {
        str(name): (read_contract(value, (*path, str(name)), problems), (*path, str(name)))
        for name, value in raw.items()
    }
    return {name: PlacedContract(contract, place) for name, (contract, place) in read.items() if contract is not None}


def read_contract(raw: Any, path: Path, problems: list[Problem]) -> Contract | None:
    """Return a contract that was written out; None, with a problem added, when it cannot be understood."""
    if not isinstance(raw, Mapping):
        problems.append(Problem(path, "is not a contract", "Write a mapping with key, columns and promises."))
        return None
    fields = dict(raw)
    if isinstance(fields.get("key"), str):
        fields["key"] = [fields["key"]]
    try:
        if "schema" in fields:
            return _from_schema(fields)
        return Contract.model_validate(fields)
    except ValidationError as error:
        problems += problems_of(error, path, written=fields, what="the contract")
    except ConfigurationError as error:
        problems.append(Problem((*path, "schema"), error.message, error.next_step))
    return None


def contract_of(
    declaration: StageDeclaration,
    raw: Any,
    path: Path,
    shared: Mapping[str, PlacedContract],
    upstream: PlacedContract | None,
    problems: list[Problem],
) -> PlacedContract:
    """Return the contract of a stage.

    ``raw`` is what was written at ``path``: the name of a shared contract, a contract, or None. A contract that was
    not written out at the stage says what a row of the data is; of a change log or dead letters it is turned into
    that of its records. A contract that names neither key nor columns adds its promises to the inherited one.
    """
    if isinstance(raw, str):
        if raw not in shared:
            problems.append(Problem(path, f"there is no contract {raw!r} among `contracts`", nearest(raw, shared)))
            return PlacedContract(Contract(), path)
        return PlacedContract(_of_records(shared[raw].contract, declaration), shared[raw].path)
    inherited = Contract()
    if upstream is not None and declaration.holds_rows:
        inherited = _of_records(upstream.contract, declaration)
    if raw is None:
        return PlacedContract(inherited, None if upstream is None else upstream.path)
    written = read_contract(raw, path, problems)
    if written is None:
        return PlacedContract(inherited, path)
    if isinstance(raw, Mapping) and not any(field in raw for field in _ROW_FIELDS):
        written = inherited.model_copy(update=_written_fields(written))
    return PlacedContract(written, path)


def _written_fields(contract: Contract) -> dict[str, Any]:
    return {name: getattr(contract, name) for name in contract.model_fields_set}


def _of_records(contract: Contract, declaration: StageDeclaration) -> Contract:
    """The contract of the records about rows, when the stage holds those; ``contract`` itself when it holds rows."""
    meaning = declaration.row_meaning
    if meaning == "current":
        return contract
    update: dict[str, Any] = {"key": tuple(LOG_KEY), "event_time": None, "columns": dict(LOG_KEY)}
    if meaning == "changes":
        # a delete carries the key alone, a truncate not even that
        nullable = {name: c.model_copy(update={"nullable": True}) for name, c in contract.columns.items()}
        update |= {"event_time": contract.event_time, "columns": {**nullable, **LOG_KEY}}
    return contract.model_copy(update=update)


def _from_schema(fields: dict[str, Any]) -> Contract:
    taken = _taken(fields.pop("schema"), fields)
    own = Contract.model_validate({"columns": taken.columns, **fields})  # key and event time must be among the columns
    return taken.model_copy(update={field: getattr(own, field) for field in fields} if fields else {})


def _taken(written: Any, beside: Mapping[str, Any]) -> Contract:
    """The contract that is written elsewhere: as a pandera schema, or in a file that ``contract_sources`` reads."""
    if isinstance(written, Mapping):
        from pipeline_checks.verification.contract_sources.source import contract_from_source

        return contract_from_source(written, beside)
    if not isinstance(written, str):
        raise ConfigurationError(
            "schema is neither text nor a mapping", next_step="Write schema: package.module:Name, or {avro: FILE}."
        )
    from pipeline_checks.values.pandera_contract import contract_from

    return contract_from(written)
