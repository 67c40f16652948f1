"""The shape of answers."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request, Response

from pipeline_checks.pipelines.market_data.flow.serving.errors import instant

_AGES = {"trades": 5, "quotes": 5, "summary": 60, "symbols": 300, "stats": 30, "snapshots": 10}


def meta(request: Request, snapshot_id: int | None = None, **further: Any) -> dict[str, Any]:
    """Return what every answer says of itself; the snapshot's id is text where it was read from one.

    A snapshot's id has more digits than a number of JSON can be trusted with.
    """
    document: dict[str, Any] = {"correlation_id": request.state.correlation_id, "timestamp": instant(), **further}
    document["snapshot_id"] = None if snapshot_id is None else str(snapshot_id)
    return document


def page(limit: int, offset: int, has_more: bool) -> dict[str, Any]:
    """Return where a list stands in the whole."""
    return {"limit": limit, "offset": offset, "total": None, "has_more": has_more}


def answer(data: Any, about: dict[str, Any], *, kind: str | None = None, **further: Any) -> Response:
    """Return an answer; ``kind`` says how long it may be kept by who asked."""
    body = orjson.dumps({"success": True, "data": data, **further, "meta": about})
    age = _AGES.get(kind or "")
    cache = "no-store" if age is None else f"private, max-age={age}"
    return Response(body, media_type="application/json", headers={"Cache-Control": cache})


def attachment(content: bytes, media_type: str, name: str, records: int, **headers: str) -> Response:
    """Return a file."""
    said = {"Content-Disposition": f'attachment; filename="{name}"', "X-Record-Count": str(records), **headers}
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-store", **said})
