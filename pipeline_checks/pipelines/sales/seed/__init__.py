"""Seed data of ``sales``: files of lines with their truth, reference files and store events."""

from pipeline_checks.pipelines.sales.seed.source import SourceSummary, change, is_empty, seed

__all__ = ["SourceSummary", "change", "is_empty", "seed"]
