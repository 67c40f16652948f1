"""Pipelines written as YAML for the tests of the definition."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.yaml_document import read_documents

SHOP = """\
type: pipeline_checks.VerifiedPipeline
attributes:
  name: shop
  stages:
    - name: source
      kind: postgres_table
      connection: {url: {env: SHOP_URL}}
      table: public.customers
      contract:
        key: [customer_id]
        event_time: updated_at
        columns:
          customer_id: int64
          email: {type: string, nullable: false}
          updated_at: timestamp
    - name: lake
      kind: delta_table
      from: source
      path: /lake/customers
"""
"""Two stages; the first line of the file is line 1."""


def load(folder: Path, text: str) -> Pipeline:
    """Return the pipeline of the first document of a file with this text."""
    file = folder / "defs.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    document = read_documents(file, "defs.yaml")[0]
    return build_pipeline(document.value.get("attributes"), document.locate)


def line_of(text: str, part: str) -> int:
    """Return the line (from 1) in which ``part`` stands, which must be one only."""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if part in line]
    assert len(lines) == 1, f"{part!r} stands in lines {lines}"
    return lines[0]
