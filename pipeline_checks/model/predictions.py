"""Measures about predictions: computed anew with the model, and by another scorer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline_checks.model.conservation import RecordPlace
from pipeline_checks.model.measure import Measure


@dataclass(frozen=True)
class PredictionComparison(Measure):
    """The predictions of a topic, each computed anew from its input; value: ``PredictionDifference``.

    ``probability``, ``label`` and ``version`` are columns of the predictions; ``model`` is the stage of the model.
    The probability is rounded to ``digits``; the label is ``positive`` where the one that is not rounded reaches the
    model's threshold, else ``negative``.
    """

    model: str
    probability: str
    label: str
    version: str | None
    digits: int
    positive: str
    negative: str


@dataclass(frozen=True)
class WrongPrediction:
    """A prediction that is another than the model's; ``column`` says in what."""

    prediction: RecordPlace
    source: RecordPlace
    column: str
    expected: Any
    seen: Any


@dataclass(frozen=True)
class PredictionDifference:
    """Value of ``PredictionComparison``.

    ``computed`` predictions were set against the model ``model_version``. ``second_scorer`` is the greatest distance
    between the model's probability and that of the scorer that walks its trees itself. ``unlinked`` have no input that
    is still there. ``counts`` are the wrong ones by column, ``versions`` how many name which other model, with the
    first of each.
    """

    computed: int
    model_version: str
    second_scorer: float | None
    unlinked: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    wrong: tuple[WrongPrediction, ...] = ()
    versions: tuple[tuple[int, WrongPrediction], ...] = ()
