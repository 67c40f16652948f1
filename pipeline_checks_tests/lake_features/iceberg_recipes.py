"""Iceberg tables, one for each feature of the format and each way in which features meet."""

from __future__ import annotations

from pipeline_checks_tests.lake_features.iceberg_core import (
    default_value,
    equality_deletes,
    roll_back_to_first,
    stage_rows_unpublished,
)
from pipeline_checks_tests.lake_features.recipe import TIME, Recipe, rows

_V1, _V2, _V3 = (f"'format-version'='{n}'" for n in (1, 2, 3))
_MERGE_ON_READ = (
    "'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read'"
)
_COPY_ON_WRITE = (
    "'write.delete.mode'='copy-on-write', 'write.update.mode'='copy-on-write', 'write.merge.mode'='copy-on-write'"
)
_ONE_MORE = "insert into $T values (500, 'q', 1.0D, timestamp'2026-02-02 00:00:00')"
_QUARTERS = "insert into $T select id, concat('n', id), id % 4 from range(0, 100, 1, 1)"
_NESTED_COLUMNS = "id bigint, s struct<a:int,b:struct<c:string>>, arr array<struct<k:string,v:int>>, m map<string,int>"
_NESTED = (
    "insert into $T select id, named_struct('a', cast(id as int), 'b', named_struct('c', concat('c', id))), "
    "array(named_struct('k', 'k1', 'v', cast(id as int))), map('m', cast(id as int)) from range(0, 20, 1, 1)"
)
_NULL_LIST = "insert into $T values (100, null, null, null), (101, named_struct('a', null, 'b', null), array(), map())"


def _of(query: str, properties: str) -> str:
    return f"create table $T using iceberg tblproperties ({properties}) as {query}"


def _made(columns: str, properties: str, partitions: str = "") -> str:
    by = f"partitioned by ({partitions})" if partitions else ""
    return f"create table $T ({columns}) using iceberg {by} tblproperties ({properties})"


_COPIED = (_ONE_MORE, "delete from $T where id < 5", "update $T set name = null where id = 7")
_SWAPPED = (
    "alter table $T rename column a to tmp",
    "alter table $T rename column b to a",
    "alter table $T rename column tmp to b",
)

