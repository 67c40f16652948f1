"""Asks a cluster what it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline_checks.pipelines.ingestion.flow.engine.model import ClusterProbe

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_UNITS: Final = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE: Final = re.compile(r"(\d+)\s*([kmgt])?b?", re.IGNORECASE)


def probed(session: SparkSession) -> ClusterProbe:
    """Return the version of Spark and the memory that its work has: of the executors, or of the driver alone."""
    local = (session.conf.get("spark.master", "local") or "").startswith("local")
    memory = session.conf.get("spark.driver.memory" if local else "spark.executor.memory", "1g") or "1g"
    executors = 1 if local else int(session.conf.get("spark.executor.instances", "1") or 1)
    return ClusterProbe(session.version, round(gibibytes(memory) * executors, 3))


def gibibytes(text: str) -> float:
    """Return a size of Spark's settings; without a unit it is in bytes.

    >>> gibibytes("512m")
    0.5
    """
    match = _SIZE.fullmatch(text.strip())
    return int(match[1]) * _UNITS.get((match[2] or "").lower(), 1) / 2**30 if match else 0.0
