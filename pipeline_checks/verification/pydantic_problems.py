"""Errors of pydantic as problems that people can mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline_checks.verification.places import Path, Problem, nearest


def problems_of(
    error: ValidationError, path: Path, known: Iterable[str] = (), written: Any = None, what: str = "the field"
) -> list[Problem]:
    """Return the problems that a validation error tells of, located below ``path``.

    Parameters
    ----------
    known:
        The fields that may stand directly at ``path``, to name them where one is not known.
    written:
        The value that was validated, so that a problem is located at a part that was really written.
    what:
        What the fields belong to, such as ``a delta_table``.
    """
    found: list[Problem] = []
    for item in error.errors(include_url=False):
        inner = (item.get("ctx") or {}).get("error")
        location = _written_part(item["loc"], written)
        if isinstance(inner, ValidationError):
            found += problems_of(inner, (*path, *location))
            continue
        name = str(item["loc"][-1]) if item["loc"] else ""
        if item["type"] == "extra_forbidden":
            names = list(known) if len(item["loc"]) == 1 else []
            fix = nearest(name, names) if names else "Remove it."
            found.append(Problem((*path, *location), f"{what} has no field {name!r}", fix))
        elif item["type"] == "missing":
            found.append(Problem((*path, *location), f"{name!r} is missing", f"Add {name}."))
        else:
            message = str(item["msg"]).removeprefix("Value error, ")
            found.append(Problem((*path, *_named_part(message, location, written)), message))
    return found


def fields_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of a model's fields as they are written."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _written_part(location: tuple[int | str, ...], written: Any) -> Path:
    """The leading part of a location that leads somewhere in ``written``; a missing or unknown field is kept.

    Pydantic puts names of union members and validators into locations; nobody wrote those.
    """
    if written is None:
        return location
    path: list[int | str] = []
    value = written
    for part in location:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        elif part == location[-1] and isinstance(value, Mapping):
            path.append(part)
            break
        else:
            continue
        path.append(part)
    return tuple(path)


def _named_part(message: str, location: Path, written: Any) -> Path:
    """A rule about a whole begins its message with the field that breaks it; located there when it was written."""
    first = message.split(" ", 1)[0]
    if not location and isinstance(written, Mapping) and first in written:
        return (first,)
    return location
