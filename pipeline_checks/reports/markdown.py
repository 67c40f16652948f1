"""A Markdown summary for pull requests: verdicts by stage and check, what is wrong, the cut."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.text import covers_text, key_text, one_line, position_text, rows_text
from pipeline_checks.reports.verdict_signs import SIGNS, tally

FINDINGS_SHOWN = 50
"""Findings of one pipeline that are listed; GitHub refuses comments above 65,536 characters."""
CELL_LENGTH = 300
"""Characters of a cell beyond which it is cut off."""

_MARKUP = re.compile(r"[\\`*\[\]~|$<>&@]|#(?=\w)|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|://|\bwww\.", re.IGNORECASE)
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", "#": "&#35;", "://": "&#58;//"}
"""What a backslash does not take the meaning from, on GitHub."""


def escape(text: object) -> str:
    """Return text that Markdown shows as it is: no table cell, markup, HTML, link, mention or issue comes of it.

    >>> escape("a|b <b>")
    'a\\\\|b &lt;b&gt;'
    """
    line = one_line(text)
    if len(line) > CELL_LENGTH:
        line = line[: CELL_LENGTH - 1] + "…"
    return _MARKUP.sub(_literal, line)


def _literal(match: re.Match[str]) -> str:
    found = match.group()
    if found.lower() == "www.":
        return f"{found[:-1]}&#46;"
    return _ENTITIES.get(found, f"\\{found}")


def render(results: Sequence[RunResult]) -> str:
    """Return the summary of all results, ending in a line feed."""
    return "\n\n".join("\n".join(_section(result)) for result in results) + "\n"


def _section(result: RunResult) -> Iterator[str]:
    yield f"## {SIGNS[result.verdict]} {escape(result.pipeline)}: {result.verdict}"
    yield ""
    yield f"{tally(c.verdict for c in result.checks)} in {result.seconds:.1f} s, run {escape(result.run_id)}."
    yield _cut(result)
    yield ""
    yield from _verdicts(result)
    wrong = [c for c in result.checks if c.verdict is not Verdict.PASS]
    if wrong:
        yield from ("", "### Not passed", "")
        yield from (
            f"- **{c.verdict}** {escape(c.stage)}, {escape(c.check)}: {escape(c.judgement.message)}" for c in wrong
        )
    yield from _findings(wrong)


def _cut(result: RunResult) -> str:
    if result.cut is None:
        return "No cut was taken."
    cut = result.cut.to_json()
    return f"Cut: {escape(cut['lsn'])}, snapshot {escape(cut['snapshot'])}, taken at {escape(cut['taken_at'])}."


def _verdicts(result: RunResult) -> Iterator[str]:
    by_place = {(c.stage, c.check): c for c in result.checks}
    kinds = list(dict.fromkeys(c.check for c in result.checks))
    known = {s.name: s for s in result.stages}
    head = ["stage", "rows", "covers the cut", *(escape(k) for k in kinds)]
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for name in dict.fromkeys((*known, *(c.stage for c in result.checks))):
        stage = known.get(name)
        cells = [escape(name), *((rows_text(stage), covers_text(stage.covers_cut)) if stage else ("", ""))]
        cells += [_cell(by_place.get((name, kind))) for kind in kinds]
        yield f"| {' | '.join(cells)} |"


def _cell(check: CheckResult | None) -> str:
    return "" if check is None else f"{SIGNS[check.verdict]} {check.verdict}"


def _findings(checks: Sequence[CheckResult]) -> Iterator[str]:
    found = [f for c in checks for f in c.judgement.findings]
    if not found:
        return
    total = sum(c.judgement.total for c in checks)
    yield from ("", "### Findings", "", "| finding | stage | key | position | |", "|---|---|---|---|---|")
    for finding in found[:FINDINGS_SHOWN]:
        kind = f"{finding.kind} ({finding.detail})" if finding.detail else finding.kind
        cells = (kind, finding.stage, key_text(finding.key), position_text(finding.position), finding.message)
        yield f"| {' | '.join(escape(cell) for cell in cells)} |"
    hidden = total - min(len(found), FINDINGS_SHOWN)
    if hidden > 0:
        yield from ("", f"and {hidden} more.")
