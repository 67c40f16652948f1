"""The API over the current state: ``python -m pipeline_checks.pipelines.cdc.flow.api``. Serves the Delta tables."""

import base64
import binascii
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, HTTPException, Path, Query, Response

from pipeline_checks.clients.settings import home, listen_address, setting
from pipeline_checks.pipelines.cdc.flow.api_models import Health, Problem, VersionEntry, item_model, page_model
from pipeline_checks.pipelines.cdc.flow.served import Loaded, ServedTable
from pipeline_checks.pipelines.cdc.flow.tables import CUSTOMERS, ORDERS, Table

MAX_LIMIT: Final = 10_000
_LARGEST: Final = 2**63 - 1
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": Problem, "description": "no such version, table or row"},
    503: {"model": Problem, "description": "the table has not been loaded yet"},
}

Version = Annotated[
    int | None, Query(ge=0, le=_LARGEST, description="version of the Delta table, the newest if absent")
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Offset = Annotated[int | None, Query(ge=0, le=_LARGEST)]
Cursor = Annotated[str | None, Query(max_length=64, description="`next` of the page before; holds version and place")]


def encode_cursor(version: int, offset: int) -> str:
    """Return the text that names a place in a version of a table."""
    return base64.urlsafe_b64encode(f"{version}:{offset}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> tuple[int, int]:
    """Return version and offset of a cursor; raises ValueError when it is none."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not a cursor") from error
    version, _, offset = raw.partition(":")
    if not (version.isascii() and version.isdigit() and offset.isascii() and offset.isdigit()):
        raise ValueError("not a cursor")
    if int(version) > _LARGEST or int(offset) > _LARGEST:
        raise ValueError("not a cursor")
    return int(version), int(offset)


def create_app(tables: dict[str, ServedTable]) -> FastAPI:
    """Return the application that serves the tables, by name."""

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        for table in tables.values():
            table.start()
        yield
        for table in tables.values():
            table.stop()

    app = FastAPI(title="CDC current state", version="1", lifespan=watching)

    @app.get("/health", response_model=Health, responses={503: {"model": Health}})
    def health() -> Response:
        states: dict[str, Any] = {}
        for name, table in tables.items():
            loaded = table.newest
            states[name] = loaded and {
                "version": loaded.version,
                "rows": loaded.rows.num_rows,
                "loaded_at": loaded.loaded_at,
            }
        absent = [name for name, state in states.items() if state is None]
        message = f"not loaded yet: {', '.join(absent)}" if absent else ""
        body = {"ready": not absent, "message": message, "tables": states}
        return _json(body, status=503 if absent else 200)

    @app.get("/versions/{table}", response_model=list[VersionEntry], responses={404: _REFUSALS[404]})
    def versions(table: str) -> Response:
        if table not in tables:
            raise HTTPException(404, "no such table")
        return _json(tables[table].log())

    for source in (CUSTOMERS, ORDERS):
        if source.name in tables:
            _serve(app, source, tables[source.name])
    return app


def _serve(app: FastAPI, source: Table, table: ServedTable) -> None:
    """Add the list and the single row of one table."""
    item = item_model(source)

    @app.get(f"/{source.name}", response_model=page_model(item), responses=_REFUSALS, name=source.name)
    def rows(version: Version = None, limit: Limit = 100, offset: Offset = None, cursor: Cursor = None) -> Response:
        if cursor is not None:
            if offset is not None:
                raise HTTPException(422, "give cursor or offset, not both")
            try:
                pinned, offset = decode_cursor(cursor)
            except ValueError as error:
                raise HTTPException(422, str(error)) from None
            if version is not None and version != pinned:
                raise HTTPException(422, "the cursor belongs to another version")
            version = pinned
        loaded = _loaded(table, version)
        start = offset or 0
        items, total = loaded.page(start, limit), loaded.rows.num_rows
        following = start + len(items)
        body = {
            "version": loaded.version,
            "total": total,
            "items": items,
            "next": encode_cursor(loaded.version, following) if following < total and items else None,
        }
        return _json(body, loaded)

    @app.get(f"/{source.name}/{{key}}", response_model=item, responses=_REFUSALS, name=f"one of {source.name}")
    def row(key: Annotated[int, Path(ge=-_LARGEST, le=_LARGEST)], version: Version = None) -> Response:
        loaded = _loaded(table, version)
        found = loaded.find(key)
        if found is None:
            raise HTTPException(404, "no such row", headers=_headers(loaded))
        return _json(found, loaded)


def _loaded(table: ServedTable, version: int | None) -> Loaded:
    newest = table.newest
    if newest is None:
        raise HTTPException(503, "the table has not been loaded yet", headers={"Retry-After": "1"})
    if version is None:
        return newest
    loaded = table.at(version)
    if loaded is None:
        raise HTTPException(404, "no such version")
    return loaded


def _headers(loaded: Loaded) -> dict[str, str]:
    return {"X-Table-Version": str(loaded.version), "X-Loaded-At": loaded.loaded_at.isoformat()}


def _json(body: Any, loaded: Loaded | None = None, status: int = 200) -> Response:
    # Times of the source have no zone; its clock is UTC, and RFC 3339 wants it said.
    content = orjson.dumps(body, default=_text, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)
    headers = _headers(loaded) if loaded else {}
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def _text(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def served_tables() -> dict[str, ServedTable]:
    """Return the tables below ``DELTA_TABLE_PATH`` that are served, by name."""
    base = setting("DELTA_TABLE_PATH").rstrip("/")
    log = home() / "logs" / "cdc-api-versions.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    return {t.name: ServedTable(t.name, f"{base}/{t.name}", t.key, log) for t in (CUSTOMERS, ORDERS)}


def main() -> None:
    """Serve on this machine at ``CDC_API_PORT``."""
    import uvicorn

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = create_app(served_tables())
    uvicorn.run(app, host=listen_address(), port=int(setting("CDC_API_PORT")), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
