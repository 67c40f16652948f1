"""What an ingestion costs a month, and what a refresh does. Both formulas are kept as they were promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ASSUMED_FILES: Final = 100
ASSUMED_FILE_MB: Final = 50
ASSUMED_GB: Final = ASSUMED_FILES * ASSUMED_FILE_MB / 1024
ASSUMED_DBUS: Final = 64.0
TEXT_FORMATS: Final = ("json", "csv")
MINUTES_PER_GB_OF_TEXT: Final = 1.0
MINUTES_PER_GB_OTHERWISE: Final = 0.5
RUNS_A_MONTH: Final = {"hourly": 720, "daily": 30, "weekly": 4, "monthly": 1}
RUNS_A_MONTH_OTHERWISE: Final = 30
REFRESH_USD_PER_GB: Final = 0.25
REFRESH_LEAST_MINUTES: Final = 5
REFRESH_MINUTES_PER_FILE: Final = 2
BYTES_PER_GB: Final = 1024**3


@dataclass(frozen=True)
class Prices:
    """USD for an hour of one DBU, a GB stored for a month, and a thousand listings."""

    dbu_hour: float
    gb_month: float
    list_1000: float


@dataclass(frozen=True)
class Volume:
    """What there is to load; ``measured`` when it was counted, not assumed."""

    files: int
    size_gb: float
    dbus: float
    measured: bool


ASSUMED: Final = Volume(ASSUMED_FILES, ASSUMED_GB, ASSUMED_DBUS, measured=False)


@dataclass(frozen=True)
class MonthlyCost:
    """USD of one run and of a month, and what they were computed from."""

    compute_per_run: float
    compute_monthly: float
    storage_monthly: float
    discovery_monthly: float
    total_monthly: float
    duration_minutes: float
    runs_per_month: int


@dataclass(frozen=True)
class RefreshCost:
    """GB and USD rounded to cents, minutes whole."""

    size_gb: float
    usd: float
    minutes: int


def monthly_cost(volume: Volume, format_type: str, frequency: str | None, prices: Prices) -> MonthlyCost:
    """Return what a month costs. Without a schedule nothing runs by itself: only what is there is stored.

    >>> prices = Prices(0.40, 0.023, 0.005)
    >>> [monthly_cost(ASSUMED, "json", f, prices).total_monthly for f in ("daily", "hourly", "weekly")]
    [65.88, 1581.22, 8.78]
    >>> monthly_cost(ASSUMED, "parquet", "daily", prices).total_monthly
    34.63
    """
    per_gb = MINUTES_PER_GB_OF_TEXT if format_type in TEXT_FORMATS else MINUTES_PER_GB_OTHERWISE
    minutes = volume.size_gb * per_gb
    per_run = minutes / 60 * volume.dbus * prices.dbu_hour
    runs = 0 if frequency is None else RUNS_A_MONTH.get(frequency, RUNS_A_MONTH_OTHERWISE)
    compute = per_run * runs
    storage = volume.size_gb * (runs or 1) * prices.gb_month
    discovery = volume.files * runs / 1000 * prices.list_1000
    return MonthlyCost(
        compute_per_run=round(per_run, 2),
        compute_monthly=round(compute, 2),
        storage_monthly=round(storage, 2),
        discovery_monthly=round(discovery, 4),
        total_monthly=round(compute + storage + discovery, 2),
        duration_minutes=minutes,
        runs_per_month=runs,
    )


def refresh_cost(files: int, size_bytes: int) -> RefreshCost:
    """Return what loading so many files and bytes anew costs and takes.

    >>> refresh_cost(3, 300_000), refresh_cost(2, 0).minutes, refresh_cost(0, 0).minutes
    (RefreshCost(size_gb=0.0, usd=0.0, minutes=6), 5, 0)
    """
    gb = size_bytes / BYTES_PER_GB
    minutes = max(REFRESH_LEAST_MINUTES, REFRESH_MINUTES_PER_FILE * files) if files else 0
    return RefreshCost(round(gb, 2), round(gb * REFRESH_USD_PER_GB, 2), minutes)
