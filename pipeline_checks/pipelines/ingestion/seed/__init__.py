"""Seed data of the ingestion pipeline: files of records in the landing bucket, and a run that loads them."""

from pipeline_checks.pipelines.ingestion.seed.source import FilesSummary, change, is_empty, seed

__all__ = ["FilesSummary", "change", "is_empty", "seed"]
