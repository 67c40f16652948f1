"""The house: each floor imports only from floors below it, rooms of one floor do not import each other, and more."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_checks_tests.syntax import PACKAGE, ROOT, Import, files, imports, room, tree

FLOORS = {
    "model": 0,
    "values": 1,
    "clients": 1,
    "stages": 2,
    "engines": 2,
    "checks": 2,
    "stack": 2,
    "verification": 3,
    "reports": 4,
    "faults": 4,
    "introspection": 4,
    "alerts": 5,
    "pipelines": 5,
    "scenarios": 6,
    "orchestration": 7,
    "cli": 7,
    "testing": 7,
}
EXCEPTIONS = {"__init__", "definitions"}
"""The two modules at the top of the package: what is public, and the code location."""

DRIVERS = {"psycopg", "confluent_kafka", "deltalake", "pyiceberg", "httpx", "pyspark", "fastapi", "uvicorn", "boto3"}
HEAVY = {*DRIVERS, "polars", "duckdb", "pyarrow", "pandas", "numpy", "dagster", "pandera", "supervisor", "jgo"}
MAX_LINES = 400

SLEEPS = {
    "pipeline_checks/model/clock.py": "the pause between two probes of a condition, which has a deadline",
}
"""Where a thread may pause, and why."""

READERS_OF_TIME = {
    "pipeline_checks/model/clock.py": "the clock itself",
}
"""Where the time may be read; flows use clocks of their own, as they know nothing of ours."""


def all_imports() -> list[Import]:
    return [one for file in files() for one in imports(file)]


def told(found: list[str]) -> str:
    return "\n  ".join(["", *found])


def test_every_room_has_its_floor() -> None:
    assert {room(f) for f in files()} - EXCEPTIONS <= set(FLOORS)


def test_each_floor_imports_only_from_floors_below_it_and_rooms_do_not_import_each_other() -> None:
    wrong = []
    for one in all_imports():
        here = room(one.file)
        if here in EXCEPTIONS or not one.module.startswith("pipeline_checks"):
            continue
        parts = one.module.split(".")
        if len(parts) == 1:
            continue  # the package itself, which imports nothing
        there = parts[1]
        if there == here:
            continue
        if there not in FLOORS or FLOORS[there] >= FLOORS[here]:
            wrong.append(f"{one.place}: {here} imports {one.module}")
    assert not wrong, told(wrong)


def test_a_flow_imports_nothing_of_this_package_but_clients_and_the_errors_they_raise() -> None:
    wrong = []
    for one in all_imports():
        parts = one.file.relative_to(PACKAGE).parts
        if (
            len(parts) < 4
            or parts[0] != "pipelines"
            or parts[2] != "flow"
            or not one.module.startswith("pipeline_checks")
        ):
            continue
        own = f"pipeline_checks.pipelines.{parts[1]}"
        allowed = (
            f"{own}.flow",
            "pipeline_checks.clients",
            "pipeline_checks.model.errors",
            "pipeline_checks.model.clock",
        )
        if not any(one.module == a or one.module.startswith(f"{a}.") for a in allowed):
            wrong.append(f"{one.place}: a flow imports {one.module}")
    assert not wrong, told(wrong)


def test_only_orchestration_imports_dagster() -> None:
    allowed = {"orchestration", "definitions"}
    wrong = [
        f"{one.place}: {one.module}"
        for one in all_imports()
        if one.module.split(".")[0].startswith("dagster") and room(one.file) not in allowed
    ]
    assert not wrong, told(wrong)


def test_the_model_imports_the_standard_library_and_pydantic_only() -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "pipeline_checks"}
    wrong = [
        f"{one.place}: {one.module}"
        for one in all_imports()
        if room(one.file) == "model" and not one.only_types and one.module.split(".")[0] not in allowed
    ]
    assert not wrong, told(wrong)


def test_checks_are_pure_and_verification_has_no_driver() -> None:
    pure = {*sys.stdlib_module_names, "pydantic", "pipeline_checks"}
    wrong = []
    for one in all_imports():
        top = one.module.split(".")[0]
        if room(one.file) == "checks" and not one.only_types and top not in pure:
            wrong.append(f"{one.place}: a check imports {one.module}")
        if room(one.file) == "verification" and not one.only_types and top in DRIVERS:
            wrong.append(f"{one.place}: verification imports the driver {one.module}")
    assert not wrong, told(wrong)


def test_only_the_clock_reads_the_time_and_nobody_sleeps() -> None:
    wrong = []
    for file in files():
        name = str(file.relative_to(ROOT))
        in_flow = "/flow/" in name
        for line, what in _uses_of_time(file):
            if what == "sleep":
                if name not in SLEEPS:
                    wrong.append(f"{name}:{line}: sleeps; wait for a condition with model.clock.Deadline")
            elif name not in READERS_OF_TIME and not in_flow:
                wrong.append(f"{name}:{line}: reads the time with {what}; use model.clock")
    assert not wrong, told(wrong)


def _uses_of_time(file: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [(node.lineno, name.name) for name in node.names]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, name = node.value.id, node.attr
            if (owner, name) in {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("datetime", "today")}:
                found.append((node.lineno, f"{owner}.{name}"))
            if owner == "time" and name in {"sleep", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"}:
                found.append((node.lineno, name))
            if owner == "asyncio" and name == "sleep":
                found.append((node.lineno, name))
    return found


def test_files_stay_small() -> None:
    tests = files(ROOT / "pipeline_checks_tests")
    long = [
        (str(f.relative_to(ROOT)), n) for f in (*files(), *tests) if (n := len(f.read_text().splitlines())) > MAX_LINES
    ]
    assert not long, f"above {MAX_LINES} lines: {long}"


def test_no_module_is_named_for_being_useful() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    wrong = [str(f.relative_to(ROOT)) for f in files() if set(f.stem.split("_")) & vague]
    assert not wrong, told(wrong)


def test_decorated_dagster_files_evaluate_their_annotations() -> None:
    """``from __future__ import annotations`` breaks the annotated context of Dagster's decorators."""
    places = [f for f in files() if room(f) in {"orchestration", "definitions"}]
    wrong = [i.place for f in places for i in imports(f) if i.module == "__future__"]
    assert places
    assert not wrong, told(wrong)


def run(code: str) -> str:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_reading_a_pipeline_imports_nothing_heavy() -> None:
    code = f"""
import sys
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.checks.registry import checks_of
for stage in load_pipeline("cdc").stages:
    checks_of(stage)
print(*sorted({HEAVY!r} & set(sys.modules)))
"""
    assert run(code) == ""


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = f"import sys, pipeline_checks; print(*sorted({HEAVY | {'pydantic', 'yaml', 'click'}!r} & set(sys.modules)))"
    assert run(code) == ""


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("import", [sys.executable, "-c", "import pipeline_checks"]),
        ("help", [str(Path(sys.executable).parent / "pipeline-checks"), "--help"]),
        ("help of a command", [str(Path(sys.executable).parent / "pipeline-checks"), "check", "--help"]),
    ],
)
def test_starting_takes_less_than_half_a_second(name: str, command: list[str]) -> None:
    """Of the processor: how long the machine lets it wait says nothing about us."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert used.ru_utime + used.ru_stime < 0.5, name


def test_everything_public_can_be_had() -> None:
    assert run("import pipeline_checks as p; [getattr(p, n) for n in p.__all__]; print('all')") == "all"
