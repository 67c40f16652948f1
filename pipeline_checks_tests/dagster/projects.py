"""Dagster projects and pipelines over real Delta tables in a folder: nothing else needs to run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
from deltalake import write_deltalake

LAKE = """\
type: pipeline_checks.VerifiedPipeline
attributes:
  name: lake
  stages:
    - name: customers
      kind: delta_table
      path: {folder}/customers
      blocking: {blocking}
      contract:
        key: [customer_id]
        columns:
          customer_id: int64
          email: {{type: string, nullable: false, matches: ".+@.+"}}
    - name: orders
      kind: delta_table
      path: {folder}/orders
      contract: {{key: [order_id], columns: {{order_id: int64, amount: {{type: int64, min: 0}}}}}}
"""
"""Two tables that nothing feeds: judged at their newest version."""


def customers(*emails: str | None) -> pa.Table:
    """Return rows of the table ``customers`` with ids from 1."""
    ids = pa.array(range(1, len(emails) + 1), pa.int64())
    return pa.table({"customer_id": ids, "email": pa.array(emails, pa.string())})


def orders(*amounts: int) -> pa.Table:
    """Return rows of the table ``orders`` with ids from 1."""
    return pa.table(
        {"order_id": pa.array(range(1, len(amounts) + 1), pa.int64()), "amount": pa.array(amounts, pa.int64())}
    )


def make_lake(folder: Path, emails: tuple[str | None, ...] = ("a@b", "c@d"), amounts: tuple[int, ...] = (1, 2)) -> str:
    """Write both tables and return the text of the pipeline's ``defs.yaml``."""
    write_deltalake(str(folder / "customers"), customers(*emails))
    write_deltalake(str(folder / "orders"), orders(*amounts))
    return LAKE.format(folder=folder, blocking="false")


def load_project(folder: Path, text: str) -> dg.Definitions:
    """Load a Dagster project whose only component is the text of a ``defs.yaml``, as Dagster itself does."""
    module = f"defs_{folder.name.replace('-', '_')}"
    place = folder / module / "it"
    place.mkdir(parents=True)
    (folder / module / "__init__.py").write_text("")
    (place / "defs.yaml").write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        return dg.load_defs(importlib.import_module(module), project_root=folder)
    finally:
        sys.path.remove(str(folder))


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Return the evaluations of a run by ``stage.check``."""
    found = result.get_asset_check_evaluations()
    return {f"{e.asset_key.path[-1]}.{e.check_name}": e for e in found}


def value(evaluation: dg.AssetCheckEvaluation, key: str) -> Any:
    """Return a plain value of a check's metadata."""
    return evaluation.metadata[key].value
