"""A variable that is not set is said once, with the fields that name it."""

from __future__ import annotations

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.environment import require_environment

SOURCE = declaration_class("postgres_table").model_validate(
    {"name": "source", "kind": "postgres_table", "connection": {"url": {"env": "NO_SUCH_URL"}}, "table": "public.t"}
)
TABLE = declaration_class("delta_table").model_validate(
    {"name": "table", "kind": "delta_table", "from": "source", "path": {"env": "SOME_PATH"}}
)
PIPELINE = Pipeline(name="shop", stages=(SOURCE, TABLE))


def test_what_is_not_set_is_named_with_stage_and_field_also_of_a_stage_upstream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_PATH", "/somewhere")
    with pytest.raises(ConfigurationError, match=r"NO_SUCH_URL \(source.connection.url\)") as caught:
        require_environment(PIPELINE, [TABLE])
    assert caught.value.data["variables"] == ["NO_SUCH_URL"]
    assert "pipeline-checks up shop" in caught.value.next_step


def test_nothing_is_said_when_everything_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PATH", "/somewhere")
    monkeypatch.setenv("NO_SUCH_URL", "postgresql://nobody@127.0.0.1/none")
    require_environment(PIPELINE, [SOURCE, TABLE])
