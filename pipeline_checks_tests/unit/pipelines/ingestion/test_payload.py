"""The records that are put into the source: what each holds follows from its number."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from pipeline_checks.pipelines.ingestion.flow.payload import BASE_FIELDS, EVOLVED_FIELDS, batch, batch_key


def rows(first: int, last: int, *, evolved: bool = False) -> list[dict[str, Any]]:
    return [json.loads(line) for f in range(first, last) for line in batch(f, 1000, evolved=evolved).splitlines()]


@pytest.mark.parametrize(
    ("first", "last", "count", "ids", "values"),
    [
        (0, 3, 3000, 4_498_500, 47_234_250.0),
        (3, 5, 2000, 7_999_000, 83_989_500.0),
        (0, 5, 5000, 12_497_500, 131_223_750.0),
    ],
)
def test_numbers_and_sums(first: int, last: int, count: int, ids: int, values: float) -> None:
    found = rows(first, last)
    assert (len(found), sum(r["id"] for r in found), sum(r["value"] for r in found)) == (count, ids, values)
    assert set(Counter(r["event_type"] for r in found).values()) == {count // 4}
    assert len({r["user_id"] for r in found}) == 100


def test_what_evolved_records_have_besides() -> None:
    assert tuple(rows(0, 1)[0]) == BASE_FIELDS
    found = rows(3, 5, evolved=True)
    assert tuple(found[0]) == EVOLVED_FIELDS
    assert Counter(r["region"] for r in found) == dict.fromkeys(
        ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"), 500
    )
    assert sorted(Counter(r["metadata"]["browser"] for r in found).values()) == [666, 667, 667]


def test_equal_numbers_give_equal_bytes_without_a_line_end_behind_the_last() -> None:
    assert batch(4, 10) == batch(4, 10)
    assert not batch(0, 2).endswith(b"\n")
    assert batch(1, 2).startswith(b'{"id": 2, "timestamp": "2025-01-01T00:00:00.002+00:00", "user_id": "user-2"')
    assert batch_key(3) == "data/batch_3.json"
