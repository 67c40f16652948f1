"""Runs the integration tests of the message flow on a broker of their own, and always leaves a report.

``python -m pipeline_checks_tests.churn.integration_runner --help``. Exit codes: 0 passed, 1 a test failed, 2 usage,
3 the environment: something needed is missing, the broker does not come up, or no test could be run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from pipeline_checks.model.clock import Deadline, monotonic, now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.stack.probes import probe_kafka
from pipeline_checks_tests.churn.integration_brokers import Broker, broker_of
from pipeline_checks_tests.churn.integration_report import Figures, read_junit, write_missing_junit, write_summary

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PASSED, FAILED, USAGE, ENVIRONMENT = 0, 1, 2, 3
READY_SECONDS: Final = 60.0
_PYTEST_FAILED: Final = 1


def say(kind: str, text: str) -> None:
    """Write a line that people and their scripts know."""
    sys.stdout.write(f"[{kind}] {text}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    made = argparse.ArgumentParser(
        prog="run_kafka_integration_tests.sh",
        description="Start a broker, run the integration tests of the message flow, report, and clean up.",
        epilog="exit codes: 0 passed, 1 a test failed, 2 usage, 3 environment",
    )
    add = made.add_argument
    add("--keep-stack", "--keep-containers", dest="keep", action="store_true", help="leave the broker up")
    add("--verbose", action="store_true", help="show the tests' output as it comes")
    add("--timeout", type=int, default=300, metavar="S", help="seconds that a test may take")
    add("--junit", type=Path, metavar="FILE", help="JUnit XML; reports/test-results.xml when not given")
    add("--mode", choices=("process", "compose"), default="process", help="where the broker runs")
    add("--reports", type=Path, default=ROOT / "reports", metavar="FOLDER")
    add("--home", type=Path, metavar="FOLDER", help="data of the broker in process mode")
    add("--tests", type=Path, default=ROOT / "pipeline_checks_tests" / "churn", metavar="PATH", help="other tests")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run everything; the report is written and the broker taken down whatever happens."""
    options = parser().parse_args(argv)
    options.reports.mkdir(parents=True, exist_ok=True)
    junit = options.junit or options.reports / "test-results.xml"
    junit.parent.mkdir(parents=True, exist_ok=True)
    junit.unlink(missing_ok=True)
    log = options.reports / "kafka_integration.log"
    log.write_text("")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupted)
    begun, code, why = monotonic(), ENVIRONMENT, "the run was broken off"
    broker = broker_of(options.mode, options.home)
    try:
        say("INFO", "STEP 1: prerequisites")
        _see_prerequisites(broker)
        say("INFO", f"STEP 2: starting the broker ({options.mode})")
        broker.start()
        say("INFO", f"STEP 3: waiting for the broker, {READY_SECONDS:.0f} s at most")
        _wait_until_ready(broker)
        say("SUCCESS", f"the broker answers on {broker.servers}")
        say("INFO", "STEP 4: running the tests")
        code, why = _run_tests(options, broker, junit, log)
    except (PipelineChecksError, OSError) as problem:
        why = str(problem)
        say("ERROR", why)
    finally:
        say("INFO", "STEP 5: logs")
        broker.copy_log(options.reports / "kafka_broker.log")
        say("INFO", "STEP 6: summary")
        write_missing_junit(junit, why)
        figures = read_junit(junit)
        _summarise(options, code, why, figures, monotonic() - begun)
        say("INFO", "STEP 7: " + ("the broker stays up" if options.keep else "cleaning up"))
        if options.keep:
            say("WARNING", broker.how_to_stop())
        else:
            broker.stop()
    return code


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _see_prerequisites(broker: Broker) -> None:
    missing = [name for name in ("pytest", "pytest_timeout", "sklearn") if find_spec(name) is None]
    if missing:
        raise OSError(f"not installed: {', '.join(missing)}. Run `make setup`")
    broker.see_prerequisites()


def _wait_until_ready(broker: Broker) -> None:
    problems: list[PipelineChecksError] = []

    def ready() -> bool:
        try:
            probe_kafka(broker.servers)
        except PipelineChecksError as problem:
            problems.append(problem)
            return False
        return True

    if not Deadline(READY_SECONDS).wait_until(ready):
        raise problems[-1]


def _run_tests(options: argparse.Namespace, broker: Broker, junit: Path, log: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", str(options.tests), "-m", "integration and kafka"]
    command += [f"--timeout={options.timeout}", f"--junit-xml={junit}", "-p", "no:cacheprovider", "-v"]
    command += ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}"]
    environment = {**os.environ, "PIPELINE_CHECKS_TEST_BROKER": broker.servers, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        with log.open("a") as file:
            for line in process.stdout:
                file.write(line)
                file.flush()
                if options.verbose:
                    sys.stdout.write(line)
                    sys.stdout.flush()
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code == 0:
        return PASSED, "all tests passed"
    if code == _PYTEST_FAILED:
        return FAILED, "a test failed"
    return ENVIRONMENT, f"the tests could not be run: pytest ended with {code}, see {log}"


def _summarise(options: argparse.Namespace, code: int, why: str, figures: Figures, seconds: float) -> None:
    environment: dict[str, Any] = {
        "finished": now().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "mode": options.mode,
        "seconds": round(seconds, 1),
    }
    text = write_summary(options.reports / "kafka_integration_summary.txt", environment, code, why, figures)
    result = options.reports / "kafka_integration_summary.json"
    result.write_text(json.dumps(figures.result(passed=code == PASSED), indent=2) + "\n")
    for line in text.splitlines():
        say("SUCCESS" if code == PASSED else "ERROR", line)


if __name__ == "__main__":
    sys.exit(main())
