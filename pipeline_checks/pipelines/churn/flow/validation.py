"""Messages against their JSON Schema, and a customer's fields against each other. Every error is listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson

from pipeline_checks.pipelines.churn.flow.customer_rules import broken_rules

CUSTOMER: Final = "customer.schema.json"
PREDICTION: Final = "prediction.schema.json"
DEAD_LETTER: Final = "dead_letter.schema.json"

Rules = Callable[[Mapping[str, Any], frozenset[str]], Iterable[tuple[str, str]]]
"""Given a message and its fields that are wrong already, yields further (field, message)."""


class SchemaValidator:
    """Judges messages by a schema.

    Parameters
    ----------
    schema:
        The schema's file; raises FileNotFoundError when it is missing and ValueError when it is no JSON or no schema.
    rules:
        What the schema cannot say, such as one field depending on another.
    """

    def __init__(self, schema: Path, rules: Rules | None = None) -> None:
        try:
            document = orjson.loads(schema.read_bytes())
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no schema {schema}") from None
        except orjson.JSONDecodeError as error:
            raise ValueError(f"the schema {schema} is not JSON: {error}") from None
        try:
            self._validator = jsonschema_rs.Draft7Validator(document)
        except (jsonschema_rs.ValidationError, ValueError) as error:
            raise ValueError(f"{schema} is not a JSON Schema: {error}") from None
        self._schema: dict[str, Any] = document
        self._rules = rules

    def validate(self, message: Any) -> tuple[bool, list[str]]:
        """Return whether the message is valid, and every error as ``Field '<path or root>': <message>``."""
        rules = self._rules
        if self._validator.is_valid(message):
            found = list(rules(message, frozenset())) if rules is not None else []
        else:
            found = [(_path(e.instance_path), e.message) for e in self._validator.iter_errors(message)]
            if rules is not None and isinstance(message, Mapping):
                wrong = frozenset(path.partition(".")[0] for path, _ in found)
                found += rules(message, wrong)
        return not found, [f"Field '{field}': {text}" for field, text in found]

    def validate_batch(self, messages: Iterable[Any]) -> list[tuple[bool, list[str]]]:
        """Return what ``validate`` says of each message, in their order."""
        return [self.validate(message) for message in messages]

    def get_required_fields(self) -> list[str]:
        """Return the fields that every message must have."""
        return list(self._schema.get("required", ()))

    def get_field_type(self, field: str) -> str | None:
        """Return the type of a field, ``number/string`` for one of several; None for an unknown field."""
        declared = self._schema.get("properties", {}).get(field, {}).get("type")
        return "/".join(declared) if isinstance(declared, list) else declared


def _path(parts: Iterable[str | int]) -> str:
    return ".".join(map(str, parts)) or "root"


def shipped(name: str) -> Path:
    """Return the file of a schema that lies beside this module."""
    return Path(str(files(__package__) / "schemas" / name))


def customer_validator(schema: Path | None = None) -> SchemaValidator:
    """Return the validator of customers, with the rules between their fields."""
    return SchemaValidator(schema or shipped(CUSTOMER), broken_rules)


def prediction_validator(schema: Path | None = None) -> SchemaValidator:
    """Return the validator of predictions."""
    return SchemaValidator(schema or shipped(PREDICTION))


def dead_letter_validator() -> SchemaValidator:
    """Return the validator of dead letters."""
    return SchemaValidator(shipped(DEAD_LETTER))
