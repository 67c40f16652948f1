"""Drops a table with every file of it, and tells of those that stay."""

from __future__ import annotations

from typing import Any

from pipeline_checks.pipelines.ingestion.flow.engine.listing import refusal, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import DropResult


def remove_files(store: Any, location: str, *, existed: bool, before: int) -> DropResult:
    """Remove what lies below the location of a table that is gone; ``before`` is how many files it had.

    Raises EngineError ``SOURCE_UNAVAILABLE`` when the store does not answer.
    """
    bucket, _ = split_path(location)
    for _ in range(2):
        left = list_keys(store, location)
        for start in range(0, len(left), 1000):
            keys = [{"Key": key} for key in left[start : start + 1000]]
            try:
                store.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            except Exception as problem:  # errors of boto3, and of its transport, share no root
                raise refusal(problem, None, location) from None
        if not left:
            break
    orphans = [f"s3://{bucket}/{key}" for key in list_keys(store, location)]
    return DropResult(existed, before - len(orphans), tuple(orphans))


def list_keys(store: Any, location: str) -> list[str]:
    """Return the keys below a location.

    Raises EngineError ``SOURCE_UNAVAILABLE``.
    """
    bucket, prefix = split_path(location)
    try:
        pages = store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        return [item["Key"] for page in pages for item in page.get("Contents", ())]
    except Exception as problem:
        raise refusal(problem, None, location) from None
