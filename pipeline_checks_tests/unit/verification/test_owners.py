"""Owners: who answers for a stage, and what is no owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP, line_of, load


def owned(pipeline: str, stage: str = "") -> str:
    text = SHOP
    for place, indent, owners in (("  name: shop\n", "  ", pipeline), ("    - name: lake\n", "      ", stage)):
        if owners:
            text = text.replace(place, f"{place}{indent}owners: {owners}\n")
    return text


def test_a_stage_is_owned_by_those_it_names_else_by_those_of_the_pipeline(tmp_path: Path) -> None:
    pipeline = load(tmp_path, owned("[team:data, ann@shop.example, team:data]", "team:lake"))
    assert {s.name: pipeline.owners_of(s) for s in pipeline.stages} == {
        "source": ("team:data", "ann@shop.example"), "lake": ("team:lake",)
    }  # fmt: skip
    assert load(tmp_path, SHOP).owners == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (owned("ann"), "owners: ann"),
        (owned("", "'team:'"), "owners: 'team:'"),
        (owned("[a@b.de, 5]"), "owners: [a@b.de, 5]"),
    ],
)
def test_what_is_no_owner_is_refused_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        load(tmp_path, text)
    assert f":{line_of(text, place)}" in str(told.value)
    assert "owners" in str(told.value)
