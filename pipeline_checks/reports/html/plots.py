"""Small plots of what earlier runs measured, as lines of SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_checks.reports.html.words import instant, number, seconds
from pipeline_checks.verification.ledger.past import Past, PastRun

WIDTH, HEIGHT, _EDGE = 240, 44, 4
_BARS_HEIGHT = 56


@dataclass(frozen=True)
class Line:
    """One number over the runs: ``path`` is the line, ``x`` and ``y`` its last point."""

    name: str
    path: str
    x: float
    y: float
    last: str
    least: str
    greatest: str
    runs: int


@dataclass(frozen=True)
class Bar:
    """One run: as high as it took long, in the colour of its verdict."""

    x: float
    y: float
    width: float
    height: float
    verdict: str
    said: str


def lines(past: Past, stage: str) -> list[Line]:
    """Return the plots of a stage: its rows and its lag, of each that two runs or more measured."""
    made = []
    for measure, name, told in (("rows", "rows", number), ("lag_seconds", "lag", seconds)):
        values = past.series.get((stage, measure), {})
        points = [(i, values[run.run_id]) for i, run in enumerate(past.runs) if run.run_id in values]
        if len(points) < 2:
            continue
        low, high = min(v for _, v in points), max(v for _, v in points)
        drawn = [(_x(i, len(past.runs)), _y(v, low, high)) for i, v in points]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in drawn)
        made.append(Line(name, path, *drawn[-1], told(points[-1][1]), told(low), told(high), len(points)))
    return made


def bars(runs: Sequence[PastRun]) -> list[Bar]:
    """Return one bar a run, the newest at the right."""
    longest = max((run.seconds for run in runs), default=0.0) or 1.0
    step = min(14.0, 720 / max(1, len(runs)))
    made = []
    for i, run in enumerate(runs):
        height = max(6.0, run.seconds / longest * _BARS_HEIGHT)
        checks = ", ".join(f"{count} {verdict}" for verdict, count in run.checks.items())
        found = f"; {number(run.findings)} findings" if run.findings else ""
        said = f"{instant(run.at)}: {run.verdict} in {seconds(run.seconds)} ({checks}{found})"
        place = (round(i * step, 1), round(_BARS_HEIGHT - height, 1), round(step - 2, 1), round(height, 1))
        made.append(Bar(*place, run.verdict, said))
    return made


def _x(index: int, runs: int) -> float:
    return round(_EDGE + index * (WIDTH - 2 * _EDGE) / max(1, runs - 1), 1)


def _y(value: float, low: float, high: float) -> float:
    share = 0.5 if high == low else (value - low) / (high - low)
    return round(HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE), 1)
