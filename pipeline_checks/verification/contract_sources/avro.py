"""Contracts from the Avro schema of a record."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.contract_sources.files import json_of


def contract_of(file: str, *, beside: Collection[str] = ()) -> Contract:
    """Return the contract of the schema in ``file``: columns with types and nullability, and the symbols of enums.

    Avro has no key: it is written beside the schema.
    """
    return contract_of_schema(json_of(file), file)


def contract_of_schema(schema: Any, place: str) -> Contract:
    """Return the contract of a schema that was read already; ``place`` is how messages name it."""
    from pipeline_checks.stages.avro_schema import AvroField, fields_of

    def column(field: AvroField) -> Column:
        held = [branch for branch in field.branches if branch is not None]
        symbols = held[0].written.get("symbols") if len(held) == 1 and held[0].kind == "enum" else None
        promises = {} if symbols is None else {"accepted": list(symbols)}
        return Column(type=field.type, nullable=field.nullable, **promises)

    try:
        return Contract(columns={field.name: column(field) for field in fields_of(schema)})
    except (ValueError, KeyError, TypeError) as problem:
        raise ConfigurationError(
            f"{place} is no Avro schema of records: {problem}.", next_step="Name the schema of the records."
        ) from None
