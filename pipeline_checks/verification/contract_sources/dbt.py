"""Contracts from what dbt knows of a model or a source: its manifest, with the types of its catalog beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.verification.contract_sources.files import json_of
from pipeline_checks.verification.contract_sources.sql_types import logical_type
from pipeline_checks.verification.places import nearest

_CATALOG: Final = "catalog.json"
_MANIFEST: Final = "manifest.json"


def contract_of(file: str, model: str | None = None, *, beside: Collection[str] = ()) -> Contract:
    """Return the contract of ``model`` (its name, or ``source.table``) in the manifest ``file``.

    Taken are columns with their types, the constraints not_null, unique and primary_key, and the tests not_null,
    unique, unique_combination_of_columns and accepted_values that stop a build and look at every row. Other tests stay
    with dbt: the check ``dbt_tests`` tells what they found. A type that the manifest does not name is looked up in
    ``catalog.json`` beside it (`dbt docs generate`). Raises ConfigurationError for a column without a type.
    """
    manifest = json_of(file)
    if not isinstance(manifest, Mapping) or "nodes" not in manifest:
        raise ConfigurationError(f"{file} is no manifest of dbt.", next_step="Name target/manifest.json.")
    node = _node(file, manifest, model)
    in_catalog = _catalog(file).get(str(node["unique_id"]), {})
    dialect = str((manifest.get("metadata") or {}).get("adapter_type") or "")
    tests = list(_tests(manifest, str(node["unique_id"])))
    columns = {
        str(name): _column(file, str(name), described, in_catalog, dialect, tests)
        for name, described in _columns(node, in_catalog).items()
    }
    key = _key(node, tests)
    return Contract(key=key, columns=columns) if key else Contract(columns=columns)


def _node(file: str, manifest: Mapping[str, Any], model: str | None) -> Mapping[str, Any]:
    kinds = ("model", "seed", "snapshot")
    nodes = [n for n in manifest["nodes"].values() if n.get("resource_type") in kinds]
    named = {str(n["name"]): n for n in nodes} | {str(n["unique_id"]): n for n in nodes}
    for source in (manifest.get("sources") or {}).values():
        named[f"{source['source_name']}.{source['name']}"] = source
    if model not in named:
        known = sorted(name for name in named if not name.startswith(kinds))
        what = "which model is meant is not said" if model is None else f"there is no model {model!r}"
        raise ConfigurationError(f"{file}: {what}.", next_step=f"Write model: NAME. {nearest(model or '', known)}")
    found: Mapping[str, Any] = named[model]
    return found


def _catalog(file: str) -> dict[str, Any]:
    if not file.endswith(_MANIFEST):
        return {}
    try:
        catalog = json_of(file.removesuffix(_MANIFEST) + _CATALOG)
    except ConfigurationError:
        return {}  # dbt writes it only when it is asked for
    return {**(catalog.get("nodes") or {}), **(catalog.get("sources") or {})}


def _columns(node: Mapping[str, Any], in_catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The columns by name: all of those that the catalog has, in its order, else those that are described."""
    described: dict[str, Any] = dict(node.get("columns") or {})
    spelled = {name.lower(): name for name in described}
    listed = sorted((in_catalog.get("columns") or {}).values(), key=lambda c: int(c.get("index") or 0))
    if not listed:
        return described
    names = [spelled.get(str(c["name"]).lower(), str(c["name"])) for c in listed]
    return {name: described.get(name, {}) for name in names}


def _column(
    file: str, name: str, described: Mapping[str, Any], in_catalog: Mapping[str, Any], dialect: str, tests: list[Any]
) -> Column:
    listed = {str(c["name"]).lower(): c for c in (in_catalog.get("columns") or {}).values()}
    written = described.get("data_type") or listed.get(name.lower(), {}).get("type")
    promises: dict[str, Any] = {}
    constraints = {c.get("type") for c in described.get("constraints") or ()}
    nullable = not constraints & {"not_null", "primary_key"}
    for kind, arguments in tests:
        if str(arguments.get("column_name", "")).strip('"').lower() != name.lower():
            continue
        if kind == "not_null":
            nullable = False
        elif kind == "accepted_values":
            promises["accepted"] = list(arguments["values"])
    return Column(type=_type(file, name, written, dialect), nullable=nullable, **promises)


def _type(file: str, name: str, written: str | None, dialect: str) -> LogicalType:
    if written is None:
        raise ConfigurationError(
            f"{file} does not say which type the column {name!r} has.",
            next_step=f"Run `dbt docs generate`, which writes {_CATALOG} beside it, or give the column a data_type.",
        )
    found = logical_type(str(written), dialect)
    if found is None:
        raise ConfigurationError(
            f"{file}: the type {written} of the column {name!r} is not known.", next_step="Write the contract out."
        )
    return found


def _tests(manifest: Mapping[str, Any], unique_id: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and arguments of the tests about a node that stop a build and look at every row."""
    for node in manifest["nodes"].values():
        if node.get("resource_type") != "test" or not _is_about(node, unique_id):
            continue
        config, told = node.get("config") or {}, node.get("test_metadata") or {}
        is_whole = not config.get("where") and str(config.get("severity") or "error").lower() == "error"
        is_plain = str(config.get("error_if") or "!= 0") == "!= 0" and config.get("enabled", True)
        if is_whole and is_plain and told.get("name"):
            yield str(told["name"]), told.get("kwargs") or {}


def _is_about(node: Mapping[str, Any], unique_id: str) -> bool:
    attached = node.get("attached_node")
    if attached is not None:
        return bool(attached == unique_id)
    return list((node.get("depends_on") or {}).get("nodes") or ()) == [unique_id]  # a test of a source


def _key(node: Mapping[str, Any], tests: list[tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """The primary key, else what is unique by a combination of columns or alone."""
    for constraint in node.get("constraints") or ():
        if constraint.get("type") == "primary_key" and constraint.get("columns"):
            return tuple(constraint["columns"])
    columns: Mapping[str, Any] = node.get("columns") or {}
    for word in ("primary_key", "unique"):
        for name, described in columns.items():
            if any(c.get("type") == word for c in described.get("constraints") or ()):
                return (str(name),)
    spelled = {str(name).lower(): str(name) for name in columns}
    for kind, arguments in tests:
        if kind in ("unique_combination_of_columns", "unique_combination"):
            given = arguments.get("combination_of_columns") or arguments.get("columns") or ()
            return tuple(spelled.get(str(c).lower(), str(c)) for c in given)
    for kind, arguments in tests:
        if kind == "unique":
            column = str(arguments.get("column_name", "")).strip('"')
            return (spelled.get(column.lower(), column),)
    return ()
