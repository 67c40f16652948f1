"""Topics whose records name those they were made of: what must be declared, and single records read again."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.stages.kafka import KafkaTopic
from pipeline_checks.stages.topic_originals import originals
from pipeline_checks.verification.letters import reason_of

HEADERS = {"part": "int64", "off": "int64", "from_topic": "string"}


def declared(links: dict[str, Any] | None, headers: dict[str, str] = HEADERS) -> KafkaTopic:
    return KafkaTopic.model_validate({"name": "made", "brokers": "b", "topic": "t", "headers": headers, "links": links})


def test_links_name_headers_of_the_right_types() -> None:
    assert declared({"partition": "part", "offset": "off", "topic": "from_topic"}).links is not None
    assert declared(None).links is None
    for links, headers, message in (
        ({"partition": "part", "offset": "absent"}, HEADERS, "'absent'"),
        ({"partition": "part", "offset": "off"}, {**HEADERS, "off": "string"}, "integer type"),
        ({"partition": "part", "offset": "off", "topic": "absent"}, HEADERS, "not among headers"),
        ({"partition": "part", "offset": "off", "more": "x"}, HEADERS, "more"),
    ):
        with pytest.raises(ValidationError, match=message):
            declared(links, headers)


class Log:
    """A topic of one partition that remembers what was read of it."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high
        self.read: list[tuple[dict[int, int], dict[int, int]]] = []

    def watermarks(self) -> tuple[dict[int, int], dict[int, int]]:
        return {0: self._low}, {0: self._high}

    def records(self, begin: dict[int, int], end: dict[int, int]) -> Any:
        self.read.append((begin, end))
        yield [Record(o) for o in range(begin[0], end[0])]


class Record:
    """A record by its offset."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"%d" % self._offset


def test_single_records_are_read_in_as_few_stretches_as_make_sense() -> None:
    log: Any = Log(10, 5000)
    found = originals(log, [(0, 5), (0, 12), (0, 100), (0, 4000), (0, 9999), (1, 3)])
    assert {place: record.value for place, record in found.items()} == {
        (0, 12): b"12",
        (0, 100): b"100",
        (0, 4000): b"4000",
    }
    assert log.read == [({0: 12}, {0: 101}), ({0: 4000}, {0: 4001})]


def test_why_a_value_is_no_message_is_told() -> None:
    values = [None, b"\xff", b"{", b"3", b"[]", b"{}"]
    wanted = ["null_value", "not_utf8", "not_json", "not_object", "not_object", None]
    assert [reason_of(v) for v in values] == wanted
