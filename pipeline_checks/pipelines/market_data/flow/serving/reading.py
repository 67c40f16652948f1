"""Reading routes: lists, recent trades, symbols, a day's summary, snapshots, statistics."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Path, Query, Request, Response

from pipeline_checks.pipelines.market_data.flow.serving import trades as asking
from pipeline_checks.pipelines.market_data.flow.serving.aggregates import day_summary
from pipeline_checks.pipelines.market_data.flow.serving.envelope import answer, meta, page
from pipeline_checks.pipelines.market_data.flow.serving.errors import ApiError
from pipeline_checks.pipelines.market_data.flow.serving.models import (
    Day,
    ExchangeQuery,
    ListQuery,
    Name,
    NoQuery,
    RecentQuery,
    SnapshotsQuery,
    micros,
)
from pipeline_checks.pipelines.market_data.flow.serving.tail import Tail
from pipeline_checks.pipelines.market_data.flow.serving.views import View, Views
from pipeline_checks.pipelines.market_data.flow.settings import IcebergSettings

_MINUTE = 60_000_000


def one(name: str | None) -> tuple[str, ...]:
    """Return a filter by one name or by none."""
    return () if name is None else (name,)


def reading(views: Views, tail: Tail, iceberg: IcebergSettings) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/trades")
    def trades(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
        view = views.newest()
        end = micros(query.end_time)
        wanted = asking.Filter(
            one(query.symbol), one(query.exchange), micros(query.start_time), None if end is None else end + 1
        )
        rows = asking.select(views, view, wanted, query.limit + 1)
        listed = asking.documents(rows.head(query.limit))
        place = page(query.limit, 0, rows.height > query.limit)
        return answer(listed, meta(request, view), kind="trades", pagination=place)

    @router.get("/v1/trades/recent")
    def recent(request: Request, query: Annotated[RecentQuery, Query()]) -> Response:
        now = datetime.now(UTC)
        begin = now - timedelta(minutes=query.window_minutes)
        start = micros(begin) or 0
        view, waiting = tail.since(query.symbol, query.exchange, start)
        held = _newest(views, view, query.symbol, query.exchange, start, query.limit + 1)
        rows = asking.merged(held, asking.tail_frame(waiting), query.limit + 1) if waiting else held
        asked = {
            "symbol": query.symbol,
            "exchange": query.exchange,
            "window_minutes": query.window_minutes,
            "start_time": _text(begin),
            "end_time": _text(now),
        }
        about = meta(request, view, query=asked, from_topic=len(waiting))
        place = page(query.limit, 0, rows.height > query.limit)
        listed = asking.documents(rows.head(query.limit))
        return answer(listed, about, kind="trades", pagination=place)

    @router.get("/v1/quotes")
    def quotes(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
        place = page(query.limit, 0, False)
        return answer([], meta(request, views.newest()), kind="quotes", pagination=place)

    @router.get("/v1/summary/{symbol}/{date}")
    def summary(
        request: Request, symbol: Name, date: Annotated[Day, Path()], query: Annotated[ExchangeQuery, Query()]
    ) -> Response:
        view = views.newest()
        found = day_summary(views, view, symbol, date, query.exchange)
        if found is None:
            raise ApiError(404, "NOT_FOUND", f"there are no trades of {symbol} on {date}")
        return answer(found, meta(request, view), kind="summary")

    @router.get("/v1/symbols")
    def symbols(request: Request, query: Annotated[ExchangeQuery, Query()]) -> Response:
        view = views.newest()
        pairs = _symbols(views, view)
        found = sorted({s for e, s in pairs if query.exchange in (None, e.upper())})
        return answer(found, meta(request, view), kind="symbols")

    @router.get("/v1/stats")
    def stats(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
        view = views.newest()
        data = {
            "s3_endpoint": iceberg.s3_endpoint,
            "warehouse_path": iceberg.warehouse,
            "connection_active": views.problem is None,
            "trades_count": _rows(views, view),
            "quotes_count": 0,
            "error": views.problem,
        }
        return answer(data, meta(request, view), kind="stats")

    @router.get("/v1/snapshots")
    def snapshots(request: Request, query: Annotated[SnapshotsQuery, Query()]) -> Response:
        if query.table not in ("trades", "quotes"):
            raise ApiError(400, "INVALID_TABLE", "the table must be trades or quotes")
        view = views.newest()
        listed = [] if query.table == "quotes" else _snapshots(views, view, query.limit)
        return answer(listed, meta(request, view), kind="snapshots", table_name=query.table)

    return router


def _newest(views: Views, view: View, symbol: str, exchange: str, start: int, limit: int) -> pl.DataFrame:
    """Return the newest trades of a symbol at a snapshot; read once for all windows and callers."""
    held: pl.DataFrame | None = view.answers.get(("recent", symbol, exchange))
    # What is kept reaches back to the hour before it was read, or has as many rows as can be asked for.
    if held is None:
        hour = start - 60 * _MINUTE
        wanted = asking.Filter((symbol,), (exchange,), hour)
        held = view.answers[("recent", symbol, exchange)] = asking.select(views, view, wanted, 10_001)
    return held.filter(pl.col("timestamp").dt.timestamp("us") >= start).head(limit)


def _symbols(views: Views, view: View) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] | None = view.answers.get("symbols")
    if found is None:
        rows = asking.collect(views, view, asking.Filter(), ("exchange", "symbol")).unique()
        found = view.answers["symbols"] = set(rows.rows())
    return found


def _rows(views: Views, view: View) -> int:
    if any(f.task.delete_files for f in view.files):
        return asking.count(views, view, asking.Filter())
    return view.rows


def _snapshots(views: Views, view: View, limit: int) -> list[dict[str, Any]]:
    found = sorted(view.table.metadata.snapshots, key=lambda s: s.sequence_number or 0, reverse=True)
    return [
        {
            "snapshot_id": str(s.snapshot_id),
            "timestamp": _text(datetime.fromtimestamp(s.timestamp_ms / 1000, UTC)),
            "served_at": views.served_at(s.snapshot_id),
            "manifest_list": s.manifest_list,
            "summary": {"operation": s.summary.operation.value, **s.summary.additional_properties} if s.summary else {},
        }
        for s in found[:limit]
    ]


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
