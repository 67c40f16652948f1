"""Seed rows and live changes of the CDC pipeline: every value follows from a seed, and every count is known."""

from pipeline_checks.pipelines.cdc.seed.live import change
from pipeline_checks.pipelines.cdc.seed.rows import SCENARIOS, is_empty, seed
from pipeline_checks.pipelines.cdc.seed.summary import ChangeSummary, SeedSummary, expected_counts

__all__ = ["SCENARIOS", "ChangeSummary", "SeedSummary", "change", "expected_counts", "is_empty", "seed"]
