"""How long a code location of a hundred pipelines of ten stages takes to load, against one of nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Figure

PIPELINES, STAGES, LIMIT, RUNS = 100, 10, 3.0, 3
BARE = "import dagster as dg\n\ndefs = dg.Definitions()\n"
OURS = """
import dagster as dg
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.orchestration.operations import build_operations
from pipeline_checks.verification.discovery import project_sources

pipelines = [source.build() for source in project_sources()]
defs = dg.Definitions.merge(*map(build_pipeline_definitions, pipelines), build_operations(pipelines))
"""
STAGE = """\
    - name: stage_{number}
      kind: delta_table
      path: /nowhere/{pipeline}/{number}
      {upstream}
      contract:
        key: [id]
        event_time: at
        columns: {{id: int64, at: timestamptz, name: {{type: string, nullable: false}}, sum: {{type: int64, min: 0}}}}
"""


def measure_loading() -> list[Figure]:
    """Return the ratio of the processor times of ``dagster definitions validate``."""
    with tempfile.TemporaryDirectory() as folder:
        bare, ours = Path(folder) / "bare", Path(folder) / "ours"
        for place, text in ((bare, BARE), (ours, OURS)):
            place.mkdir()
            (place / "location.py").write_text(text)
        for number in range(PIPELINES):
            place = ours / "defs" / f"pipeline_{number}"
            place.mkdir(parents=True)
            (place / "defs.yaml").write_text(_pipeline(number))
        pairs = [(_validated(ours), _validated(bare)) for _ in range(RUNS)]
    seconds, floor = min(a for a, _ in pairs), min(b for _, b in pairs)
    how = f"{seconds:.1f} CPU-s, {floor:.1f} for a location of nothing; dagster definitions validate"
    return [Figure(f"load {PIPELINES} pipelines x {STAGES} stages", seconds / floor, "x", LIMIT, detail=how)]


def _pipeline(number: int) -> str:
    stages = "".join(
        STAGE.format(number=n, pipeline=number, upstream=f"from: stage_{n - 1}" if n else "may_be_empty: true")
        for n in range(STAGES)
    )
    return f"type: pipeline_checks.VerifiedPipeline\nattributes:\n  name: pipeline_{number}\n  stages:\n{stages}"


def _validated(place: Path) -> float:
    """Validate a location and return the processor seconds of all processes that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(Path(sys.executable).with_name("dagster")), "definitions", "validate", "-f", "location.py"]
    environment = {**os.environ, "DAGSTER_HOME": ""}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stdout[-1000:] + done.stderr[-1000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
