"""Seed data of the churn pipeline: a CSV of customers, published row by row. Every value follows from a seed."""

from pipeline_checks.pipelines.churn.seed.source import SourceSummary, change, is_empty, seed

__all__ = ["SourceSummary", "change", "is_empty", "seed"]
