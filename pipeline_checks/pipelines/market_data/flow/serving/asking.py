"""Asking routes: queries, replays, a snapshot's rows, aggregations."""

from decimal import Decimal
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Path, Request, Response

from pipeline_checks.pipelines.market_data.flow.serving import trades as asking
from pipeline_checks.pipelines.market_data.flow.serving.aggregates import buckets
from pipeline_checks.pipelines.market_data.flow.serving.cursor import Cursor, question_of
from pipeline_checks.pipelines.market_data.flow.serving.envelope import answer, attachment, meta, page
from pipeline_checks.pipelines.market_data.flow.serving.models import (
    FIELDS,
    AggregationQuery,
    ReplayQuery,
    SnapshotId,
    SnapshotQuery,
    TradesQuery,
    micros,
)
from pipeline_checks.pipelines.market_data.flow.serving.reading import one
from pipeline_checks.pipelines.market_data.flow.serving.views import View, Views


def asking_routes(views: Views) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/v1/trades/query")
    def trades(request: Request, query: TradesQuery) -> Response:
        view = views.newest()
        end = micros(query.end_time)
        wanted = asking.Filter(
            tuple(query.symbols),
            tuple(query.exchanges),
            micros(query.start_time),
            None if end is None else end + 1,
            _decimal(query.min_price),
            _decimal(query.max_price),
            _decimal(query.min_quantity),
        )
        columns = tuple(dict.fromkeys(query.fields)) or FIELDS
        rows = asking.select(views, view, wanted, query.limit + 1, offset=query.offset, columns=columns)
        place = page(query.limit, query.offset, rows.height > query.limit)
        return _rows(request, rows.head(query.limit), view, query.format, "trades", pagination=place)

    @router.post("/v1/quotes/query")
    def quotes(request: Request, query: TradesQuery) -> Response:
        view = views.newest()
        rows = _none(tuple(dict.fromkeys(query.fields)) or FIELDS)
        return _rows(request, rows, view, query.format, "quotes", pagination=page(query.limit, query.offset, False))

    @router.post("/v1/replay")
    def replay(request: Request, query: ReplayQuery) -> Response:
        return _replay(request, views, query)

    @router.post("/v1/snapshots/{snapshot_id}/query")
    def snapshot(request: Request, snapshot_id: Annotated[SnapshotId, Path()], query: SnapshotQuery) -> Response:
        view = views.at(snapshot_id)
        wanted = asking.Filter(one(query.symbol), one(query.exchange))
        if query.data_type == "quotes":
            rows = _none(FIELDS)
        else:
            rows = asking.select(views, view, wanted, query.limit + 1, offset=query.offset, newest_first=False)
        place = page(query.limit, query.offset, rows.height > query.limit)
        further = {"snapshot_id": str(snapshot_id), "snapshot_timestamp": view.taken_at, "pagination": place}
        return _rows(request, rows.head(query.limit), view, query.format, query.data_type, **further)

    @router.post("/v1/aggregations")
    def aggregations(request: Request, query: AggregationQuery) -> Response:
        view = views.newest()
        found = buckets(views, view, query)
        asked = query.model_dump(mode="json", exclude={"format"}) | {"buckets": len(found)}
        if query.format == "json":
            return answer(found, meta(request, view), request_summary=asked)
        for bucket in found:
            bucket.pop("volume_profile", None)  # a list, which a file of rows cannot hold
        content, kind = asking.file_of(pl.DataFrame(found), query.format)
        return attachment(content, kind, f"aggregations.{query.format}", len(found))

    return router


def _replay(request: Request, views: Views, query: ReplayQuery) -> Response:
    start, end = micros(query.start_time) or 0, (micros(query.end_time) or 0) + 1
    question = question_of(query.data_type, query.symbol, query.exchange, start, end)
    cursor = None if query.cursor is None else Cursor.of(query.cursor, question)
    if cursor is not None:
        view = views.at(cursor.snapshot_id)
    else:
        view = views.newest() if query.snapshot_id is None else views.at(query.snapshot_id)
    wanted = asking.Filter(one(query.symbol), one(query.exchange), start, end, after=cursor.after if cursor else None)
    if query.data_type == "quotes":
        rows, total = _none(FIELDS), 0
    else:
        total = cursor.total if cursor else asking.count(views, view, wanted)
        rows = asking.select(views, view, wanted, query.batch_size + 1, newest_first=False)
    more, rows = rows.height > query.batch_size, rows.head(query.batch_size)
    number, done = (cursor.batch if cursor else 0) + 1, (cursor.done if cursor else 0) + rows.height
    following = None
    if more and view.snapshot_id is not None:
        after = asking.key_of(rows, rows.height - 1)
        following = Cursor(view.snapshot_id, question, after, number, min(done, total), total).text()
    info = {
        "batch_number": number,
        "batch_size": rows.height,
        "total_records": total,
        "progress_percent": round(100.0 * done / total, 2) if total else 100.0,
    }
    return _rows(request, rows, view, query.format, query.data_type, cursor=following, batch_info=info)


def _rows(request: Request, rows: pl.DataFrame, view: View, form: str, name: str, **further: Any) -> Response:
    if form == "json":
        return answer(asking.documents(rows), meta(request, view), **further)
    content, kind = asking.file_of(rows, form)
    headers = {"X-Snapshot-Id": str(view.snapshot_id)}
    if further.get("cursor"):
        headers["X-Cursor"] = str(further["cursor"])
    return attachment(content, kind, f"{name}.{form}", rows.height, **headers)


def _none(columns: tuple[str, ...]) -> pl.DataFrame:
    return asking.tail_frame([]).select(columns)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
