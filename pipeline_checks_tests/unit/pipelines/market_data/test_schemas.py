"""The minimal registry: subjects, versions, ids, what fits what, and its answers to what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.pipelines.market_data.flow.avro import shipped_schema
from pipeline_checks.pipelines.market_data.flow.registering.schemas import Refused, Schemas

SUBJECT = "trades-value"


def changed(*, added: Any = None, removed: str = "") -> str:
    """Return the shipped schema with a field added or removed."""
    document = json.loads(shipped_schema())
    document["fields"] = [f for f in document["fields"] if f["name"] != removed] + ([added] if added else [])
    return json.dumps(document)


OPTIONAL = {"name": "venue", "type": ["null", "string"], "default": None}


def refused(work: Any, *arguments: Any) -> tuple[int, int]:
    """Return status and code with which something is refused."""
    with pytest.raises(Refused) as problem:
        work(*arguments)
    return problem.value.status, problem.value.code


def test_a_schema_has_one_id_and_each_change_a_version(tmp_path: Path) -> None:
    file = tmp_path / "schemas.json"
    schemas = Schemas(file)
    assert schemas.register(SUBJECT, shipped_schema()) == schemas.register(SUBJECT, shipped_schema()) == 1
    assert schemas.register("other", shipped_schema()) == 1
    assert schemas.register(SUBJECT, changed(added=OPTIONAL)) == 2
    again = Schemas(file)
    assert again.versions(SUBJECT) == [1, 2] and again.subjects() == ["other", SUBJECT]
    assert again.version(SUBJECT, "latest")[:2] == (2, 2) and again.find(SUBJECT, shipped_schema())[:2] == (1, 1)
    assert again.uses(1) == [(SUBJECT, 1), ("other", 1)]
    assert again.remove("other") == [1] and again.text(1) == shipped_schema()
    assert again.remove_version(SUBJECT, "2") == 2 and again.versions(SUBJECT) == [1]
    assert again.register(SUBJECT, changed(added=OPTIONAL)) == 2 and again.versions(SUBJECT) == [1, 3]


@pytest.mark.parametrize(
    ("level", "fits"),
    [
        ("BACKWARD", {"optional": True, "required": False, "removed": True}),
        ("FORWARD", {"optional": True, "required": True, "removed": False}),
        ("FULL", {"optional": True, "required": False, "removed": False}),
        ("NONE", {"optional": True, "required": True, "removed": True}),
    ],
)
def test_what_fits_is_decided_by_the_level(level: str, fits: dict[str, bool]) -> None:
    changes = {
        "optional": changed(added=OPTIONAL),
        "required": changed(added={"name": "venue", "type": "string"}),
        "removed": changed(removed="currency"),
    }
    schemas = Schemas(None)
    schemas.set_level(SUBJECT, level)
    schemas.register(SUBJECT, shipped_schema())
    assert {name: not schemas.problems(SUBJECT, text) for name, text in changes.items()} == fits
    for name, text in changes.items():
        if not fits[name]:
            assert refused(schemas.register, SUBJECT, text) == (409, 409)
            assert "venue" in schemas.problems(SUBJECT, text)[0] or "currency" in schemas.problems(SUBJECT, text)[0]


def test_transitive_levels_look_at_all_versions() -> None:
    schemas = Schemas(None)
    schemas.set_level(SUBJECT, "NONE")
    for text in (shipped_schema(), changed(removed="currency")):
        schemas.register(SUBJECT, text)
    wanted = changed(removed="currency", added={"name": "symbol2", "type": "string", "default": ""})
    schemas.set_level(SUBJECT, "FORWARD")
    assert not schemas.problems(SUBJECT, wanted)
    schemas.set_level(SUBJECT, "FORWARD_TRANSITIVE")
    assert schemas.problems(SUBJECT, wanted)
    assert schemas.forget_level(SUBJECT) == "FORWARD_TRANSITIVE" and schemas.level_of(SUBJECT) is None


def test_what_is_not_there_is_refused_with_its_code() -> None:
    schemas = Schemas(None)
    schemas.register(SUBJECT, shipped_schema())
    assert refused(schemas.versions, "nothing") == (404, 40401)
    assert refused(schemas.version, SUBJECT, "9") == (404, 40402)
    assert refused(schemas.text, 9) == (404, 40403)
    assert refused(schemas.find, SUBJECT, changed(removed="side")) == (404, 40403)
    assert refused(schemas.register, SUBJECT, "{}") == (422, 42201)
    assert refused(schemas.version, SUBJECT, "first") == (422, 42202)
    assert refused(schemas.set_level, SUBJECT, "SIDEWAYS") == (422, 42203)
    assert refused(schemas.forget_level, SUBJECT) == (404, 40408)