COMMON = (
    Recipe("v1", (_of(rows(), _V1), _ONE_MORE, "delete from $T where id < 5")),
    Recipe("v2", (_of(rows(), f"{_V2}, {_COPY_ON_WRITE}"), *_COPIED)),
    Recipe("v3", (_of(rows(), f"{_V3}, {_COPY_ON_WRITE}"), *_COPIED)),
    Recipe(
        "hidden_partitioning",
        (
            _made("id bigint, name string, ts timestamp, d date", _V2, "days(ts), bucket(4, id), truncate(2, name)"),
            f"insert into $T select id, concat('n', id), {TIME}, date'2026-01-01' + cast(id as int) "
            "from range(0, 40, 1, 1)",
            "insert into $T values (500, null, null, null), (501, 'ü/=%', timestamp'1969-12-31 23:00:00', "
            "date'1969-01-01')",
            "delete from $T where id = 30",
        ),
    ),
    Recipe(
        "partition_evolution",
        (
            _made("id bigint, name string, ts timestamp", f"{_V2}, {_MERGE_ON_READ}", "months(ts)"),
            f"insert into $T select id, concat('n', id), {TIME} from range(0, 40, 1, 1)",
            "alter table $T replace partition field months(ts) with days(ts)",
            f"insert into $T select id + 100, concat('n', id), {TIME} from range(0, 40, 1, 1)",
            "alter table $T drop partition field days(ts)",
            "alter table $T add partition field bucket(2, id)",
            "insert into $T values (900, 'q', null)",
            "delete from $T where id % 50 = 1",
            "update $T set name = 'u' where id = 3",
        ),
    ),
    Recipe(
        "renamed_and_swapped",
        (
            _of("select id, concat('a', id) a, cast(id as int) b from range(0, 10, 1, 1)", _V2),
            *_SWAPPED,
            "insert into $T (id, a, b) values (99, null, 'A?')",
        ),
    ),
    Recipe(
        "dropped_and_added_again",
        (
            _of("select id, cast(id as int) a from range(0, 10, 1, 1)", _V2),
            "alter table $T drop column a",
            "alter table $T add column a int",
            "insert into $T values (99, 1000)",
        ),
    ),
    Recipe(
        "position_deletes",
        (
            _of(rows(), f"{_V2}, {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
            "update $T set name = null where id = 7",
            "merge into $T t using (select id + 95 id, 'm' name, 1.0D x, timestamp'2026-06-01 00:00:00' ts "
            "from range(10)) s on t.id = s.id when matched and s.id % 2 = 0 then delete "
            "when matched then update set * when not matched then insert *",
        ),
    ),
    Recipe(
        "dangling_position_deletes",
        (
            _of(rows(), f"{_V2}, {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
            "call ice.system.rewrite_data_files(table => '$N', options => map('rewrite-all', 'true'))",
            "delete from $T where id = 50",
        ),
    ),
    Recipe(
        "deletion_vectors",
        (
            _of(rows(), f"{_V3}, {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
            "update $T set name = null where id = 7",
            "delete from $T where id = 8",
        ),
    ),
    Recipe(
        "equality_deletes",
        (
            _of(rows(), _V2),
            equality_deletes("id", (3, 13, 23)),
            "insert into $T values (3, 'again', 1.0D, timestamp'2026-02-02 00:00:00')",
        ),
        refused="equality deletes",
        refused_from=1,
    ),
    Recipe(
        "equality_deletes_of_a_partition",
        (
            _made("id bigint, name string, p int", _V2, "p"),
            _QUARTERS,
            equality_deletes("id", (1, 5, 2), partition=(1,)),
        ),
        refused="equality deletes",
        refused_from=1,
    ),
    Recipe(
        "nested",
        (
            _made(_NESTED_COLUMNS, _V2),
            _NESTED,
            _NULL_LIST,
            "alter table $T rename column s.b.c to cc",
            "alter table $T rename column arr.element.k to kk",
            "alter table $T add column s.new string",
            "insert into $T values (102, named_struct('a', 1, 'b', named_struct('cc', 'x'), 'new', 'nn'), "
            "array(named_struct('kk', 'k', 'v', 2)), map('z', 1))",
        ),
    ),
    Recipe(
        "branch_and_tag",
        (
            _of(rows(), _V2),
            "alter table $T create tag t0",
            "alter table $T create branch dev",
            "insert into $T.branch_dev values (777, 'dev', 1.0D, timestamp'2026-02-02 00:00:00')",
            "delete from $T where id < 50",
        ),
    ),
    Recipe(
        "default_values",
        (
            _of("select id from range(0, 10, 1, 1)", _V3),
            default_value("c", 42),
            "insert into $T values (101, 7)",
        ),
    ),
    Recipe(
        "row_lineage",
        (
            _of(rows(), f"{_V3}, {_MERGE_ON_READ}"),
            "update $T set name = 'u' where id = 7",
            "call ice.system.rewrite_data_files(table => '$N', options => map('rewrite-all', 'true'))",
        ),
    ),
    Recipe(
        "variant",
        (
            _made("id bigint, v variant", _V3),
            "insert into $T select id, parse_json(concat('{\"a\":', id, '}')) from range(0, 20, 1, 1)",
        ),
        refused="variant",
        read_as="id, to_json(v) v",
    ),
    Recipe("orc", (_of(rows(), f"{_V2}, 'write.format.default'='orc'"), _ONE_MORE)),
    Recipe("avro", (_of(rows(), f"{_V2}, 'write.format.default'='avro'"), _ONE_MORE), refused="AVRO"),
)
"""The tables that every run of the tests makes."""

RARE = (
    Recipe(
        "identity_partition_dropped",
        (
            _made("id bigint, p string", _V2, "p"),
            "insert into $T select id, concat('p', id % 3) from range(0, 30, 1, 1)",
            "alter table $T drop partition field p",
            "insert into $T values (100, null)",
            "alter table $T rename column p to pp",
            "insert into $T values (101, 'zz')",
        ),
    ),
    Recipe(
        "types_promoted_and_reordered",
        (
            _made("id int, f float, d decimal(6,2), z string", _V2),
            "insert into $T select cast(id as int), id / 4, id / 4, concat('z', id) from range(0, 20, 1, 1)",
            "alter table $T alter column id type bigint",
            "alter table $T alter column f type double",
            "alter table $T alter column d type decimal(12,2)",
            "alter table $T alter column z first",
            "insert into $T values ('zz', 5000000000, 1.0e300, 1234567890.12)",
        ),
    ),
    Recipe(
        "column_added",
        (
            _of("select id from range(0, 10, 1, 1)", _V2),
            "alter table $T add column n int first",
            "insert into $T values (5, 100)",
        ),
    ),
    Recipe(
        "position_deletes_by_partition",
        (
            _made(
                "id bigint, name string, p int",
                f"{_V2}, {_MERGE_ON_READ}, 'write.delete.granularity'='partition'",
                "p",
            ),
            _QUARTERS,
            "delete from $T where id in (4, 8, 9)",
            "delete from $T where id in (12, 13)",
            "update $T set name = 'z' where id = 20",
            "delete from $T where p = 3",
            "insert into $T values (1000, 'q', 1)",
        ),
    ),
    Recipe(
        "position_deletes_rewritten",
        (
            _of(rows(), f"{_V2}, {_MERGE_ON_READ}"),
            "delete from $T where id = 10",
            "delete from $T where id = 11",
            "call ice.system.rewrite_position_delete_files(table => '$N', options => map('rewrite-all', 'true'))",
            "delete from $T where id = 13",
        ),
    ),
    Recipe(
        "deletion_vectors_partitioned",
        (
            _made("id bigint, name string, p int", f"{_V3}, {_MERGE_ON_READ}", "p"),
            _QUARTERS,
            "delete from $T where id in (4, 8, 9)",
            "delete from $T where id in (12, 13)",
            "update $T set name = 'z' where id = 20",
        ),
    ),
    Recipe(
        "v2_upgraded_to_v3",
        (
            _of(rows(), f"{_V2}, {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
            "insert into $T select id + 200, name, x, ts from $T where id > 50",
            "alter table $T set tblproperties ('format-version'='3')",
            "delete from $T where id = 251",
            "delete from $T where id = 4",
        ),
    ),
    Recipe(
        "equality_deletes_of_null",
        (
            _of("select id, if(id % 2 = 0, null, concat('n', id)) name from range(0, 20, 1, 1)", _V2),
            equality_deletes("name", (None, "n3")),
        ),
        refused="equality deletes",
        refused_from=1,
    ),
    Recipe(
        "equality_and_position_deletes",
        (
            _of(rows(), f"{_V2}, {_MERGE_ON_READ}"),
            equality_deletes("id", (3, 13, 23)),
            "delete from $T where id = 50",
        ),
        refused="equality deletes",
        refused_from=1,
    ),
    Recipe(
        "equality_deletes_v3",
        (
            _of(rows(), f"{_V3}, {_MERGE_ON_READ}"),
            equality_deletes("id", (3, 13, 23)),
            "delete from $T where id = 50",
        ),
        refused="equality deletes",
        refused_from=1,
    ),
    Recipe(
        "default_values_merge_on_read",
        (
            _of("select id from range(0, 10, 1, 1)", f"{_V3}, {_MERGE_ON_READ}"),
            default_value("c", 42),
            "insert into $T values (101, 7)",
            "delete from $T where id = 4",
        ),
    ),
    Recipe(
        "overwritten",
        (
            _made("id bigint, p int", _V2, "p"),
            "insert into $T select id, id % 4 from range(0, 40, 1, 1)",
            "insert overwrite $T select id, cast(1 as int) from range(5)",
        ),
    ),
    Recipe(
        "orc_position_deletes",
        (
            _of(rows(), f"{_V2}, 'write.format.default'='orc', {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
        ),
    ),
    Recipe(
        "orc_nested",
        (_made(_NESTED_COLUMNS, f"{_V2}, 'write.format.default'='orc'"), _NESTED, _NULL_LIST),
        skipped=("arr",),
    ),
    Recipe(
        "avro_position_deletes",
        (
            _of(rows(), f"{_V2}, 'write.format.default'='avro', {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
        ),
        refused="AVRO",
    ),
    Recipe(
        "avro_deletes_of_parquet",
        (
            _of(rows(), f"{_V2}, 'write.delete.format.default'='avro', {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
        ),
        refused="AVRO",
        refused_from=1,
    ),
    Recipe(
        "times_and_years",
        (
            _made("id bigint, t timestamp_ntz, u timestamp, d date", _V2),
            "insert into $T values (1, timestamp_ntz'2026-03-29 02:30:00.123456', "
            "timestamp'2026-03-29 02:30:00.123456', date'1500-01-01'), (2, timestamp_ntz'0001-01-01 00:00:00', "
            "timestamp'1582-10-04 00:00:00', date'0001-01-01'), (3, timestamp_ntz'9999-12-31 23:59:59.999999', "
            "timestamp'9999-12-31 23:59:59.999999', date'9999-12-31')",
            "delete from $T where id = 3",
        ),
    ),
    Recipe(
        "types",
        (
            _made("id bigint, d38 decimal(38,10), bin binary, bl boolean, f float", _V2),
            "insert into $T values (1, 1234567890123456789012345678.1234567891, X'00FF', true, 0.1), "
            "(2, null, null, null, null), (3, -0.0000000001, X'', false, cast('nan' as float)), "
            "(4, 0, X'01', true, cast('-infinity' as float))",
            "delete from $T where id = 2",
        ),
    ),
    Recipe(
        "staged_unpublished",
        (_of(rows(), f"{_V2}, 'write.wap.enabled'='true'"), stage_rows_unpublished, "delete from $T where id < 2"),
    ),
    Recipe(
        "rolled_back",
        (
            _of(rows(), f"{_V2}, {_MERGE_ON_READ}"),
            "delete from $T where id % 10 = 3",
            roll_back_to_first,
        ),
    ),
)
"""The tables of rarer features and of pairs of features."""
