"""The shape of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response

from pipeline_checks.pipelines.market_data.flow.serving.errors import instant

if TYPE_CHECKING:
    from pipeline_checks.pipelines.market_data.flow.serving.views import View

_AGES = {"trades": 5, "quotes": 5, "summary": 60, "symbols": 300, "stats": 30, "snapshots": 10}


def meta(request: Request, view: View | None = None, **further: Any) -> dict[str, Any]:
    """Return what every answer says of itself: the snapshot that it was read from, and since when that is served.

    A snapshot's id is text: it has more digits than a number of JSON can be trusted with.
    """
    document: dict[str, Any] = {"correlation_id": request.state.correlation_id, "timestamp": instant(), **further}
    known = view is not None and view.snapshot_id is not None
    document["snapshot_id"] = str(view.snapshot_id) if view is not None and known else None
    document["loaded_at"] = view.loaded_at if view is not None and known else None
    return document


def page(limit: int, offset: int, has_more: bool) -> dict[str, Any]:
    """Return where a list stands in the whole."""
    return {"limit": limit, "offset": offset, "total": None, "has_more": has_more}


def answer(data: Any, about: dict[str, Any], *, kind: str | None = None, **further: Any) -> Response:
    """Return an answer; ``kind`` says how long it may be kept by who asked."""
    body = orjson.dumps({"success": True, "data": data, **further, "meta": about})
    age = _AGES.get(kind or "")
    cache = "no-store" if age is None else f"private, max-age={age}"
    headers = {"Cache-Control": cache}
    if about["loaded_at"] is not None:
        headers["X-Loaded-At"] = about["loaded_at"]
    return Response(body, media_type="application/json", headers=headers)


def attachment(content: bytes, media_type: str, name: str, records: int, **headers: str) -> Response:
    """Return a file."""
    said = {"Content-Disposition": f'attachment; filename="{name}"', "X-Record-Count": str(records), **headers}
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-store", **said})
