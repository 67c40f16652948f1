"""The report of a Dagster run as a page: written when the run ends, linked from its assets and checks."""

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import dagster as dg

from pipeline_checks.clients.settings import home, setting
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult

FOLDER_VARIABLE = "PIPELINE_CHECKS_REPORTS"
"""Where reports are written; ``reports`` in the home when it is not set."""
URL_VARIABLE = "PIPELINE_CHECKS_REPORTS_URL"
"""The address under which that folder is served; the place of the file is told when it is not set."""
_MOST_REMOVED = 20
"""Old reports taken away with each that is written."""


def report_file(pipeline: str, run_id: str) -> Path:
    """Return where the report of a Dagster run is, or will be."""
    return Path(setting(FOLDER_VARIABLE, str(home() / "reports"))) / f"{pipeline}-{run_id}.html"


def report_link(pipeline: str, run_id: str) -> dict[str, dg.MetadataValue[Any]]:
    """Return the metadata that leads to the report of a Dagster run."""
    file, served = report_file(pipeline, run_id), setting(URL_VARIABLE, "")
    link = dg.MetadataValue.url(f"{served.rstrip('/')}/{file.name}") if served else dg.MetadataValue.path(str(file))
    return {"report": link}


def write_report(pipeline: Pipeline, result: RunResult, run_id: str, warn: Callable[[str], None]) -> None:
    """Write the report of a run, and take away some that are older than what the ledger keeps.

    That it cannot be written is told to ``warn`` and costs nothing else.
    """
    from pipeline_checks.reports.html.gathering import subjects_of
    from pipeline_checks.reports.html.page import render

    try:
        file = report_file(pipeline.name, run_id)
        text = render(subjects_of([result], [pipeline]))
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, suffix=".tmp", delete=False) as made:
            made.write(text)
        Path(made.name).chmod(0o644)  # who serves the folder may be another user
        Path(made.name).replace(file)
        _remove_old(file.parent, pipeline.name)
    except OSError as problem:
        warn(f"the report could not be written: {problem.strerror}: {problem.filename}")
    except PipelineChecksError as problem:
        warn(f"the report could not be written: {problem}")


def _remove_old(folder: Path, pipeline: str) -> None:
    from pipeline_checks.verification.ledger.retention import keep

    before = (now() - keep()).timestamp()
    old = [file for file in folder.glob(f"{pipeline}-*.html") if file.stat().st_mtime < before]
    for file in old[:_MOST_REMOVED]:
        file.unlink(missing_ok=True)
