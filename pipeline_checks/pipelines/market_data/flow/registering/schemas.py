"""Subjects, versions and ids of a registry, in a file; what fits what is decided by Avro's own rules."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import avro.schema
import orjson
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

LEVELS: Final = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)


class Refused(Exception):
    """A request that the registry refuses, with the status and the code that registries answer."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass
class _Subject:
    versions: dict[int, int] = field(default_factory=dict)
    """Version to id of the schema."""
    next_version: int = 1


def parse(text: str) -> avro.schema.Schema:
    """Return an Avro schema; raises Refused for a text that is none."""
    try:
        return avro.schema.parse(text)
    except Exception as problem:  # the parser raises errors of many kinds for a text that is no schema
        raise Refused(422, 42201, f"Invalid schema: {problem}"[:500]) from None


def explained(reader: str, writer: str) -> list[str]:
    """Return why a reader with one schema cannot read what was written with another; nothing when it can."""
    checker: Any = ReaderWriterCompatibilityChecker  # avro has no types
    result = checker().get_compatibility(parse(reader), parse(writer))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    places = sorted(result.locations)
    reasons = sorted(result.messages) or ["the schemas do not fit"]
    return [f"{reason} (at {', '.join(places)})" for reason in reasons]


class Schemas:
    """All schemas of a registry.

    Parameters
    ----------
    file:
        Keeps them; read when it is there.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._texts: dict[int, str] = {}
        self._subjects: dict[str, _Subject] = {}
        self._levels: dict[str, str] = {}
        self.level = "BACKWARD"
        if file is not None and file.exists():
            self._load(orjson.loads(file.read_bytes()))

    def subjects(self) -> list[str]:
        """Return the names of the subjects that have a version."""
        return sorted(name for name, subject in self._subjects.items() if subject.versions)

    def level_of(self, subject: str) -> str | None:
        """Return the compatibility that was set for a subject, None when none was."""
        return self._levels.get(subject)

    def set_level(self, subject: str | None, level: str) -> None:
        """Set the compatibility of a subject, or of those that have none of their own."""
        if level not in LEVELS:
            raise Refused(422, 42203, f"Invalid compatibility level. Valid values are {', '.join(LEVELS)}")
        if subject is None:
            self.level = level
        else:
            self._levels[subject] = level
        self._save()

    def forget_level(self, subject: str) -> str:
        """Take a subject's own compatibility away; returns what it was."""
        if subject not in self._levels:
            raise Refused(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")
        level = self._levels.pop(subject)
        self._save()
        return level

    def text(self, schema_id: int) -> str:
        """Return the schema with an id."""
        if schema_id not in self._texts:
            raise Refused(404, 40403, f"Schema {schema_id} not found")
        return self._texts[schema_id]

    def uses(self, schema_id: int) -> list[tuple[str, int]]:
        """Return subjects and versions that hold the schema with an id."""
        self.text(schema_id)
        return [(n, v) for n, s in self._subjects.items() for v, i in s.versions.items() if i == schema_id]

    def versions(self, subject: str) -> list[int]:
        """Return the versions of a subject."""
        return sorted(self._subject(subject).versions)

    def version(self, subject: str, version: str) -> tuple[int, int, str]:
        """Return number, id and text of a version, given as a number, ``latest`` or -1."""
        versions = self._subject(subject).versions
        if version in ("latest", "-1"):
            number = max(versions)
        elif version.isascii() and version.isdigit() and 0 < int(version) < 2**31:
            number = int(version)
        else:
            raise Refused(
                422,
                42202,
                f"The specified version '{version[:40]}' is not a valid version id."
                ' Allowed values are between [1, 2^31-1] and the string "latest"',
            )
        if number not in versions:
            raise Refused(404, 40402, f"Version {number} not found.")
        return number, versions[number], self._texts[versions[number]]

    def find(self, subject: str, text: str) -> tuple[int, int, str]:
        """Return version, id and text under which a subject holds a schema."""
        versions, wanted = self._subject(subject).versions, _canonical(text)
        for version in sorted(versions, reverse=True):
            if _canonical(self._texts[versions[version]]) == wanted:
                return version, versions[version], self._texts[versions[version]]
        raise Refused(404, 40403, "Schema not found")

    def problems(self, subject: str, text: str, version: str | None = None) -> list[str]:
        """Return why a schema does not fit what a subject holds, by its compatibility; one version of it, if named."""
        parse(text)
        level = self._levels.get(subject, self.level)
        if version is not None:
            against = [self.version(subject, version)[2]]
        else:
            held = self._subjects.get(subject, _Subject()).versions
            numbers = sorted(held, reverse=True)
            if not level.endswith("_TRANSITIVE"):
                numbers = numbers[:1]
            against = [self._texts[held[n]] for n in numbers]
        found: list[str] = []
        for old in against:
            if level.startswith(("BACKWARD", "FULL")):
                found += explained(reader=text, writer=old)
            if level.startswith(("FORWARD", "FULL")):
                found += explained(reader=old, writer=text)
        return found

    def register(self, subject: str, text: str) -> int:
        """Register a schema as the subject's newest version, unless it holds it already; returns its id."""
        parse(text)
        try:
            return self.find(subject, text)[1]
        except Refused:
            pass  # it does not hold it yet
        problems = self.problems(subject, text)
        if problems:
            raise Refused(
                409,
                409,
                f'Schema being registered is incompatible with an earlier schema for subject "{subject}": '
                + "; ".join(problems)[:1000],
            )
        wanted = _canonical(text)
        schema_id = next((i for i, known in self._texts.items() if _canonical(known) == wanted), None)
        if schema_id is None:
            schema_id = max(self._texts, default=0) + 1
            self._texts[schema_id] = text
        entry = self._subjects.setdefault(subject, _Subject())
        entry.versions[entry.next_version] = schema_id
        entry.next_version += 1
        self._save()
        return schema_id

    def remove(self, subject: str) -> list[int]:
        """Remove all versions of a subject; their schemas can still be read by id."""
        entry = self._subject(subject)
        removed = sorted(entry.versions)
        entry.versions.clear()
        self._save()
        return removed

    def remove_version(self, subject: str, version: str) -> int:
        """Remove one version of a subject; its schema can still be read by id."""
        number = self.version(subject, version)[0]
        del self._subjects[subject].versions[number]
        self._save()
        return number

    def _subject(self, name: str) -> _Subject:
        found = self._subjects.get(name)
        if found is None or not found.versions:
            raise Refused(404, 40401, f"Subject '{name[:200]}' not found.")
        return found

    def _load(self, document: dict[str, Any]) -> None:
        self._texts = {int(i): text for i, text in document["schemas"].items()}
        self._levels = document["levels"]
        self.level = document["level"]
        for name, (versions, following) in document["subjects"].items():
            self._subjects[name] = _Subject({int(v): i for v, i in versions.items()}, following)

    def _save(self) -> None:
        if self._file is None:
            return
        document = {
            "schemas": {str(i): text for i, text in self._texts.items()},
            "levels": self._levels,
            "level": self.level,
            "subjects": {
                n: [{str(v): i for v, i in s.versions.items()}, s.next_version] for n, s in self._subjects.items()
            },
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with temporary.open("wb") as handle:
            handle.write(orjson.dumps(document))
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(self._file)


def _canonical(text: str) -> bytes:
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)
