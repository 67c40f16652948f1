"""What a table's metadata document says: columns, lineage, loads, and what was staged and never published."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.model import Table
from pipeline_checks.pipelines.ingestion.flow.engine.table_state import location_of, parse_metadata

FIELDS = [
    {"id": 1, "name": "id", "required": False, "type": "long"},
    {
        "id": 2,
        "name": "m",
        "required": False,
        "type": {
            "type": "struct",
            "fields": [
                {
                    "id": 3,
                    "name": "tags",
                    "required": False,
                    "type": {"type": "list", "element-id": 4, "element-required": False, "element": "string"},
                },
                {"id": 5, "name": "at", "required": False, "type": "timestamptz"},
                {"id": 6, "name": "d", "required": False, "type": "decimal(9, 2)"},
            ],
        },
    },
]


def snapshot(number: int, parent: int | None, **summary: str) -> dict[str, Any]:
    told = {name.replace("_", "-"): value for name, value in summary.items()}
    if "wap-id" in told:
        told["wap.id"] = told.pop("wap-id")
    own = {"snapshot-id": number, "timestamp-ms": 1_767_225_600_000 + number, "summary": told}
    return own if parent is None else {**own, "parent-snapshot-id": parent}


def loaded(name: str, **more: str) -> dict[str, str]:
    return {
        "source_path": f"s3://b/{name}",
        "source_etag": "e",
        "source_size": "7",
        "added_records": "3",
        "added_files_size": "99",
        "total_records": "6",
        **more,
    }


def document(current: int | None, *snapshots: dict[str, Any], **refs: int) -> dict[str, Any]:
    return {
        "table-uuid": "u",
        "location": "s3a://w/db/t",
        "current-schema-id": 0,
        "schemas": [{"schema-id": 0, "type": "struct", "fields": FIELDS}],
        "current-snapshot-id": current,
        "snapshots": list(snapshots),
        "refs": {name: {"snapshot-id": number, "type": "branch"} for name, number in refs.items()},
    }


def test_columns_are_told_as_spark_names_them() -> None:
    found = parse_metadata(document(None), "s3://w/v1.metadata.json").state
    assert {c.name: c.data_type for c in found.columns} == {
        "id": "bigint",
        "m": "struct<tags:array<string>,at:timestamp,d:decimal(9,2)>",
    }
    assert (found.snapshot_id, found.records, found.loads) == (None, 0, {})
    assert parse_metadata(document(-1), "s3://w").state.snapshot_id is None


def test_only_what_the_lineage_holds_was_loaded() -> None:
    found = parse_metadata(
        document(
            2,
            snapshot(1, None, **loaded("a", wap_id="w1")),
            snapshot(2, 1, **loaded("b", wap_id="w2")),
            snapshot(3, 1, **loaded("c", wap_id="w3")),
            main=2,
        ),
        "s3://w",
    )
    assert [key[0] for key in found.state.loads] == ["s3://b/a", "s3://b/b"]
    assert found.state.loads[("s3://b/a", "e", 7)].bytes_written == 99
    assert (found.state.records, dict(found.staged), found.parents[3]) == (6, {"w3": 3}, 1)


def test_a_load_that_was_replaced_says_so() -> None:
    found = parse_metadata(
        document(
            3, snapshot(1, None, **loaded("a")), snapshot(2, 1), snapshot(3, 2, **loaded("b", replaces_snapshot_id="1"))
        ),
        "s3://w",
    ).state
    assert [load.replaced for load in found.loads.values()] == [True, False]


def test_what_was_published_over_another_commit_is_known_by_what_was_staged() -> None:
    staged = snapshot(2, 1, **loaded("a", wap_id="w"))
    published = snapshot(4, 3, source_snapshot_id="2", added_records="3")
    found = parse_metadata(document(4, snapshot(1, None), staged, snapshot(3, 1), published, main=4), "s3://w").state
    assert found.loads[("s3://b/a", "e", 7)].snapshot_id == 4


def test_a_table_lies_in_the_warehouse_of_its_catalog() -> None:
    warehouses = {"c": "s3a://lake/w/"}
    assert location_of(Table("c", "db", "t"), warehouses) == "s3a://lake/w/db/t"
    with pytest.raises(EngineError, match="no catalog 'x'") as raised:
        location_of(Table("x", "db", "t"), warehouses)
    assert raised.value.stops_the_run
