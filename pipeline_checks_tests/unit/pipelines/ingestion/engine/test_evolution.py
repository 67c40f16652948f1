"""Which files of a run the table takes, what they change, and how the others are refused."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql.types import StructType

from pipeline_checks.pipelines.ingestion.flow.engine.evolution import Judgement, alterations, judge
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import parse_type, type_name


def file(name: str) -> FileVersion:
    return FileVersion(f"s3://landing/{name}", "e", 1, datetime(2026, 1, 1, tzinfo=UTC))


def row(fields: str) -> StructType:
    found = parse_type(f"struct<{fields}>")
    assert isinstance(found, StructType)
    return found


def judged(held: str | None, *files: str, evolution: bool = True) -> Judgement:
    given = [(file(str(n)), row(fields)) for n, fields in enumerate(files)]
    return judge(row(held) if held else None, given, evolution_enabled=evolution, by_name=True)


def test_the_first_files_make_the_columns_together() -> None:
    found = judged(None, "id:bigint,value:bigint", "value:double,id:bigint,extra:string")
    assert type_name(found.schema) == "struct<extra:string,id:bigint,value:double>"
    assert (found.refused, found.changes) == ({}, ())


def test_a_new_column_is_one_change_with_every_file_that_brings_it() -> None:
    found = judged("id:bigint", "id:bigint", "id:bigint,region:string", "region:string,id:bigint")
    (change,) = found.changes
    assert (change.change_type, change.column_name, change.old_type) == ("column_added", "region", None)
    assert (change.new_type, change.files) == ("string", ("s3://landing/1", "s3://landing/2"))


def test_a_wider_type_is_a_change() -> None:
    (change,) = judged("id:int", "id:int", "id:bigint").changes
    assert (change.change_type, change.old_type, change.new_type) == ("type_widened", "int", "bigint")
    assert change.files == ("s3://landing/1",)


def test_what_does_not_fit_is_refused_and_changes_nothing_for_the_others() -> None:
    found = judged("id:bigint,value:double", "id:bigint,value:string,new:string", "id:bigint,value:bigint")
    refusal = found.refused["s3://landing/0"]
    assert (refusal.error_type, refusal.column) == ("SCHEMA_INCOMPATIBLE", "value")
    assert (refusal.old_type, refusal.new_type) == ("double", "string")
    assert found.changes == ()
    assert type_name(found.schema) == "struct<id:bigint,value:double>"


def test_without_evolution_a_new_column_and_a_wider_type_are_refused_and_nulls_are_not() -> None:
    found = judged("id:int", "id:int,a:string", "id:bigint", "id:int", "id:int,b:void", evolution=False)
    assert {path: error.error_type for path, error in found.refused.items()} == {
        "s3://landing/0": "SCHEMA_EVOLUTION_DISABLED",
        "s3://landing/1": "SCHEMA_EVOLUTION_DISABLED",
    }
    assert found.refused["s3://landing/0"].column == "a"
    assert found.changes == ()


def test_alterations_quote_every_name() -> None:
    found = alterations("`c`.`t`", row("id:int"), row("id:bigint,`a``; b`:string,m:struct<`x y`:int>"))
    assert found == [
        "ALTER TABLE `c`.`t` ADD COLUMNS (`a``; b` string, `m` struct<`x y`:int>)",
        "ALTER TABLE `c`.`t` ALTER COLUMN `id` TYPE bigint",
    ]
    assert alterations("t", row("id:int"), row("id:int")) == []
