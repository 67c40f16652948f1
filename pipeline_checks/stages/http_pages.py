"""Requests to an API that serves pages of a table's version: counted, timed, and refused when they do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.http import client, get_json, post_json
from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.model.position import Position, SnapshotPosition, VersionPosition
from pipeline_checks.stages.http_shape import ApiEnvelope, field_of

if TYPE_CHECKING:
    import httpx

VERSION_HEADER = "X-Table-Version"
LOADED_HEADER = "X-Loaded-At"
LONGEST_WAIT = 70.0
"""Seconds that an API which is asked too often may let wait: limits are mostly those of a minute."""


class ApiClient:
    """A client that remembers status and time of every request it made.

    An API that says when it may be asked again (429, ``Retry-After``) is asked again then.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, seconds: float | None = None) -> None:
        """``seconds`` is how long an answer may take, where that is longer than usual."""
        self._session = client(url)
        if seconds is not None:
            self._session.timeout = seconds
        self._session.headers.update(dict(headers or {}))
        self.statuses: dict[str, int] = {}
        self.latencies: list[float] = []

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> tuple[Any, httpx.Response]:
        """Return the JSON document of ``path`` and its response; raises as ``clients.http.get_json`` does."""
        return self._patiently(lambda: get_json(self._session, path, None if params is None else dict(params)))

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[Any, httpx.Response]:
        """Post a document and return the answer's; raises as ``clients.http.post_json`` does."""
        return self._patiently(lambda: post_json(self._session, path, dict(body)))

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    def _patiently(self, ask: Callable[[], tuple[Any, httpx.Response]]) -> tuple[Any, httpx.Response]:
        patience = Deadline(LONGEST_WAIT)
        while True:
            try:
                return self._counted(ask)
            except TransientError as problem:
                again = problem.data.get("retry_after")
                if problem.data.get("status") != 429 or again is None or again >= patience.remaining:
                    raise
                _let_pass(float(again))

    def _counted(self, ask: Callable[[], tuple[Any, httpx.Response]]) -> tuple[Any, httpx.Response]:
        started = monotonic()
        status = "no answer"
        try:
            document, response = ask()
            status = str(response.status_code)
            return document, response
        except PipelineChecksError as problem:
            status = str(problem.data.get("status", status))
            raise
        finally:
            self.latencies.append(monotonic() - started)
            self.statuses[status] = self.statuses.get(status, 0) + 1


def _let_pass(seconds: float) -> None:
    """Let the time pass that a service has asked for."""
    pause = Deadline(seconds)
    pause.wait_until(lambda: pause.passed, every=max(0.05, seconds))


@dataclass(frozen=True)
class Request:
    """One request for a page, and what it is called in messages."""

    method: str
    path: str
    params: Mapping[str, Any]
    body: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        query = "&".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.method} {self.path}{'?' if query else ''}{query}"

    def ask(self, api: ApiClient) -> tuple[Any, httpx.Response]:
        """Make the request."""
        if self.body is None:
            return api.get(self.path, self.params)
        return api.post(self.path, {**self.body, **self.params})


@dataclass(frozen=True)
class Page:
    """One page of rows. ``loaded_at`` is when the API began to serve the version, as ISO text."""

    position: Position
    total: int | None
    items: list[dict[str, Any]]
    is_last: bool
    loaded_at: str | None


def read_page(api: ApiClient, request: Request, envelope: ApiEnvelope, *, of_snapshots: bool = False) -> Page:
    """Return the page that a request answers; raises TerminalError when it does not have a page's shape."""
    document, response = request.ask(api)
    if not isinstance(document, dict):
        raise TerminalError(f"{request} answered no object.")
    position = _position(request, envelope.position, field_of(document, envelope.position), of_snapshots)
    total = None if envelope.total is None else field_of(document, envelope.total)
    if envelope.total is not None and not _is_whole(total):
        raise TerminalError(f"{request}: {envelope.total!r} is not a whole number: {total!r}.")
    items = field_of(document, envelope.items)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TerminalError(f"{request}: {envelope.items!r} is not a list of objects.")
    said = response.headers.get(VERSION_HEADER)
    if said is not None and said != str(position.value()):
        raise TerminalError(
            f"{request}: the header {VERSION_HEADER} says {said}, the document {envelope.position} {position.value()}."
        )
    is_last = field_of(document, envelope.more) in (None, False)
    return Page(position, total, items, is_last, response.headers.get(LOADED_HEADER))


def _position(request: Request, name: str, value: Any, of_snapshots: bool) -> Position:
    if not of_snapshots:
        if not _is_whole(value):
            raise TerminalError(f"{request}: {name!r} is not a whole number: {value!r}.")
        return VersionPosition(value)
    if value is None:
        return SnapshotPosition(None, 0)
    if isinstance(value, bool) or not str(value).isdigit():
        raise TerminalError(f"{request}: {name!r} is not the id of a snapshot: {value!r}.")
    return SnapshotPosition(int(value), -1)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read_all(
    api: ApiClient,
    request: Callable[[Mapping[str, Any]], Request],
    position: Position,
    page_size: int,
    envelope: ApiEnvelope,
) -> Iterator[dict[str, Any]]:
    """Yield all rows at a position, page by page; ``request`` gives that of a page by its limit and offset.

    Raises TerminalError naming the request when a page is of another version, the total changes on the way, a page is
    longer than asked for, or the pages end before the total is reached.
    """
    offset, total = 0, None
    of_snapshots = isinstance(position, SnapshotPosition)
    while True:
        asked = request({"limit": page_size, "offset": offset})
        page = read_page(api, asked, envelope, of_snapshots=of_snapshots)
        if page.position.value() != position.value():
            raise TerminalError(f"{asked} answered version {page.position.value()}.")
        if total is not None and page.total != total:
            raise TerminalError(f"{asked}: the total is {page.total}, on the page before it was {total}.")
        if len(page.items) > page_size:
            raise TerminalError(f"{asked} answered {len(page.items)} rows.")
        total = page.total
        yield from page.items
        offset += len(page.items)
        if page.is_last or not page.items or (total is not None and offset > total):
            if total is not None and offset != total:
                raise TerminalError(f"{asked}: the pages end after {offset} rows, the total is {total}.")
            if not page.is_last:
                raise TerminalError(f"{asked} is empty, and the page before it said that there was more.")
            return
