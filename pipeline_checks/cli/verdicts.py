"""Results of verifications: shown, written as reports, and turned into an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline_checks.cli.exits import code_of
from pipeline_checks.cli.options import ReportFiles
from pipeline_checks.cli.output import write_text
from pipeline_checks.model.verdict import overall

if TYPE_CHECKING:
    from pipeline_checks.model.pipeline import Pipeline
    from pipeline_checks.model.result import RunResult


def publish(
    results: Sequence[RunResult],
    reports: ReportFiles,
    *,
    strict: bool = False,
    pipelines: Sequence[Pipeline] = (),
    stdout_taken: bool = False,
) -> int:
    """Write the reports that were asked for, show the verdicts, and return the exit code.

    The table goes to stdout, or to stderr when a report was asked for there (``stdout_taken``: when something else
    was). ``pipelines`` are those of the results, for the picture of the HTML page.
    """
    from pipeline_checks.reports import console, json, junit, markdown

    for target, form in ((reports.json, json), (reports.junit, junit), (reports.markdown, markdown)):
        if target is not None:
            write_text(form.render(results), target)
    if reports.html is not None:
        from pipeline_checks.reports.html.gathering import subjects_of
        from pipeline_checks.reports.html.page import render

        write_text(render(subjects_of(results, pipelines)), reports.html)
    taken = stdout_taken or "-" in (reports.json, reports.junit, reports.markdown, reports.html)
    console.show(results, sys.stderr if taken else sys.stdout)
    return code_of(overall(result.verdict for result in results), strict=strict)
