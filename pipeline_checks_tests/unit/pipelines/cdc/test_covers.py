"""What commits say they cover."""

import pytest

from pipeline_checks.pipelines.cdc.flow import covers


def test_idle_partitions_are_carried_forward_and_none_goes_back() -> None:
    assert covers.advanced({0: 5, 1: 7, 2: 0}, {0: 9, 1: 3}) == {0: 9, 1: 7, 2: 0}


def test_records_below_the_covers_are_old() -> None:
    assert not covers.is_new({0: 5}, 0, 4)
    assert covers.is_new({0: 5}, 0, 5)
    assert covers.is_new({0: 5}, 1, 0)


def test_covers_are_read_back_from_both_forms() -> None:
    said = {"debezium.public.orders": {0: 12, 1: 3, 2: 7}}
    assert covers.from_text(covers.to_text(said)) == said
    assert covers.from_metadata(covers.metadata(said)) == said
    assert covers.metadata(said, "compaction").endswith(',"maintenance":"compaction"}')


@pytest.mark.parametrize("text", [None, "", "no json", "[]", "1", '{"covers": 3}', '{"covers": {"t": []}}', "{}"])
def test_what_says_nothing_is_none(text: str | None) -> None:
    assert covers.from_metadata(text) is None


def test_the_newest_commit_that_says_something_counts() -> None:
    texts = ["{}", covers.metadata({"t": {0: 2}}), covers.metadata({"t": {0: 1}})]
    assert covers.newest(texts) == {"t": {0: 2}}
    assert covers.newest(["{}", None]) is None
