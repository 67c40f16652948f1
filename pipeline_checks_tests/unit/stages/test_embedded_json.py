"""Documents with an embedded schema are parsed alike, whether their schema was met before or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_checks.stages.embedded_json import EmbeddedJson

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)
schemas = st.sampled_from([{"a": 1}, {"b": '"payload":'}, {"payload": {"payload": 0}}, None])


@given(st.lists(st.tuples(schemas, values), max_size=8))
def test_every_document_is_parsed_as_a_plain_parser_does(documents: list[tuple[Any, Any]]) -> None:
    parser = EmbeddedJson()
    for schema, payload in documents:
        text = json.dumps({"schema": schema, "payload": payload}, separators=(",", ":")).encode()
        assert parser.parse(text) == (schema, payload)


def test_the_schema_of_the_same_bytes_is_the_same_object() -> None:
    parser = EmbeddedJson()
    first, second = (parser.parse(b'{"schema":{"a":1},"payload":%d}' % i)[0] for i in (1, 2))
    assert first is second


@pytest.mark.parametrize(
    "text", [b'{"schema":{"a":1},"payload":1,"more":2}', b'{"payload":1,"schema":{"a":1}}', b'{"x":1}']
)
def test_other_orders_and_further_fields_are_not_mistaken(text: bytes) -> None:
    parser = EmbeddedJson()
    parser.parse(b'{"schema":{"a":1},"payload":1}')
    document = json.loads(text)
    whole = document.keys() == {"schema", "payload"}
    assert parser.parse(text) == ((document["schema"], document["payload"]) if whole else (None, document))


def test_what_is_no_json_is_refused_also_behind_a_known_schema() -> None:
    parser = EmbeddedJson()
    parser.parse(b'{"schema":{"a":1},"payload":1}')
    with pytest.raises(ValueError):
        parser.parse(b'{"schema":{"a":1},"payload":}')
