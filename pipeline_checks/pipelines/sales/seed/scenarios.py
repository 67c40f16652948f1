"""The data sets by name: how many lines and events, and with what share of faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class DataSet:
    """Sizes and rates of a scenario; ``rows`` and ``events`` are those that it has when no others are asked for."""

    name: str
    rows: int
    events: int
    error_rate: float = 0.02
    duplicate_rate: float = 0.01
    null_rate: float = 0.005
    edges: bool = False


_SETS: Final = (
    DataSet("happy_path", 1000, 100, 0, 0, 0),
    DataSet("data_quality", 1000, 100, 0.10, 0.05, 0.03),
    DataSet("high_volume", 50_000, 10_000),
    DataSet("edge_cases", 500, 50, edges=True),
    DataSet("performance", 100_000, 50_000),
    DataSet("error_recovery", 500, 50, 0, 0, 0),
)
DATA_SETS: Final = {s.name: s for s in _SETS}
ALIASES: Final = {
    "default": "happy_path",
    "data_quality_issues": "data_quality",
    "performance_test": "performance",
}
EDGE_FILES: Final = "edge_files"
"""The seed that writes and sends the files of unusual content and form."""
