"""A schema registry, asked for schemas by id and by subject; each id is asked for once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline_checks.clients.http import client, get_json
from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    import httpx


class SchemaRegistry:
    """Speaks the API of Confluent's registry. Raises as ``clients.http.get_json`` does when it does not answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: httpx.Client | None = None
        self._known: dict[int, Any] = {}

    def by_id(self, number: int) -> Any | None:
        """Return the schema with this id as plain data; None when the registry has none."""
        if number not in self._known:
            self._known[number] = self._schema(f"/schemas/ids/{number}")
        return self._known[number]

    def newest(self, subject: str) -> Any | None:
        """Return the newest schema of a subject as plain data, asked for anew; None when there is none."""
        return self._schema(f"/subjects/{quote(subject, safe='')}/versions/latest")

    def described(self, subject: str) -> tuple[str, Any] | None:
        """Return the newest schema of a subject and its kind (``AVRO``, ``JSON``); None when there is none.

        Of another kind the schema is its text.
        """
        return self._asked(f"/subjects/{quote(subject, safe='')}/versions/latest")

    def close(self) -> None:
        """Give back the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _schema(self, path: str) -> Any | None:
        found = self._asked(path)
        if found is not None and found[0] != "AVRO":
            raise TerminalError(f"GET {path} answered no Avro schema.")
        return None if found is None else found[1]

    def _asked(self, path: str) -> tuple[str, Any] | None:
        if self._session is None:
            self._session = client(self._url)
        try:
            answer, _ = get_json(self._session, path)
        except TerminalError as problem:
            if problem.data.get("status") == 404:
                return None
            raise
        return parse_answer(answer, path)


def parse_answer(answer: Any, path: str) -> tuple[str, Any]:
    """Return kind and schema that a registry answered, as plain data; raises TerminalError for what is none."""
    kind = answer.get("schemaType", "AVRO") if isinstance(answer, dict) else None
    text = answer.get("schema") if isinstance(answer, dict) else None
    if not isinstance(kind, str) or not isinstance(text, str):
        raise TerminalError(f"GET {path} answered no schema.")
    if kind not in ("AVRO", "JSON"):
        return kind, text
    try:
        return kind, json.loads(text)
    except ValueError:
        raise TerminalError(f"GET {path} answered a schema that is not JSON.") from None
