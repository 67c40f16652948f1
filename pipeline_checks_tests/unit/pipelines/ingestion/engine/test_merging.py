"""What goes together in one column, both ways, and in which order it does not matter."""

from __future__ import annotations

from itertools import permutations

import pytest
from pyspark.sql.types import StructType

from pipeline_checks.pipelines.ingestion.flow.engine.merging import (
    Conflict,
    differences,
    merge,
    normalized,
    settled,
    type_at,
)
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import parse_type, type_name


def row(fields: str) -> StructType:
    found = parse_type(f"struct<{fields}>")
    assert isinstance(found, StructType)
    return found


def merged(held: str, brought: str, *, in_table: bool) -> str:
    table = row(f"c:{held}") if in_table else None
    return type_name(merge(row(f"c:{held}"), table, row(f"c:{brought}"))["c"].dataType)


@pytest.mark.parametrize(
    ("held", "brought", "becomes"),
    [
        ("bigint", "int", "bigint"),
        ("int", "bigint", "bigint"),
        ("double", "bigint", "double"),
        ("double", "float", "double"),
        ("float", "double", "double"),
        ("decimal(5,2)", "decimal(9,2)", "decimal(9,2)"),
        ("decimal(5,2)", "decimal(4,1)", "decimal(5,2)"),
        ("decimal(38,0)", "bigint", "decimal(38,0)"),
        ("struct<a:int>", "struct<b:string>", "struct<a:int,b:string>"),
        ("array<int>", "array<bigint>", "array<bigint>"),
        ("map<string,int>", "map<string,bigint>", "map<string,bigint>"),
        ("string", "void", "string"),
    ],
)
def test_a_column_of_the_table_takes_what_it_holds_or_can_be_widened_to(held: str, brought: str, becomes: str) -> None:
    assert merged(held, brought, in_table=True) == becomes
    assert merged(held, brought, in_table=False) == becomes


@pytest.mark.parametrize(
    ("held", "brought"),
    [
        ("bigint", "double"),
        ("bigint", "string"),
        ("string", "bigint"),
        ("double", "string"),
        ("boolean", "bigint"),
        ("decimal(5,2)", "decimal(5,3)"),
        ("decimal(5,2)", "bigint"),
        ("decimal(38,2)", "decimal(38,0)"),
        ("float", "bigint"),
        ("struct<a:int>", "string"),
        ("array<int>", "int"),
        ("map<string,int>", "map<int,int>"),
        ("date", "timestamp"),
    ],
)
def test_anything_else_is_a_conflict_that_names_both(held: str, brought: str) -> None:
    with pytest.raises(Conflict) as raised:
        merged(held, brought, in_table=True)
    assert (raised.value.path, raised.value.old, raised.value.new) == (("c",), held, brought)


def test_a_conflict_in_a_nested_field_is_named_by_its_path() -> None:
    held = row("m:struct<x:array<struct<q:bigint>>>")
    with pytest.raises(Conflict) as raised:
        merge(held, held, row("m:struct<x:array<struct<q:string>>>"))
    assert raised.value.path == ("m", "x", "element", "q")


@pytest.mark.parametrize(
    ("kinds", "becomes"),
    [
        (("bigint", "double", "int"), "double"),
        (("void", "bigint", "double"), "double"),
        (("bigint", "decimal(38,0)", "int"), "decimal(38,0)"),
        (("decimal(5,2)", "decimal(9,0)", "decimal(3,1)"), "decimal(11,2)"),
        (("decimal(5,2)", "double", "bigint"), "double"),
        (("struct<a:bigint>", "struct<a:double>", "struct<b:string>"), "struct<a:double,b:string>"),
    ],
)
def test_before_there_is_a_table_the_order_of_the_files_does_not_matter(kinds: tuple[str, ...], becomes: str) -> None:
    for order in permutations(kinds):
        held = StructType([])
        for kind in order:
            held = merge(held, None, row(f"c:{kind}"))
        assert type_name(settled(held, by_name=True)["c"].dataType) == becomes, order


def test_text_and_numbers_never_go_together() -> None:
    for held, brought in permutations(("string", "bigint")):
        with pytest.raises(Conflict):
            merged(held, brought, in_table=False)


@pytest.mark.parametrize(("first", "second"), [("id:int", "ID:int"), ("m:struct<a:int>", "m:struct<A:int>")])
def test_names_that_differ_only_in_case_are_a_conflict(first: str, second: str) -> None:
    with pytest.raises(Conflict, match="differ only in case"):
        merge(row(first), None, row(second))
    assert merge(row(first), None, row(first)) == row(first)


def test_one_file_with_two_names_that_differ_only_in_case_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="differ only in case"):
        normalized(row("m:struct<a:int,A:int>"))
    with pytest.raises(Conflict, match="several types"):
        normalized(row("v:variant"))


def test_columns_of_nulls_alone_are_left_out_unless_there_is_nothing_else() -> None:
    assert type_name(settled(row("a:void,b:struct<c:void,d:int>,e:array<void>"), by_name=False)) == (
        "struct<b:struct<d:int>,e:array<string>>"
    )
    assert type_name(settled(row("a:void"), by_name=True)) == "struct<a:string>"
    assert settled(row("b:int,a:int"), by_name=True).names == ["a", "b"]
    assert settled(row("b:int,a:int"), by_name=False).names == ["b", "a"]


def test_differences_name_what_must_be_altered() -> None:
    before = row("id:int,m:struct<x:array<struct<q:float>>>")
    after = row("id:bigint,m:struct<x:array<struct<q:float,r:int>>,k:string>,n:struct<z:int>")
    found = [(".".join(d.path), d.old and type_name(d.old), type_name(d.new)) for d in differences(before, after)]
    assert found == [
        ("id", "int", "bigint"),
        ("m.x.element.r", None, "int"),
        ("m.k", None, "string"),
        ("n", None, "struct<z:int>"),
    ]
    assert differences(after, after) == []
    assert type_at(after, ("m", "x", "element", "r")) is not None
    assert type_at(before, ("m", "k")) is None
