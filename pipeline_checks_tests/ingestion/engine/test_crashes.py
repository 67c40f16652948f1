"""The engine ends at each step of a load: what runs next loads what is missing, and no row twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine import engine as engine_module
from pipeline_checks.pipelines.ingestion.flow.engine import writing
from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.flow.engine.table_state import read_metadata
from pipeline_checks.pipelines.ingestion.flow.engine.writing import Writer
from pipeline_checks.pipelines.ingestion.services import CATALOG
from pipeline_checks_tests.ingestion.engine.loading import Loading


class Killed(BaseException):
    """The process has ended here: nothing behind this point runs."""


def another(loading: Loading) -> Engine:
    """Return the engine of the process that is started next."""
    settings = loading.place.settings
    warehouses = {CATALOG: settings["INGESTION_WAREHOUSE"]}
    return Engine(settings["INGESTION_SPARK_CONNECT_URL"], loading.place.store, warehouses)


def dies(step: Callable[..., Any], *, behind: bool, at: int) -> Callable[..., Any]:
    """Return a step that ends the process when it is called for the ``at``-th time, before or behind its work."""
    calls = 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at and not behind:
            raise Killed
        done = step(*arguments, **named)
        if calls == at:
            raise Killed
        return done

    return dying


def whole(loading: Loading, files: int, count: int) -> None:
    """Assert that the table has every row once and nothing that was staged and not published."""
    rows = files * count
    assert loading.row("count(*)", "count(DISTINCT id)", "sum(id)") == (rows, rows, rows * (rows - 1) // 2)
    state = loading.state
    assert (len(state.loads), state.records) == (files, rows)
    metadata = read_metadata(loading.place.client, state.location)
    assert metadata is not None
    assert dict(metadata.staged) == {}


STEPS: dict[str, tuple[Any, str, bool, int]] = {
    "the table is made": (engine_module, "create_table", True, 1),
    "a file is about to be written": (Writer, "_stage", False, 2),
    "a file is staged": (Writer, "_stage", True, 2),
    "what is staged was looked at": (Writer, "check", True, 2),
    "a file is published": (Writer, "_publish", True, 2),
}


ALWAYS = ("the table is made", "a file is staged", "a file is published")
"""The steps of every run; `make soak` takes them all."""


@pytest.mark.parametrize("step", [s if s in ALWAYS else pytest.param(s, marks=pytest.mark.soak) for s in STEPS])
def test_an_end_at_any_step_neither_loses_nor_doubles_a_row(
    loading: Loading, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    loading.place.put_batches(0, 1, 2, count=20)
    place, name, behind, at = STEPS[step]
    with monkeypatch.context() as patched:
        patched.setattr(place, name, dies(getattr(place, name), behind=behind, at=at))
        with pytest.raises(Killed):
            loading.run()
    with another(loading) as loading.engine:
        assert loading.run().words == {}
        loading.run()
        whole(loading, 3, 20)


def test_one_that_was_thought_dead_and_goes_on_does_not_load_a_file_again(
    loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading.place.put_batches(0, count=20)
    check = Writer.check
    first = [True]

    def paused(self: Writer, write: writing.Write, summary: Any) -> None:
        check(self, write, summary)
        if first.pop() if first else False:
            with another(loading) as other:
                plan = other.plan(loading.job(), [write.file])
                assert not other.load_file(plan, write.file).already_written

    monkeypatch.setattr(Writer, "check", paused)
    run = loading.run()
    assert run.words == {}
    whole(loading, 1, 20)
    assert run.loaded["batch_0.json"].snapshot_id == loading.state.snapshot_id


def killed_process(loading: Loading, when: Callable[[subprocess.Popen[str]], None]) -> None:
    """Load in a process of its own and kill that, without a word, ``when`` has returned."""
    environment = {
        **os.environ,
        **loading.place.settings,
        "LOAD_PATH": loading.place.path,
        "LOAD_TABLE": loading.place.name,
    }
    program = [sys.executable, "-m", "pipeline_checks_tests.ingestion.engine.crashing"]
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as process:
        when(process)
        process.kill()


def test_a_process_that_is_killed_amid_a_run(loading: Loading) -> None:
    loading.place.put_batches(*range(4), count=20)

    def second_file(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("batch_0.json\n")

    killed_process(loading, second_file)
    # What the dead one had begun may still be staged behind its back: the next plan and the one after it see to that.
    assert loading.run().words == {}
    loading.run()
    whole(loading, 4, 20)


@pytest.mark.soak
def test_twenty_random_kills_lose_and_double_nothing(loading: Loading) -> None:
    chosen = random.Random(7)
    files = 60
    loading.place.put_batches(*range(files), count=50)

    def a_while(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        lines = chosen.randrange(1, 4)
        state = loading.engine.table_state(loading.table)
        loaded = len(state.loads) if state is not None else 0
        for _ in range(loaded + lines):
            process.stdout.readline()
        try:
            process.wait(chosen.random() * 1.5)
        except subprocess.TimeoutExpired:
            return

    for _ in range(20):
        killed_process(loading, a_while)
    assert loading.run().words == {}
    loading.run()
    whole(loading, files, 50)
