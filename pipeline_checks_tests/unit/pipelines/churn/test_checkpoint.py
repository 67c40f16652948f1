"""The producer's checkpoint: written whole, read back, never guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.churn.flow.checkpoint import Checkpoint, load


def test_it_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint.json"
    assert load(path) is None
    at = Checkpoint("pass", 0, {"raw": {"0": 3, "1": 5}}).reached(40, {"raw": {"1": 9}, "other": {"0": 1}})
    assert at == Checkpoint("pass", 40, {"raw": {"0": 3, "1": 9}})
    at.save(path)
    assert load(path) == at
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.json"]
    assert json.loads(path.read_bytes())["timestamp"].endswith("Z")


def test_rows_that_are_not_acknowledged_keep_the_offsets_where_they_are() -> None:
    at = Checkpoint("pass", 0, {"raw": {"0": 3}}).reached(12)
    assert (at.next_row, at.offsets) == (12, {"raw": {"0": 3}})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"source_pass": "a", "next_row": "x", "offsets": {}}'])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="is not a checkpoint"):
        load(path)


def test_two_sendings_are_never_taken_for_one() -> None:
    assert Checkpoint().source_pass != Checkpoint().source_pass
