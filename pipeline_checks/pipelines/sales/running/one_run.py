"""One run of the pipeline: lines and events are sent, the marts are waited for, everything is verified and kept."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import monotonic, now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.pipelines.sales.artifacts.folder import RunFolder
from pipeline_checks.pipelines.sales.artifacts.messages import between
from pipeline_checks.pipelines.sales.artifacts.throughput import Sent, performance_metrics
from pipeline_checks.pipelines.sales.artifacts.validation import validation_report
from pipeline_checks.pipelines.sales.flow.tables import EVENTS_TOPIC, LINES_TOPIC
from pipeline_checks.pipelines.sales.monitoring.analysis import summary
from pipeline_checks.pipelines.sales.monitoring.samples import ComponentReport
from pipeline_checks.pipelines.sales.running.components import monitor
from pipeline_checks.pipelines.sales.running.outcome import RunOutcome, unexpected
from pipeline_checks.pipelines.sales.scenarios.ledger import newest_files, require_exact, wait_until_caught_up
from pipeline_checks.pipelines.sales.seed.csv_file import read_truth
from pipeline_checks.pipelines.sales.seed.source import SourceSummary, input_path, seed
from pipeline_checks.stack.providers import Provider
from pipeline_checks.stages.topic_log import TopicLog
from pipeline_checks.verification.run import run_checks

_CATCH_UP_SECONDS: Final = 180.0
_SECONDS_A_ROW: Final = 0.01


@dataclass
class PipelineRun:
    """Runs one test of the pipeline on services that are up.

    Parameters
    ----------
    test:
        The name of a data set: happy_path, data_quality, high_volume, edge_cases or performance.
    rows:
        How many lines are sent, those of the data set when None.
    root:
        Where the folder of artifacts is made.
    """

    pipeline: Pipeline
    provider: Provider
    test: str
    rows: int | None
    seed_number: int
    root: Path
    sampling_seconds: float = 1.0
    say: Callable[[str], None] = lambda line: None
    _started_at: Any = field(default_factory=now)

    def run(self) -> RunOutcome:
        """Run it; what goes wrong on the way is one of the outcome's problems."""
        folder = RunFolder.create(self.root, self.test, self._started_at)
        brokers = setting("KAFKA_BOOTSTRAP_SERVERS")
        before = {topic: _ends(brokers, topic) for topic in (LINES_TOPIC, EVENTS_TOPIC)}
        files_before = {path.name for path in input_path().glob("*.csv")}
        watch, began = monitor(self.provider, self.sampling_seconds), monotonic()
        problems: list[str] = []
        sent: SourceSummary | None = None
        with watch:
            try:
                self.say(f"{self.test}: sending")
                sent = seed(self.rows, self.seed_number, self.test)
                self.say(f"{self.test}: {sent.rows} lines and {sent.events} events are on their way")
                wait_until_caught_up(_CATCH_UP_SECONDS + _SECONDS_A_ROW * sent.rows)
            except PipelineChecksError as problem:
                problems.append(str(problem))
        seconds = monotonic() - began
        result: RunResult | None = None
        if not problems:
            self.say(f"{self.test}: in the marts after {seconds:.1f} s; verifying")
            result = self._verify(files_before, problems)
        reports = watch.reports()
        metrics: dict[str, Any] | None = None
        if result is not None and sent is not None:
            metrics = self._keep(
                folder, sent, result, reports, {t: between(brokers, t, o) for t, o in before.items()}, seconds
            )
        return RunOutcome(self.test, self._started_at, now(), result, metrics, reports, tuple(problems), folder.path)

    def _verify(self, files_before: set[str], problems: list[str]) -> RunResult | None:
        """Compare the ledger of the new files with their truth, judge every check, and add what is wrong."""
        try:
            require_exact(*newest_files(files_before))
        except PipelineChecksError as problem:
            problems.append(str(problem))
        try:
            result = run_checks(self.pipeline)
        except PipelineChecksError as problem:
            problems.append(str(problem))
            return None
        problems += unexpected(result)
        return result

    def _keep(
        self,
        folder: RunFolder,
        source: SourceSummary,
        result: RunResult,
        reports: Sequence[ComponentReport],
        messages: Mapping[str, list[dict[str, Any]]],
        seconds: float,
    ) -> dict[str, Any]:
        """Write the artifacts and return the performance metrics."""
        everything = [*messages[LINES_TOPIC], *messages[EVENTS_TOPIC]]
        folder.write("kafka_messages", everything)
        kept = sum(_keep_file(folder, input_path() / name, first=not n) for n, name in enumerate(source.files))
        folder.write("validation_report", validation_report(result))
        metrics = self._metrics(messages[LINES_TOPIC], reports, seconds, source.rows - kept)
        folder.write("performance_metrics", metrics)
        folder.write(
            "metadata",
            {
                "scenario_name": self.test,
                "generation_timestamp": self._started_at.isoformat(),
                "scenario_description": f"{source.rows} lines and {source.events} events of seed {self.seed_number}",
                "record_counts": {
                    "csv_records": source.rows,
                    "kafka_messages": len(everything),
                    "expected_output_records": kept,
                },
                "file_paths": {**folder.files(), "metadata": "metadata.json"},
            },
        )
        return metrics

    def _metrics(
        self, lines: Sequence[Mapping[str, Any]], reports: Sequence[ComponentReport], seconds: float, rejected: int
    ) -> dict[str, Any]:
        run_ids = sorted({m["headers"]["run_id"] for m in lines if "run_id" in m["headers"]})
        broker = next((r for r in reports if r.component_name == "kafka_streaming"), None)
        return performance_metrics(
            setting("SALES_WAREHOUSE_URL"),
            run_ids,
            Sent.of(lines),
            rejected,
            seconds,
            {} if broker is None else summary(broker),
        )


def _ends(brokers: str, topic: str) -> dict[int, int]:
    log = TopicLog(brokers, topic)
    try:
        return log.watermarks()[1]
    finally:
        log.close()


def _keep_file(folder: RunFolder, path: Path, *, first: bool) -> int:
    """Copy a file and write which of its lines must become rows of silver; returns how many these are."""
    prefix = "" if first else f"{path.stem}."
    folder.keep(path, f"{prefix}input_data.csv")
    truth = read_truth(path)
    put_aside = {record["row"] for record in truth.get("records", ())}
    kept = 0
    wanted = folder.path / f"{prefix}expected_output.csv"
    with (
        path.open(encoding=truth.get("encoding", "utf-8-sig"), newline="") as source,
        wanted.open("w", encoding="utf-8", newline="") as target,
    ):
        lines, writer = csv.reader(source), csv.writer(target, lineterminator="\n")
        head = next(lines, None)
        if head is not None:
            writer.writerow(head)
        for number, line in enumerate(lines, 1):
            if number not in put_aside:
                writer.writerow(line)
                kept += 1
    return kept
