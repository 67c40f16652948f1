"""The ETL and the loader are killed; started again they end with every line once, in one place."""

from __future__ import annotations

import signal
from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import psutil
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.sales.flow.tables import SILVER
from pipeline_checks.pipelines.sales.seed import csv_file
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig, generate
from pipeline_checks_tests.sales.flow.dying.arming import VARIABLE
from pipeline_checks_tests.sales.flow.lake import lake_with
from pipeline_checks_tests.sales.flow.place import DYING, SECONDS, Place, expected_fates


def sent_file(place: Place, number: int) -> Counter[tuple[str, int, str]]:
    """Send a file with faults of every kind; return what must become of its lines."""
    config = DataGenerationConfig(
        200, number, error_rate=0.1, duplicate_rate=0.1, null_rate=0.03, first_order=number * 10_000
    )
    path, made = place.folder / f"sales_{number:02d}.csv", generate(config)
    csv_file.write(path, csv_file.encoded(made.rows), made.truth.document)
    place.send(path)
    return expected_fates(path, made.truth.document)


def killed_etl(place: Place, point: str) -> None:
    """Run the ETL until it kills itself, and end the JVM that it leaves."""
    program = place.start("etl", *place.etl_options(), "--once", module=DYING, environment={VARIABLE: point})
    jvms: list[psutil.Process] = []

    def ended() -> bool:
        if program.poll() is not None:
            return True
        jvms[:] = psutil.Process(program.pid).children(recursive=True) or jvms
        return False

    try:
        assert Deadline(SECONDS).wait_until(ended, every=0.2), "it has not come so far"
        assert program.returncode == -signal.SIGKILL
    finally:
        program.kill()
        for jvm in jvms:
            if jvm.is_running():
                jvm.kill()


POINTS = tuple(
    f"{table}:{where}:{number}"
    for table in ("sales_quarantine", "sales_silver")
    for where in ("before", "behind")
    for number in (1, 2)
)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("points", [["sales_silver:before:2"], pytest.param((POINTS * 3)[:20], marks=pytest.mark.soak)])
def test_an_etl_that_is_killed_between_its_commits_loses_and_doubles_nothing(place: Place, points: list[str]) -> None:
    config = place.folder / "config.yaml"
    config.write_text("flow: {batch_records: 150}\n")
    place.spark = {**place.spark, "SALES_CONFIG": str(config)}
    wanted = Counter(sent_file(place, 1))
    for number, point in enumerate(points, 2):
        wanted.update(sent_file(place, number))  # so that every kill falls amid work
        killed_etl(place, point)
    done = place.run("etl", *place.etl_options(), "--once")
    assert done.returncode == 0, done.stderr[-2000:]
    assert place.fates() == wanted


def loader_options(place: Place, url: str) -> tuple[str, ...]:
    return ("--warehouse", url, "--delta-path", str(place.delta), "--reference", str(place.folder), "--once")


def raw_rows(url: str) -> list[tuple[Any, ...]]:
    names = ", ".join(c.name for c in SILVER)
    with connect(url) as connection:
        return connection.execute(f"SELECT {names} FROM raw.sales_batch_raw ORDER BY order_id").fetchall()  # type: ignore[arg-type]


def silver_rows(place: Place) -> list[tuple[Any, ...]]:
    return place.rows("sales_silver").sort("order_id").select([c.name for c in SILVER]).rows()


@pytest.mark.parametrize("share", [0.25, pytest.param(1.0, marks=pytest.mark.soak)])
def test_a_loader_that_is_killed_at_any_statement_leaves_the_old_rows_or_the_new_ones(
    place: Place, share: float
) -> None:
    url, lake = place.database(), lake_with(place.delta, place.lines)
    lake.take(["A", "B", "C"], Decimal("1.00"))
    assert place.run("loader", *loader_options(place, url)).returncode == 0
    old = raw_rows(url)
    assert len(old) == 3 and old == silver_rows(place)
    lake.take(["D", "E"], Decimal("2.00"))
    lake.replace("A", Decimal("3.00"))
    new = silver_rows(place)
    assert new != old
    random, statement = Random(1), 0
    while True:
        statement += 1
        if random.random() > share:
            continue
        program = place.start(
            "loader", *loader_options(place, url), module=DYING, environment={VARIABLE: f"statements:{statement}"}
        )
        if program.wait(60) == 0:
            break
        assert program.returncode == -signal.SIGKILL
        assert raw_rows(url) in (old, new)
    assert statement > 8 and raw_rows(url) == new
    with connect(url) as connection:
        loads = connection.execute("SELECT delta_version FROM raw.loads ORDER BY load_id").fetchall()
    assert len(loads) == 2
