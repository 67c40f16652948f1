"""The published JSON Schemas of the artifacts: ``schemas/<name>.schema.json``, draft 2020-12."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from pipeline_checks.model.errors import TerminalError

FOLDER: Final = Path(__file__).parent / "schemas"
_ENDING: Final = ".schema.json"
_MOST: Final = 5


def names() -> list[str]:
    """Return the names of the documents that have a schema."""
    return sorted(path.name.removesuffix(_ENDING) for path in FOLDER.glob(f"*{_ENDING}"))


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema of a document."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}{_ENDING}").read_bytes())
    return found


def problems(document: Any, name: str) -> list[str]:
    """Return what is wrong with a document, each with the place in it; nothing when it is of its form."""
    from jsonschema_rs import validator_for

    errors = validator_for(schema(name)).iter_errors(document)
    return [f"{'/'.join(str(part) for part in e.instance_path) or '(the whole)'}: {e.message}" for e in errors]


def require_valid(document: Any, name: str) -> None:
    """Raise TerminalError when a document is not of its published form."""
    if wrong := problems(document, name):
        told = "; ".join(wrong[:_MOST])
        raise TerminalError(
            f"{name} is not of its published form: {told[:1000]}", next_step="Correct the document or its schema."
        )
