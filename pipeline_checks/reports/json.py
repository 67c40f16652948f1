"""The JSON of results: a contract, which CI jobs and other programs read (``schema_version``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipeline_checks.model.result import SCHEMA_VERSION, RunResult
from pipeline_checks.model.verdict import overall
from pipeline_checks.reports.text import clean
from pipeline_checks.values.json_values import to_json_value

_SENTENCES = ("message", "problem")


def document(results: Sequence[RunResult]) -> dict[str, Any]:
    """Return the results as JSON values: of one pipeline its document, of several one that holds theirs."""
    documents = [_without_secrets(to_json_value(result.to_json())) for result in results]
    if len(documents) == 1:
        only: dict[str, Any] = documents[0]
        return only
    verdict = overall(result.verdict for result in results)
    return {"schema_version": SCHEMA_VERSION, "verdict": str(verdict), "pipelines": documents}


def render(results: Sequence[RunResult]) -> str:
    """Return the document as text, ending in a line feed."""
    text = json.dumps(document(results), ensure_ascii=False, indent=2, allow_nan=False)
    # Text of the data may hold half of a surrogate pair, which no encoding takes: it is written as JSON's own escape.
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def _without_secrets(value: Any) -> Any:
    """Sentences come from many systems; keys and values are left as they are, as programs compare them."""
    if isinstance(value, dict):
        return {
            name: clean(item) if name in _SENTENCES and isinstance(item, str) else _without_secrets(item)
            for name, item in value.items()
        }
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value
