"""Which stages are looked at because another one moved."""

from __future__ import annotations

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import KINDS
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.watch.graph import carried_by, next_behind
from pipeline_checks.verification.watch.kinds import CARRIED_KINDS, WATCHES


def test_every_kind_of_stage_is_watched_by_one_watch_or_carried() -> None:
    watched = [kind for kinds in WATCHES.values() for kind in kinds]
    assert sorted([*watched, *CARRIED_KINDS]) == sorted(KINDS)


def stage(name: str, *above: str, kind: str = "delta_table") -> StageDeclaration:
    return StageDeclaration(name=name, kind=kind, **{"from": above})


def test_views_are_carried_by_what_they_are_made_from_and_others_are_not() -> None:
    stages = (stage("a"), stage("view", "a"), stage("view_of_view", "view"), stage("table", "a"), stage("other"))
    pipeline = Pipeline(name="p", stages=stages)
    found = [s.name for s in carried_by(pipeline, pipeline.stage("a"), {"view", "view_of_view", "other"})]
    assert found == ["view", "view_of_view"]


def test_what_has_no_rows_is_passed_on_the_way_to_what_has_to_move() -> None:
    cdc = load_pipeline("cdc")
    behind = {s.name for s in next_behind(cdc, cdc.stage("pg_customers"))}
    assert "topic_customers" in behind
    assert "connector" not in behind
    assert "delta_customers" not in behind
    behind = {s.name for s in next_behind(cdc, cdc.stage("topic_customers"))}
    assert {"delta_customers", "iceberg_customers"} <= behind
    assert "topic_customers" not in behind
