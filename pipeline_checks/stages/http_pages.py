"""Requests to an API that serves pages of a table's version: counted, timed, and refused when they do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.http import client, get_json
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import PipelineChecksError, TerminalError

if TYPE_CHECKING:
    import httpx

VERSION_HEADER = "X-Table-Version"
LOADED_HEADER = "X-Loaded-At"


class ApiClient:
    """A client that remembers status and time of every request it made."""

    def __init__(self, url: str) -> None:
        self._session = client(url)
        self.statuses: dict[str, int] = {}
        self.latencies: list[float] = []

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> tuple[Any, httpx.Response]:
        """Return the JSON document of ``path`` and its response; raises as ``clients.http.get_json`` does."""
        started = monotonic()
        status = "no answer"
        try:
            document, response = get_json(self._session, path, None if params is None else dict(params))
            status = str(response.status_code)
            return document, response
        except PipelineChecksError as problem:
            status = str(problem.data.get("status", status))
            raise
        finally:
            self.latencies.append(monotonic() - started)
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()


@dataclass(frozen=True)
class Page:
    """One page of rows. ``loaded_at`` is when the API began to serve the version, as ISO text."""

    version: int
    total: int
    items: list[dict[str, Any]]
    is_last: bool
    loaded_at: str | None


def read_page(api: ApiClient, path: str, params: Mapping[str, Any]) -> Page:
    """Return the page that a request answers; raises TerminalError when it does not have a page's shape."""
    document, response = api.get(path, params)
    request = f"GET {path}?{'&'.join(f'{k}={v}' for k, v in params.items())}"
    if not isinstance(document, dict):
        raise TerminalError(f"{request} answered no object.")
    version, total, items = document.get("version"), document.get("total"), document.get("items")
    for name, value in (("version", version), ("total", total)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TerminalError(f"{request}: {name!r} is not a whole number: {value!r}.")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TerminalError(f"{request}: 'items' is not a list of objects.")
    said = response.headers.get(VERSION_HEADER)
    if said is not None and said != str(version):
        raise TerminalError(f"{request}: the header {VERSION_HEADER} says {said}, the document version {version}.")
    assert isinstance(version, int) and isinstance(total, int)
    loaded_at = response.headers.get(LOADED_HEADER)
    return Page(version, total, items, document.get("next") is None, loaded_at)


def read_all(api: ApiClient, path: str, version: int, page_size: int) -> Iterator[dict[str, Any]]:
    """Yield all rows at a version, page by page.

    Raises TerminalError naming the request when a page is of another version, the total changes on the way, a page is
    longer than asked for, or the pages end before the total is reached.
    """
    offset, total = 0, None
    while True:
        params = {"version": version, "limit": page_size, "offset": offset}
        page = read_page(api, path, params)
        request = f"GET {path}?version={version}&limit={page_size}&offset={offset}"
        if page.version != version:
            raise TerminalError(f"{request} answered version {page.version}.")
        if total is not None and page.total != total:
            raise TerminalError(f"{request}: the total is {page.total}, on the page before it was {total}.")
        if len(page.items) > page_size:
            raise TerminalError(f"{request} answered {len(page.items)} rows.")
        total = page.total
        yield from page.items
        offset += len(page.items)
        if page.is_last or not page.items or offset > total:
            if offset != total:
                raise TerminalError(f"{request}: the pages end after {offset} rows, the total is {total}.")
            return
