"""Contracts from the newest schema of a subject in a schema registry.

A pipeline never asks a registry when it is loaded: what is taken from one is written down.
"""

from __future__ import annotations

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.secret import variable_named
from pipeline_checks.verification.contract_sources import avro, json_schema


def contract_of(variable: str, subject: str) -> Contract:
    """Return the contract of ``subject`` in the registry whose URL stands in the environment variable ``variable``.

    Raises ConfigurationError when there is no such subject, or its schema is neither Avro nor JSON Schema, and the
    errors of ``clients.http`` when the registry does not answer.
    """
    from pipeline_checks.stages.schema_registry import SchemaRegistry

    registry = SchemaRegistry(resolve(variable_named(variable, "the registry")))
    try:
        found = registry.described(subject)
    finally:
        registry.close()
    if found is None:
        raise ConfigurationError(
            f"the registry in {variable} has no subject {subject!r}.", next_step="Of a topic it is mostly TOPIC-value."
        )
    kind, schema = found
    if kind == "AVRO":
        return avro.contract_of_schema(schema, subject)
    if kind == "JSON":
        return json_schema.contract_of_schema(schema, subject)
    raise ConfigurationError(f"the schema of {subject!r} is of the kind {kind}.", next_step="Write the contract out.")
