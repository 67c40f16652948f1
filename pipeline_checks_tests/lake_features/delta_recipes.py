"""Delta tables, one for each feature of the format and each way in which features meet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline_checks_tests.lake_features.recipe import TIME, Recipe, rows

_NO_DV = "'delta.enableDeletionVectors'='false'"
_DV = "'delta.enableDeletionVectors'='true'"
_BY_NAME = "'delta.columnMapping.mode'='name'"
_NAMED = "select id, concat('n', id) name from range(0, {n}, 1, 1)"
_QUARTERS = "insert into $T select id, concat('n', id), id % 4 from range(0, 100, 1, 1)"
_NESTED = (
    "insert into $T select id, named_struct('a', cast(id as int), 'b', named_struct('c', concat('c', id))), "
    "array(named_struct('k', 'k1', 'v', cast(id as int))), map('m', cast(id as int)) from range(0, 20, 1, 1)"
)
_SWAPPED = (
    "alter table $T rename column a to tmp",
    "alter table $T rename column b to a",
    "alter table $T rename column tmp to b",
    "insert into $T values (99, 'B?', 'A?')",
)
_AB = "select id, concat('a', id) a, concat('b', id) b from range(0, 10, 1, 1)"


def _made(columns: str, properties: str, more: str = "") -> str:
    return f"create table $T ({columns}) using delta {more} tblproperties ({properties})"


def _of(query: str, properties: str) -> str:
    return f"create table $T using delta tblproperties ({properties}) as {query}"


def _ten_at_a_time(times: int) -> tuple[str, ...]:
    return tuple(f"insert into $T select id + {i * 10}, concat('n', id) from range(0, 10, 1, 1)" for i in range(times))


def remove_log_before_checkpoint(_: Any, path: str) -> None:
    """Clean away the commits that the last checkpoint holds, as the retention of logs does."""
    log = Path(path) / "_delta_log"
    checkpoint = int(json.loads((log / "_last_checkpoint").read_text())["version"])
    for file in log.glob("*.json"):
        if file.stem.isdigit() and int(file.stem) < checkpoint:
            file.unlink()
    for file in log.glob(".*.crc"):
        file.unlink()


def _generated(spark: Any, path: str) -> None:
    from delta.tables import DeltaTable, IdentityGenerator

    (
        DeltaTable.create(spark)
        .location(path)
        .addColumn("id", "bigint")
        .addColumn("ts", "timestamp")
        .addColumn("d", "date", generatedAlwaysAs="cast(ts as date)")
        .addColumn("k", "bigint", generatedAlwaysAs=IdentityGenerator(start=1, step=1))
        .partitionedBy("d")
        .property("delta.enableDeletionVectors", "false")
        .execute()
    )
    made = spark.sql(f"select id, {TIME} ts from range(0, 50, 1, 1)")
    made.write.format("delta").mode("append").save(path)


COMMON = (
    Recipe(
        "plain",
        (
            _of(rows(), _NO_DV),
            "insert into $T select id + 95, name, x, ts from $T where id < 10",
            "delete from $T where id < 5",
            "update $T set name = null where id = 7",
        ),
    ),
    Recipe(
        "partitioned",
        (
            _made("id bigint, name string, d date, p string", _NO_DV, "partitioned by (p, d)"),
            "insert into $T select id, concat('n', id), date'2026-01-01' + cast(id % 3 as int), case id % 5 "
            "when 0 then null when 1 then '' when 2 then 'a/b=c d%20é' when 3 then '__HIVE_DEFAULT_PARTITION__x' "
            "else 'plain:1' end from range(0, 60, 1, 1)",
            "delete from $T where p = 'plain:1'",
        ),
    ),
    Recipe(
        "deletion_vectors",
        (_of(rows(), _DV), "delete from $T where id % 10 = 3", "update $T set name = null where id = 7"),
    ),
    Recipe(
        "deletion_vectors_partitioned_checkpoint",
        (
            _made("id bigint, name string, p int", f"{_DV}, 'delta.checkpointInterval'='2'", "partitioned by (p)"),
            _QUARTERS,
            "delete from $T where id in (4, 8, 9)",
            "delete from $T where id in (12, 13)",
            "insert into $T values (1000, 'q', 1)",
        ),
    ),
    Recipe(
        "column_mapping_name",
        (
            _of(rows(), f"{_BY_NAME}, {_NO_DV}"),
            "alter table $T rename column name to label",
            "alter table $T drop column x",
            "alter table $T add column x string",
            "insert into $T values (500, 'new', timestamp'2026-02-02 00:00:00', 'xx')",
        ),
    ),
    Recipe(
        "column_mapping_numbers_swapped",
        (
            _of("select id, cast(null as int) a, cast(id as int) b from range(0, 10, 1, 1)", _NO_DV),
            "alter table $T set tblproperties ('delta.columnMapping.mode'='name')",
            *_SWAPPED[:3],
            "insert into $T values (99, 1000, null)",
        ),
    ),
    Recipe(
        "column_mapping_partitioned_deletion_vectors",
        (
            _made("id bigint, name string, p int", f"{_BY_NAME}, {_DV}", "partitioned by (p)"),
            _QUARTERS,
            "alter table $T rename column p to part",
            "delete from $T where id in (4, 8, 9)",
        ),
    ),
    Recipe(
        "column_mapping_id",
        (
            _of(rows(), f"'delta.columnMapping.mode'='id', {_NO_DV}"),
            "alter table $T rename column name to label",
            "delete from $T where id < 3",
        ),
    ),
    Recipe(
        "type_widening",
        (
            _made("id bigint, a int, b short, c float, d decimal(6,2)", f"'delta.enableTypeWidening'='true', {_NO_DV}"),
            "insert into $T select id, id * 1000, id, id / 8, id / 4 from range(0, 20, 1, 1)",
            "alter table $T change column a type bigint",
            "alter table $T change column c type double",
            "insert into $T values (100, 5000000000, 1, 1.0e300, 1.25)",
        ),
        refused="typeWidening",
    ),
    Recipe(
        "everything_at_once",
        (
            f"create table $T (id bigint, name string, v int) using delta cluster by (id) tblproperties ({_DV}, "
            f"{_BY_NAME}, 'delta.enableRowTracking'='true', 'delta.enableInCommitTimestamps'='true', "
            "'delta.checkpointPolicy'='v2', 'delta.checkpointInterval'='2', 'delta.enableChangeDataFeed'='true')",
            "insert into $T select id, concat('n', id), id from range(0, 100, 1, 1)",
            "alter table $T rename column name to label",
            "delete from $T where id % 10 = 3",
            "insert into $T values (900, 'q', 5)",
            "update $T set label = 'w' where id = 1",
            "alter table $T set tblproperties ('delta.enableTypeWidening'='true')",
            "alter table $T change column v type bigint",
        ),
        refused="typeWidening",
        refused_from=6,
    ),
    Recipe(
        "v2_checkpoints",
        (
            _made("id bigint, name string", f"'delta.checkpointPolicy'='v2', 'delta.checkpointInterval'='2', {_NO_DV}"),
            *_ten_at_a_time(4),
            "delete from $T where id < 5",
        ),
    ),
    Recipe(
        "v2_checkpoints_deletion_vectors_log_removed",
        (
            _made("id bigint, name string", f"'delta.checkpointPolicy'='v2', 'delta.checkpointInterval'='2', {_DV}"),
            *_ten_at_a_time(4),
            "delete from $T where id in (3, 13)",
            "insert into $T values (900, 'q')",
            "insert into $T values (901, 'q')",
            remove_log_before_checkpoint,
        ),
    ),
    Recipe(
        "change_data_feed",
        (
            _made("id bigint, name string", f"'delta.enableChangeDataFeed'='true', {_NO_DV}"),
            f"insert into $T {_NAMED.format(n=50)}",
            "update $T set name = 'u' where id % 5 = 0",
            "delete from $T where id % 7 = 0",
            "merge into $T t using (select id + 45 id, 'm' name from range(10)) s on t.id = s.id "
            "when matched then update set * when not matched then insert *",
        ),
    ),
    Recipe(
        "timestamp_ntz_and_years",
        (
            _made("id bigint, t timestamp_ntz, u timestamp, d date", _NO_DV),
            "insert into $T select id, timestamp_ntz'2026-03-29 02:30:00.123456' + make_interval(0, 0, 0, 0, "
            "cast(id as int)), timestamp'2026-03-29 02:30:00.123456', date'1500-01-01' from range(0, 20, 1, 1)",
            "insert into $T values (50, timestamp_ntz'0001-01-01 00:00:00', timestamp'1582-10-04 00:00:00', "
            "date'0001-01-01'), (51, timestamp_ntz'9999-12-31 23:59:59.999999', "
            "timestamp'9999-12-31 23:59:59.999999', date'9999-12-31')",
        ),
    ),
    Recipe("generated_and_identity", (_generated, "delete from $T where id < 3")),
    Recipe(
        "variant",
        (
            _made("id bigint, v variant", _NO_DV),
            "insert into $T select id, parse_json(concat('{\"a\":', id, '}')) from range(0, 20, 1, 1)",
            "delete from $T where id < 3",
        ),
        skipped=("v",),
        read_as="id, to_json(v) v",
    ),
)
"""The tables that every run of the tests makes."""

RARE = (
    Recipe(
        "deletion_vectors_merge",
        (
            _of(rows(), _DV),
            "merge into $T t using (select id + 95 id, 'm' name, 1.0D x, timestamp'2026-06-01 00:00:00' ts "
            "from range(10)) s on t.id = s.id when matched and s.id % 2 = 0 then delete "
            "when matched then update set * when not matched then insert *",
        ),
    ),
    Recipe("column_mapping_swapped", (_of(_AB, f"{_BY_NAME}, {_NO_DV}"), *_SWAPPED)),
    Recipe(
        "column_mapping_enabled_later_and_swapped",
        (_of(_AB, _NO_DV), "alter table $T set tblproperties ('delta.columnMapping.mode'='name')", *_SWAPPED),
    ),
    Recipe("deletion_vectors_many", (_of(rows(200_000), _DV), "delete from $T where id % 2 = 1")),
    Recipe(
        "deletion_vectors_dropped",
        (_of(rows(), _DV), "delete from $T where id % 10 = 3", "alter table $T drop feature deletionVectors"),
    ),
    Recipe(
        "type_widening_of_dates",
        (
            _made(
                "id bigint, a date, b int",
                f"'delta.enableTypeWidening'='true', 'delta.feature.timestampNtz'='supported', {_NO_DV}",
            ),
            "insert into $T select id, date'2026-01-01' + cast(id as int), id from range(0, 20, 1, 1)",
            "alter table $T change column a type timestamp_ntz",
            "insert into $T values (100, timestamp_ntz'2026-05-05 05:05:05.123456', 1)",
        ),
        refused="typeWidening",
    ),
    Recipe(
        "clustered",
        (
            _made("id bigint, name string", _NO_DV, "cluster by (id)"),
            f"insert into $T {_NAMED.format(n=100)}",
            "optimize $T",
            "delete from $T where id < 5",
        ),
    ),
    Recipe(
        "clustered_deletion_vectors",
        (
            _made("id bigint, name string", _DV, "cluster by (id)"),
            f"insert into $T {_NAMED.format(n=100)}",
            "delete from $T where id < 5",
        ),
    ),
    Recipe(
        "v1_checkpoint_log_removed",
        (
            _made("id bigint, name string", f"'delta.checkpointInterval'='2', {_NO_DV}"),
            *_ten_at_a_time(4),
            "delete from $T where id in (3, 13)",
            "insert into $T values (900, 'q')",
            "insert into $T values (901, 'q')",
            remove_log_before_checkpoint,
        ),
    ),
    Recipe(
        "defaults_and_constraints",
        (
            _made(
                "id bigint, name string default 'dflt'", f"'delta.feature.allowColumnDefaults'='supported', {_NO_DV}"
            ),
            "alter table $T add constraint positive check (id >= 0)",
            "insert into $T (id) values (1), (2)",
            "alter table $T alter column name set default 'other'",
            "insert into $T (id) values (3)",
        ),
    ),
    Recipe(
        "row_tracking",
        (
            _made("id bigint, name string", f"'delta.enableRowTracking'='true', {_DV}"),
            f"insert into $T {_NAMED.format(n=50)}",
            "update $T set name = 'u' where id % 5 = 0",
            "delete from $T where id % 7 = 0",
            "optimize $T",
        ),
    ),
    Recipe(
        "in_commit_timestamps",
        (
            _made("id bigint, name string", f"'delta.enableInCommitTimestamps'='true', {_NO_DV}"),
            f"insert into $T {_NAMED.format(n=50)}",
            "delete from $T where id % 7 = 0",
        ),
    ),
    Recipe(
        "nested",
        (
            _made(
                "id bigint, s struct<a:int,b:struct<c:string>>, arr array<struct<k:string,v:int>>, m map<string,int>",
                _NO_DV,
            ),
            _NESTED,
            "insert into $T values (100, null, null, null), (101, named_struct('a', null, 'b', null), array(), map())",
        ),
    ),
    Recipe(
        "nested_column_mapping",
        (
            _made(
                "id bigint, s struct<a:int,b:struct<c:string>>, arr array<struct<k:string,v:int>>, m map<string,int>",
                f"{_BY_NAME}, {_NO_DV}",
            ),
            _NESTED,
            "alter table $T rename column s.b.c to cc",
            "alter table $T rename column arr.element.k to kk",
            "delete from $T where id < 3",
        ),
    ),
    Recipe(
        "columns_added_and_reordered",
        (
            _of("select id from range(0, 10, 1, 1)", _NO_DV),
            "alter table $T add columns (name string first, n int)",
            "insert into $T values ('a', 100, 5)",
            "alter table $T alter column n first",
        ),
    ),
    Recipe(
        "types",
        (
            _made(
                "id bigint, d38 decimal(38,10), d12 decimal(12,2), bin binary, bl boolean, ti tinyint, si smallint, "
                "f float",
                _NO_DV,
            ),
            "insert into $T values (1, 1234567890123456789012345678.1234567891, 9999999999.99, X'00FF', true, -128, "
            "-32768, 0.1), (2, null, null, null, null, null, null, null), (9223372036854775807, -0.0000000001, "
            "-1.01, X'', false, 127, 32767, cast('nan' as float)), (4, 0, 0.07, X'01', true, 0, 0, "
            "cast('-infinity' as float))",
            "delete from $T where id = 4",
        ),
    ),
    Recipe(
        "change_data_feed_deletion_vectors",
        (
            _made("id bigint, name string", f"'delta.enableChangeDataFeed'='true', {_DV}"),
            f"insert into $T {_NAMED.format(n=50)}",
            "update $T set name = 'u' where id % 5 = 0",
            "delete from $T where id % 7 = 0",
        ),
    ),
    Recipe(
        "restored",
        (
            _of(rows(), _DV),
            "delete from $T where id % 10 = 3",
            "restore table $T to version as of 0",
            "delete from $T where id = 50",
        ),
    ),
    Recipe(
        "checkpoint_protection",
        (
            _of(rows(), f"{_DV}, 'delta.feature.checkpointProtection'='supported'"),
            "delete from $T where id = 50",
        ),
    ),
)
"""The tables of rarer features and of pairs of features."""
