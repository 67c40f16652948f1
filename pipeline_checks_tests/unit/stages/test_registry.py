"""Kinds of stages: found by name, imported without drivers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import KINDS, declaration_class

DRIVERS = (
    *("pyarrow", "polars", "duckdb", "deltalake", "pyiceberg", "confluent_kafka", "psycopg", "httpx", "pyspark"),
    *("fastapi", "numpy", "pandas", "dagster", "sqlalchemy"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_declaration_of_that_kind(kind: str) -> None:
    found = declaration_class(kind)
    assert issubclass(found, StageDeclaration)
    assert found.model_fields["kind"].default == kind


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no stage of kind 'csv'.*delta_table"):
        declaration_class("csv")


def test_declarations_are_imported_without_any_driver() -> None:
    program = (
        "import json, sys\n"
        "from pipeline_checks.stages.registry import KINDS, declaration_class\n"
        "for kind in KINDS: declaration_class(kind)\n"
        f"print(json.dumps([m for m in {DRIVERS!r} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
