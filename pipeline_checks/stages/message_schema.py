"""Every message of a topic held against a JSON Schema, and what deviates told together with its first place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.json_acceptor import JsonAcceptor

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

PROMISE = "json_schema"
"""The promise in a contract that names the file of the schema."""
UNREADABLE, INVALID = "unreadable", "invalid"


@dataclass
class Deviation:
    """Messages that deviate from their schema in the same way.

    ``word`` says how: ``added``, ``dropped``, ``retyped``, ``unaccepted_value``, ``out_of_range``, ``pattern``,
    ``rule`` or ``unreadable``; ``path`` in which field. ``first`` is the first offset of each partition.
    """

    word: str
    path: str
    example: str
    count: int = 0
    first: dict[int, int] = field(default_factory=dict)

    def at(self, partition: int, offset: int) -> None:
        """Note one more message."""
        self.count += 1
        self.first[partition] = min(offset, self.first.get(partition, offset))

    def to_json(self) -> dict[str, Any]:
        """Return the deviation as a fact."""
        first = {str(p): o for p, o in sorted(self.first.items())}
        return {"word": self.word, "field": self.path, "count": self.count, "first": first, "example": self.example}


class MessageJudge:
    """Judges messages by a schema; ``wrong`` has the places of those that are not valid, and why."""

    def __init__(self, schema: Any, place: str) -> None:
        try:
            import jsonschema_rs
        except ModuleNotFoundError:
            raise ConfigurationError(
                "judging messages by a JSON Schema needs jsonschema-rs, which is not installed.",
                next_step="Install it: pip install 'pipeline-checks[churn]'.",
            ) from None

        try:
            self._validator = jsonschema_rs.validator_for(schema)
        except (jsonschema_rs.ValidationError, ValueError) as problem:
            raise ConfigurationError(
                f"{place} is no JSON Schema: {str(problem).splitlines()[0]}", next_step="Correct the file."
            ) from None
        self.looked_at = 0
        self.wrong: dict[tuple[int, int], str] = {}
        self._deviations: dict[tuple[str, str], Deviation] = {}
        self._schema = schema
        self._acceptors: list[JsonAcceptor | None] = []

    @classmethod
    def of(cls, stage: StageDeclaration) -> MessageJudge | None:
        """Return the judge of a stage's messages; None where its contract promises no schema."""
        promise = stage.contract.promises.get(PROMISE)
        place = promise.get("file") if isinstance(promise, Mapping) else promise
        return None if place is None else cls(read_schema(str(place)), str(place))

    def acceptor(self, columns: Mapping[str, LogicalType]) -> JsonAcceptor | None:
        """Return what tells of many messages, read as these columns, that they are valid; made once."""
        if not self._acceptors:
            self._acceptors.append(JsonAcceptor.of(self._schema, columns))
        return self._acceptors[0]

    def accept(self, messages: int) -> None:
        """Note messages that are valid."""
        self.looked_at += messages

    def look(self, partition: int, offset: int, message: Any) -> None:
        """Judge one message."""
        self.looked_at += 1
        if self._validator.is_valid(message):
            return
        self.wrong[partition, offset] = INVALID if isinstance(message, dict) else UNREADABLE
        seen = {found: text for error in self._validator.iter_errors(message) for found, text in deviations(error)}
        for found, text in seen.items():
            self._note(found, text, partition, offset)

    def look_unreadable(self, partition: int, offset: int, reason: str) -> None:
        """Note a record that is no message at all."""
        self.looked_at += 1
        self.wrong[partition, offset] = UNREADABLE
        self._note((UNREADABLE, "root"), reason, partition, offset)

    def errors(self, message: Any) -> set[str]:
        """Return what is wrong with a message, each error as ``Field '<path or root>': <message>``."""
        return {f"Field '{_path(error)}': {error.message}" for error in self._validator.iter_errors(message)}

    def forget(self) -> None:
        """Forget everything: the topic has been made again."""
        self.looked_at, self.wrong, self._deviations = 0, {}, {}

    def facts(self, end: Mapping[int, int]) -> dict[str, Any]:
        """Return ``messages``, ``invalid`` (how many), ``deviations``, of what was read.

        ``end`` are the offsets up to which wrong messages are counted.
        """
        wrong = [place for place in self.wrong if place[1] < end.get(place[0], 0)]
        found = sorted(self._deviations.values(), key=lambda d: (d.word, d.path))
        return {"messages": self.looked_at, "invalid": len(wrong), "deviations": [d.to_json() for d in found]}

    def _note(self, found: tuple[str, str], text: str, partition: int, offset: int) -> None:
        if found not in self._deviations:
            self._deviations[found] = Deviation(*found, example=text)
        self._deviations[found].at(partition, offset)


def deviations(error: ValidationError) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what an error of validation says: the kind of deviation and the field, with the message."""
    path = _path(error)
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    kind: Any = error.kind
    if keyword == "additionalProperties":
        inside = "" if path == "root" else f"{path}."
        for name in kind.unexpected:
            yield ("added", f"{inside}{name}"), error.message
    elif keyword == "required":
        inside = "" if path == "root" else f"{path}."
        yield ("dropped", f"{inside}{kind.property}"), error.message
    else:
        yield (_WORDS.get(keyword, "rule"), path), error.message


def _path(error: ValidationError) -> str:
    return ".".join(str(part) for part in error.instance_path) or "root"


_WORDS = {
    "type": "retyped",
    "enum": "unaccepted_value",
    "const": "unaccepted_value",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "exclusiveMinimum": "out_of_range",
    "exclusiveMaximum": "out_of_range",
    "pattern": "pattern",
    "format": "pattern",
}


def read_schema(place: str) -> Any:
    """Return the schema of a file: a path, or ``package.module:file.json`` of an installed package.

    Raises ConfigurationError when it is not there or is no JSON.
    """
    package, colon, name = place.partition(":")
    try:
        if colon and "/" not in package and not Path(place).exists():
            text = (resources.files(package) / name).read_text(encoding="utf-8")
        else:
            text = Path(place).read_text(encoding="utf-8")
        return json.loads(text)
    except (OSError, ModuleNotFoundError) as problem:
        raise ConfigurationError(
            f"the JSON Schema {place} cannot be read: {problem}.",
            next_step="Name a file, or package.module:file.json.",
        ) from None
    except ValueError as problem:
        raise ConfigurationError(f"the JSON Schema {place} is no JSON: {problem}.", next_step="Correct it.") from None
