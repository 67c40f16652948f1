"""What requests to the API may say; anything else is refused."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pipeline_checks.pipelines.market_data.flow.table.definition import SCHEMA

FIELDS = tuple(f.name for f in SCHEMA.fields)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _upper(value: str) -> str:
    return value.upper()


def _utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,32}$"), AfterValidator(_upper)]
"""A symbol or an exchange, in whatever case."""
Instant = Annotated[datetime, AfterValidator(_utc)]
"""A time in ISO 8601; without a zone it is UTC."""
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}(\.[0-9]{1,8})?$")]
"""A decimal, as text."""
Format = Literal["json", "csv", "parquet"]
DataType = Literal["trades", "quotes"]
Offset = Annotated[int, Field(ge=0, le=10_000_000)]
SnapshotId = Annotated[int, Field(ge=0, le=2**63 - 1)]


def micros(value: datetime | None) -> int | None:
    """Return a time as microseconds since 1970."""
    if value is None:
        return None
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Span(_Model):
    start_time: Instant | None = None
    end_time: Instant | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        if self.start_time is not None and self.end_time is not None and self.end_time < self.start_time:
            raise ValueError("end_time is before start_time")
        return self


class ListQuery(_Span):
    """``GET /v1/trades``: newest first."""

    symbol: Name | None = None
    exchange: Name | None = None
    limit: int = Field(default=100, ge=1, le=10_000)


class RecentQuery(_Model):
    """``GET /v1/trades/recent``."""

    symbol: Name
    exchange: Name
    window_minutes: int = Field(default=15, ge=1, le=60)
    limit: int = Field(default=1000, ge=1, le=10_000)


class ExchangeQuery(_Model):
    """A filter by exchange."""

    exchange: Name | None = None


class SnapshotsQuery(_Model):
    """``GET /v1/snapshots``."""

    table: Annotated[str, StringConstraints(max_length=64)] = "trades"
    limit: int = Field(default=10, ge=1, le=100)


class NoQuery(_Model):
    """No parameters at all."""


class TradesQuery(_Span):
    """``POST /v1/trades/query`` and ``/v1/quotes/query``."""

    symbols: list[Name] = Field(default=[], max_length=100)
    exchanges: list[Name] = Field(default=[], max_length=100)
    fields: list[Literal[FIELDS]] = Field(default=[], max_length=len(FIELDS))  # type: ignore[valid-type]
    limit: int = Field(default=1000, ge=1, le=100_000)
    offset: Offset = 0
    min_price: Amount | None = None
    max_price: Amount | None = None
    min_quantity: Amount | None = None
    format: Format = "json"


class ReplayQuery(_Span):
    """``POST /v1/replay``: oldest first, one batch after the other of one snapshot."""

    start_time: Instant
    end_time: Instant
    data_type: DataType = "trades"
    symbol: Name | None = None
    exchange: Name | None = None
    batch_size: int = Field(default=1000, ge=100, le=10_000)
    snapshot_id: SnapshotId | None = None
    cursor: Annotated[str, StringConstraints(max_length=512)] | None = None
    format: Format = "json"


class SnapshotQuery(_Model):
    """``POST /v1/snapshots/{id}/query``: oldest first."""

    data_type: DataType = "trades"
    symbol: Name | None = None
    exchange: Name | None = None
    limit: int = Field(default=1000, ge=1, le=100_000)
    offset: Offset = 0
    format: Format = "json"


Metric = Literal["vwap", "twap", "ohlcv", "volume_profile", "trade_count"]
Interval = Literal["1min", "5min", "15min", "30min", "1hour", "1day"]
SECONDS: dict[str, int] = {
    "1min": 60,
    "5min": 300,
    "15min": 900,
    "30min": 1800,
    "1hour": 3600,
    "1day": 86_400,
}


class AggregationQuery(_Span):
    """``POST /v1/aggregations``."""

    symbols: list[Name] = Field(min_length=1, max_length=50)
    metrics: list[Metric] = Field(default=["vwap", "ohlcv"], min_length=1, max_length=5)
    interval: Interval = "1min"
    start_time: Instant
    end_time: Instant
    exchange: Name | None = None
    format: Format = "json"


Day = Annotated[date, Field(ge=date(1970, 1, 1), le=date(9999, 12, 30))]
