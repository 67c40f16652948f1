"""A ``schema`` of a contract that is a mapping: which source it names, and the contract that the source makes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any, Final

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.places import nearest

SOURCES: Final = {
    "avro": ("pipeline_checks.verification.contract_sources.avro", ()),
    "json_schema": ("pipeline_checks.verification.contract_sources.json_schema", ()),
    "odcs": ("pipeline_checks.verification.contract_sources.odcs", ("table",)),
    "dbt": ("pipeline_checks.verification.contract_sources.dbt", ("model",)),
}
"""Source to its module, which has ``contract_of``, and the fields beside the file."""


def contract_from_source(written: Mapping[str, Any], beside: Collection[str] = ()) -> Contract:
    """Return the contract that ``{avro: FILE}``, ``{json_schema: FILE}``, ``{odcs: FILE, table: NAME}`` or
    ``{dbt: FILE, model: NAME}`` describes.

    ``beside`` are the fields of the contract that are written beside the schema. Raises ConfigurationError when the
    file cannot be read, and for what it promises and no check could judge: nobody would ever look at it.
    """
    named = [name for name in written if name in SOURCES]
    if len(named) != 1:
        raise ConfigurationError(
            "schema names no source of contracts" if not named else f"schema names {' and '.join(named)}",
            next_step="Write one of {avro: FILE}, {json_schema: FILE}, {odcs: FILE, table: NAME}, "
            "{dbt: FILE, model: NAME}, or package.module:Name of a pandera schema.",
        )
    module, fields = SOURCES[named[0]]
    known = (named[0], *fields)
    for field, value in written.items():
        if field not in known:
            raise ConfigurationError(
                f"a schema from {named[0]} has no field {field!r}", next_step=nearest(field, known)
            )
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{field} is not text: {value!r}", next_step=f"Write {field}: NAME.")
    make: Callable[..., Contract] = import_module(module).contract_of
    return make(*(written.get(field) for field in known), beside=frozenset(beside))


def unsupported(place: str, where: str, what: str, next_step: str = "") -> ConfigurationError:
    """Return the error for something that a contract cannot promise."""
    return ConfigurationError(
        f"{place} has {what} at {where!r}, which a contract cannot promise.",
        next_step=next_step or "Leave it out there, or write the contract out.",
    )
