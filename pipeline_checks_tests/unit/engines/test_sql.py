"""Connections for expressions of users see nothing but what they are given."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline_checks.engines.sql import shut_in


def test_what_one_connection_is_given_no_other_sees() -> None:
    with shut_in() as one, shut_in() as other:
        one.register("rows", pa.table({"a": [1]}))
        other.register("rows", pa.table({"a": [2]}))
        assert (one.sql("SELECT a FROM rows").fetchall(), other.sql("SELECT a FROM rows").fetchall()) == (
            [(1,)],
            [(2,)],
        )
    with shut_in() as later, pytest.raises(duckdb.CatalogException, match="rows"):
        later.sql("SELECT a FROM rows")


def test_times_are_in_utc_and_no_setting_can_be_changed() -> None:
    with shut_in() as connection:
        told = connection.sql("SELECT make_timestamptz(2020, 1, 1, 0, 0, 0)::VARCHAR, current_setting('TimeZone')")
        assert told.fetchall() == [("2020-01-01 00:00:00+00", "UTC")]
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            connection.execute("SET enable_external_access = true")


def test_no_file_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with shut_in() as connection, pytest.raises(duckdb.PermissionException):
        connection.sql(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')")
