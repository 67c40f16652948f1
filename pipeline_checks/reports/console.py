"""The verdict table as people read it in a terminal; plain text where it goes into a file or a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.text import key_text, one_line, position_text, rows_text
from pipeline_checks.reports.verdict_signs import STYLES, tally

if TYPE_CHECKING:
    from rich.console import Console

FINDINGS_SHOWN = 20
"""Findings of one check that are listed."""


def render(results: Sequence[RunResult]) -> str:
    """Return the tables, what is wrong and the totals as plain text, ending in a line feed."""
    return "\n\n".join("\n".join(_plain(result)) for result in results) + "\n"


def show(results: Sequence[RunResult], stream: TextIO | None = None) -> None:
    """Write the results: in colour to a terminal, as ``render`` has them to anything else."""
    out = stream if stream is not None else sys.stdout
    if not out.isatty():
        out.write(render(results))
        return
    from rich.console import Console

    console = Console(file=out, highlight=False)
    for result in results:
        _show(result, console)


def _table(result: RunResult) -> tuple[list[str], list[list[str]]]:
    """Head and rows: stages down, checks across, a verdict's word where they meet."""
    by_place = {(c.stage, c.check): c for c in result.checks}
    kinds = list(dict.fromkeys(c.check for c in result.checks))
    known = {s.name: s for s in result.stages}
    rows = []
    for name in dict.fromkeys((*known, *(c.stage for c in result.checks))):
        verdicts = [str(c.verdict) if (c := by_place.get((name, kind))) else "" for kind in kinds]
        stage = known.get(name)
        rows.append([one_line(name), rows_text(stage) if stage else "", *verdicts])
    return ["stage", "rows", *kinds], rows


def _plain(result: RunResult) -> Iterator[str]:
    head, rows = _table(result)
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = (
            cell.rjust(w) if i == 1 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
    for check in _wrong(result):
        yield ""
        yield f"{check.verdict}  {_headline(check)}"
        yield from (f"    {line}" for line in _details(check))
    yield ""
    yield from (f"WARN  {one_line(message)}" for message in result.messages)
    yield _summary(result)


def _show(result: RunResult, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    def styled(word: str) -> Text:
        return Text(word, style=STYLES[Verdict(word)] if word in Verdict.__members__ else "")

    head, rows = _table(result)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for name in head:
        table.add_column(name, justify="right" if name == "rows" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    console.print(table)
    for check in _wrong(result):
        console.print()
        console.print(styled(str(check.verdict)), Text(_headline(check)))
        for line in _details(check):
            console.print(Text(f"    {line}"))
    console.print()
    for message in result.messages:
        console.print(styled("WARN"), Text(one_line(message)))
    console.print(Text(_summary(result), style=STYLES[result.verdict]))


def _wrong(result: RunResult) -> list[CheckResult]:
    return [c for c in result.checks if c.verdict is not Verdict.PASS]


def _headline(check: CheckResult) -> str:
    return f"{one_line(check.stage)}, {check.check}: {one_line(check.judgement.message)}"


def _details(check: CheckResult) -> Iterator[str]:
    shown = check.judgement.findings[:FINDINGS_SHOWN]
    for finding in shown:
        place = ", ".join(part for part in (key_text(finding.key), position_text(finding.position)) if part)
        yield one_line(f"{finding.kind} at {finding.stage}{f' ({place})' if place else ''}: {finding.message}")
    if check.judgement.total > len(shown):
        yield f"and {check.judgement.total - len(shown)} more"


def _summary(result: RunResult) -> str:
    cut = "no cut" if result.cut is None else f"cut at {result.cut.to_json()['lsn']}"
    verdicts = tally(c.verdict for c in result.checks)
    return f"{one_line(result.pipeline)}: {result.verdict} in {result.seconds:.1f} s ({verdicts}; {cut})"
