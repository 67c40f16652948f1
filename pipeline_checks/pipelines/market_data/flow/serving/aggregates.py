"""Aggregates over trades, computed in decimals: a day's summary, and buckets of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline_checks.pipelines.market_data.flow.serving.models import SECONDS, AggregationQuery, micros
from pipeline_checks.pipelines.market_data.flow.serving.trades import Filter, collect

if TYPE_CHECKING:
    from pipeline_checks.pipelines.market_data.flow.serving.views import View, Views

_COLUMNS: Final = ("symbol", "timestamp", "source_sequence", "price", "quantity")
_SCALE: Final = Decimal("0.00000001")
_LEVELS: Final = 10

_BUCKETS: Final = """
WITH trades AS (
    SELECT symbol, epoch_us(timestamp) AS moment, source_sequence AS number, price, quantity,
           epoch_us(timestamp) // $width AS bucket
    FROM rows
), timed AS (
    SELECT *, LEAST(
        COALESCE(LEAD(moment) OVER (PARTITION BY symbol, bucket ORDER BY moment, number), (bucket + 1) * $width), $end
    ) - moment AS held
    FROM trades
)
SELECT symbol, bucket,
       arg_min(price, (moment, number)) AS open_price, max(price) AS high_price,
       min(price) AS low_price, arg_max(price, (moment, number)) AS close_price,
       sum(quantity) AS volume, count(*) AS trade_count,
       sum(CAST(price AS DECIMAL(19, 8)) * CAST(quantity AS DECIMAL(19, 8))) AS turnover,
       sum(CAST(CAST(price AS DECIMAL(38, 8)) * 100000000 AS HUGEINT) * held) AS weighted, sum(held) AS seconds
FROM timed GROUP BY symbol, bucket ORDER BY symbol, bucket
"""

_PROFILE: Final = """
WITH trades AS (
    SELECT symbol, epoch_us(timestamp) // $width AS bucket, price, quantity FROM rows
), bounded AS (
    SELECT *, min(price) OVER one AS low, max(price) OVER one AS high
    FROM trades WINDOW one AS (PARTITION BY symbol, bucket)
)
SELECT symbol, bucket, low, high,
       CASE WHEN high = low THEN 0
            ELSE LEAST($levels - 1, CAST(floor((price - low)::DOUBLE * $levels / (high - low)::DOUBLE) AS BIGINT))
       END AS level, sum(quantity) AS volume
FROM bounded GROUP BY ALL ORDER BY symbol, bucket, level
"""


def day_summary(views: Views, view: View, symbol: str, day: date, exchange: str | None) -> dict[str, Any] | None:
    """Return the summary of a symbol's day, None when it has no trades."""
    key = ("summary", symbol, day, exchange)
    if key in view.answers:
        found: dict[str, Any] | None = view.answers[key]
        return found
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    wanted = Filter(
        (symbol,), () if exchange is None else (exchange,), micros(start), micros(start + timedelta(days=1))
    )
    rows = collect(views, view, wanted, _COLUMNS)
    result = None
    if rows.height:
        bucket = _run(rows, _BUCKETS, width=86_400_000_000, end=micros(start + timedelta(days=1)))[0]
        names = ("open_price", "high_price", "low_price", "close_price")
        result = {
            "symbol": symbol,
            "date": day.isoformat(),
            **{n: str(bucket[n]) for n in names},
            "volume": str(bucket["volume"]),
            "trade_count": bucket["trade_count"],
            "vwap": _vwap(bucket),
        }
    view.answers[key] = result
    return result


def buckets(views: Views, view: View, query: AggregationQuery) -> list[dict[str, Any]]:
    """Return the buckets that a question asks for, those without trades left out."""
    exchanges = () if query.exchange is None else (query.exchange,)
    end = micros(query.end_time)
    wanted = Filter(tuple(query.symbols), exchanges, micros(query.start_time), end)
    rows = collect(views, view, wanted, _COLUMNS)
    if not rows.height:
        return []
    width = SECONDS[query.interval] * 1_000_000
    found = _run(rows, _BUCKETS, width=width, end=end)
    profiles: dict[tuple[str, int], list[dict[str, Any]]] = {}
    if "volume_profile" in query.metrics:
        for level in _run(rows, _PROFILE, width=width, levels=_LEVELS):
            profiles.setdefault((level["symbol"], level["bucket"]), []).append(_level(level))
    return [_bucket(b, width, query, profiles) for b in found]


def _bucket(
    found: dict[str, Any],
    width: int,
    query: AggregationQuery,
    profiles: dict[tuple[str, int], list[dict[str, Any]]],
) -> dict[str, Any]:
    start = found["bucket"] * width
    result: dict[str, Any] = {
        "symbol": found["symbol"],
        "interval_start": _time(start),
        "interval_end": _time(start + width),
    }
    prices = ("open_price", "high_price", "low_price", "close_price", "volume")
    wanted = set(query.metrics)
    result |= {n: str(found[n]) if "ohlcv" in wanted else None for n in prices}
    result["trade_count"] = found["trade_count"] if wanted & {"trade_count", "ohlcv"} else None
    result["vwap"] = _vwap(found) if "vwap" in wanted else None
    result["twap"] = _twap(found) if "twap" in wanted else None
    if "volume_profile" in wanted:
        result["volume_profile"] = profiles[(found["symbol"], found["bucket"])]
    return result


def _vwap(found: dict[str, Any]) -> str:
    return f"{(found['turnover'] / found['volume']).quantize(_SCALE):f}"


def _twap(found: dict[str, Any]) -> str:
    """Return the price weighted by how long it held; the last one alone when none held for any time."""
    if not found["seconds"]:
        return str(found["close_price"])
    return f"{(Decimal(int(found['weighted'])) / Decimal(int(found['seconds'])) * _SCALE).quantize(_SCALE):f}"


def _level(found: dict[str, Any]) -> dict[str, Any]:
    step = (found["high"] - found["low"]) / _LEVELS
    low = found["low"] + step * found["level"]
    return {
        "price_from": f"{low.quantize(_SCALE):f}",
        "price_to": f"{(low + step).quantize(_SCALE):f}",
        "volume": str(found["volume"]),
    }


def _time(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def _run(rows: pl.DataFrame, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        connection.register("rows", rows.to_arrow())
        cursor = connection.execute(statement, parameters)
        names = [c[0] for c in cursor.description or ()]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
