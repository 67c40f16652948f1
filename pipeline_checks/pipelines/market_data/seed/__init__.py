"""Trades of the local exchange: how many it shall make, and what it has made. Every value follows from its seed."""

from pipeline_checks.pipelines.market_data.seed.exchange import FeedSummary, change, expected_counts, is_empty, seed

__all__ = ["FeedSummary", "change", "expected_counts", "is_empty", "seed"]
