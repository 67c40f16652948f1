"""Faults of resources: a heap that is too small, a full disk, processors that others use."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from pipeline_checks.clients.lake import open_delta
from pipeline_checks.clients.settings import home, setting
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.pipelines.sales.flow.tables import DELTA
from pipeline_checks.pipelines.sales.scenarios.errors.load import send
from pipeline_checks.pipelines.sales.scenarios.errors.model import ErrorScenario, Scene
from pipeline_checks.pipelines.sales.scenarios.errors.programs import Program
from pipeline_checks.pipelines.sales.scenarios.errors.services import stop, up
from pipeline_checks.pipelines.sales.scenarios.words import ETL

_HEAP = "128m"
_DISK = 1 << 19
"""Bytes of the small file system."""
_LEFT = 96 << 10
"""Bytes of it that are left."""
_ENDS_SECONDS = 400.0
"""Spark alone may take minutes to start on a machine that others use."""
_BUSY_SECONDS = 2.0
_BUSY_PERCENT = 90.0


def resources() -> Iterator[ErrorScenario]:
    """Yield the scenarios."""
    yield ErrorScenario(
        "memory_exhaustion",
        f"Spark has a heap of {_HEAP}: it ends with an error and writes nothing",
        "resource_exhaustion", "spark", "heap", "fail_fast", "manual", 120,
        inject=_small_heap,
        probe=_ended_cleanly,
        under_load=False,
    )  # fmt: skip
    yield ErrorScenario(
        "disk_space_exhaustion",
        "The disk of the tables is full: the ETL ends with an error, and every version of a table is whole",
        "resource_exhaustion", "storage", "disk", "fail_fast", "manual", 120,
        inject=_full_disk,
        probe=_is_full,
        under_load=False,
    )  # fmt: skip
    yield ErrorScenario(
        "cpu_exhaustion",
        "Others use all processors while lines flow",
        "resource_exhaustion", "spark", "cpu", "degrade_gracefully", "automatic", 180,
        inject=_busy,
        probe=_is_busy,
    )  # fmt: skip


def _versions(folder: Path) -> dict[str, int]:
    """The version of each table that has one: of a table that could not be made only a folder is left."""
    there = [name for name in DELTA if any((folder / name / "_delta_log").glob("*.json"))]
    return {name: open_delta(str(folder / name)).version() for name in there}


def _delta() -> Path:
    return Path(setting("SALES_DELTA_PATH"))


def _waiting(scene: Scene) -> None:
    """Stop the ETL, and send lines that nobody takes."""
    scene.repairs.append(lambda: up(scene))
    stop(ETL)
    done = send(scene.path)
    if done.returncode != 0:
        raise TransientError(f"the lines were not sent: {done.stderr[-300:]}", next_step="See that Kafka runs.")


def _small_heap(scene: Scene) -> None:
    _waiting(scene)
    scene.facts["versions"] = _versions(_delta())
    program = Program.start("etl", "--once", SPARK_DRIVER_MEMORY=_HEAP)
    scene.repairs.append(program.end)
    begun = monotonic()
    scene.facts["code"] = program.wait(_ENDS_SECONDS)
    scene.facts["seconds"], scene.facts["said"] = monotonic() - begun, program.said()


def _ended_cleanly(scene: Scene) -> str:
    said, code = scene.facts["said"], scene.facts["code"]
    if code == 0 or not any(word in said for word in ("memory", "Memory", "heap")):
        raise TerminalError(f"it did not end for its memory: {code}, {said[-300:]}", next_step="Give it less.")
    if _versions(_delta()) != scene.facts["versions"]:
        raise TerminalError("something was written.", next_step="Look at the tables.")
    return f"ended with {code} after {scene.facts['seconds']:.1f} s for its memory, nothing written"


def _full_disk(scene: Scene) -> None:
    """Run the ETL on a small file system of its own, from the first record on: its tables begin there."""
    _waiting(scene)
    place, checkpoint = home() / "small_disk", home() / "checkpoints" / "small_disk"
    place.mkdir(parents=True, exist_ok=True)
    _mount(place)
    scene.repairs.append(lambda: _unmount(place))
    scene.repairs.append(lambda: shutil.rmtree(checkpoint, ignore_errors=True))
    scene.facts |= {"place": place, "versions": _versions(_delta())}
    free = shutil.disk_usage(place).free
    (place / "filler").write_bytes(os.urandom(free - _LEFT))
    program = Program.start("etl", "--once", "--delta-path", str(place), "--checkpoint", str(checkpoint))
    scene.repairs.append(program.end)
    scene.facts["code"], scene.facts["said"] = program.wait(_ENDS_SECONDS), program.said()


def _mount(place: Path) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise TerminalError(
            f"a small file system could not be made: {done.stderr.strip()}", next_step="Run it as one who may mount."
        )


def _unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


def _is_full(scene: Scene) -> str:
    place, code, said = scene.facts["place"], scene.facts["code"], scene.facts["said"]
    if code == 0 or "No space left" not in said:
        raise TerminalError(f"the disk was not too small: {code}, {said[-300:]}", next_step="Leave less of it.")
    wrong = [name for name in _versions(place) if not _is_whole(place / name)]
    if wrong or _versions(_delta()) != scene.facts["versions"]:
        raise TerminalError(f"not whole: {', '.join(wrong) or 'the tables of the stack'}.", next_step="Look at them.")
    return f"{shutil.disk_usage(place).free:,} bytes free, ended with {code}, every version is whole"


def _is_whole(table: Path) -> bool:
    """Whether every file that the newest version names is there with all its rows."""
    import pyarrow as pa

    opened = open_delta(str(table))
    told: Any = pa.table(opened.get_add_actions())
    rows = sum(told.column("num_records").to_pylist()) if told.num_rows else 0
    return bool(rows == sum(batch.num_rows for batch in pa.RecordBatchReader.from_stream(opened.scan())))


def _busy(scene: Scene) -> None:
    burners = [
        multiprocessing.get_context("spawn").Process(target=_burn, daemon=True)
        for _ in range(2 * (os.cpu_count() or 1))
    ]

    def end() -> None:
        for burner in burners:
            burner.kill()
            burner.join()

    scene.repairs.append(end)
    for burner in burners:
        burner.start()
    scene.facts["burners"] = [psutil.Process(b.pid) for b in burners if b.pid]


def _burn() -> None:
    while True:
        sum(range(10_000))


def _is_busy(scene: Scene) -> str:
    psutil.cpu_percent()
    percent = psutil.cpu_percent(_BUSY_SECONDS)
    alive = [p for p in scene.facts["burners"] if p.is_running()]
    if percent < _BUSY_PERCENT or len(alive) < len(scene.facts["burners"]):
        raise TerminalError(f"the processors are only {percent:.0f} % busy.", next_step="Use more processes.")
    return f"processors {percent:.0f} % busy by {len(alive)} others"
