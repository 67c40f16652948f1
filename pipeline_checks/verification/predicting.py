"""Predictions, each computed anew from the record that it was made of, with the model at its pinned version."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.fitted_model import load_model
from pipeline_checks.engines.model_scoring import ModelScorer
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.events import OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.predictions import PredictionComparison, PredictionDifference, WrongPrediction
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.model_file import PinnedModelFile
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.linked import (
    SOURCE,
    input_place,
    input_records,
    inputs_of,
    originals_of,
    output_place,
    output_records,
)
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

_EXPECTED, _ROUNDED, _LABEL = "__expected", "__rounded", "__expected_label"


def compare_predictions(
    pipeline: Pipeline, pinner: Pinner, settled: Settled, measure: PredictionComparison
) -> PredictionDifference:
    """Set the predictions of a linked topic against those of the model.

    Raises
    ------
    ConfigurationError
        When there is no such model, or it is refused: its file is not the one that its sidecar describes.
    TerminalError
        When the model was replaced while it was checked.
    """
    import polars as pl

    stage = settled.declaration
    scorer, version, threshold = _scorer(pipeline, pinner, measure.model)
    topics = inputs_of(pipeline, stage)
    columns = [c for c in (measure.probability, measure.label, measure.version) if c is not None]
    made = output_records(pinner, [stage], topics, [OP, *columns]).filter(pl.col(OP).is_in(ROW_OPERATIONS))
    given = _features(pinner, topics, scorer.features)
    both = made.join(given, on=SOURCE, how="inner", maintain_order="left").sort(PARTITION, OFFSET)
    both = _with_untold(pinner, topics, both, scorer)
    found, distance = scored(scorer, scorer.prepared(both))
    judged = both.with_columns(
        found.alias(_EXPECTED),
        (found >= threshold)
        .replace_strict({True: measure.positive, False: measure.negative}, return_dtype=pl.String)
        .alias(_LABEL),
    )
    wrong, counts = _wrong(pinner, topics, judged, measure)
    versions = _versions(pinner, topics, judged, measure, version)
    return PredictionDifference(
        computed=both.height,
        model_version=version,
        second_scorer=distance,
        unlinked=made.height - both.height,
        counts=(*counts, *([(measure.version, sum(n for n, _ in versions))] if measure.version and versions else [])),
        wrong=wrong,
        versions=versions,
    )


def scored(scorer: ModelScorer, rows: polars.DataFrame) -> tuple[polars.Series, float | None]:
    """Return the probability of each row, and how far the second scorer is off at most.

    Rows that are the same for the model are computed once, where that is worth it.
    """
    import polars as pl

    distinct = rows.unique(maintain_order=True)
    repeats = distinct.height * 2 <= rows.height
    asked = distinct if repeats else rows
    with ThreadPoolExecutor(1) as beside:
        second = beside.submit(scorer.walked, asked)
        found = scorer.probabilities(asked)
        walked = second.result()
    distance = None if walked is None else float(abs(walked - found).max()) if len(found) else 0.0
    told = pl.Series(_EXPECTED, found, dtype=pl.Float64)
    if repeats and rows.height:
        both = distinct.with_columns(told)
        told = rows.join(both, on=rows.columns, how="left", nulls_equal=True, maintain_order="left").get_column(
            _EXPECTED
        )
    return told, distance


def _scorer(pipeline: Pipeline, pinner: Pinner, name: str) -> tuple[ModelScorer, str, float]:
    if name not in {s.name for s in pipeline.stages}:
        raise ConfigurationError(
            f"there is no stage {name!r} with the model.", next_step="Name a stage of kind model_file."
        )
    pinned = pinner.settled(pipeline.stage(name)).readable()
    if not isinstance(pinned, PinnedModelFile):
        raise ConfigurationError(f"{name} is no model.", next_step="Name a stage of kind model_file.")
    try:
        model = load_model(pinned.path)
    except FileNotFoundError as problem:
        raise TerminalError(f"{problem}.", next_step="Train the model, or correct the path of the stage.") from None
    if model.sidecar.sha256 != pinned.digest:
        raise TerminalError(f"the model of {name} was replaced while it was checked.", next_step="Check again.")
    return ModelScorer(model.pipeline, model.sidecar.features), model.version, model.sidecar.threshold


def _features(pinner: Pinner, topics: Sequence[StageDeclaration], features: Sequence[str]) -> polars.DataFrame:
    for topic in topics:
        lost = next((f for f in features if f not in topic.contract.columns), None)
        if lost is not None:
            raise ConfigurationError(
                f"{topic.name} has no column {lost!r}, which the model needs.",
                next_step=f"Add it to the columns of the contract of {topic.name}.",
            )
    return input_records(pinner, topics, features)


def _with_untold(
    pinner: Pinner, topics: Sequence[StageDeclaration], rows: polars.DataFrame, scorer: ModelScorer
) -> polars.DataFrame:
    """Put the features of records in their place that have a value of another type than promised."""
    import orjson
    import polars as pl

    untold: list[tuple[str, int, int]] = []
    for topic in topics:
        reader: Any = pinner.reader(topic)
        name = pinner.history(topic.name).topic
        untold += [(name, p, o) for p, o in reader.untold(scorer.features)]
    if not untold:
        return rows
    places = pl.DataFrame(untold, schema={c: rows.schema[c] for c in SOURCE}, orient="row")
    open_ = rows.join(places, on=SOURCE, how="semi", maintain_order="left")
    if not open_.height:
        return rows
    found = originals_of(pinner, topics, open_.select(SOURCE).iter_rows())
    told = {place: orjson.loads(record.value or b"{}") for place, record in found.items()}
    as_text = {f: pl.String for f in scorer.features}
    records = [
        {**dict(zip(SOURCE, place, strict=True)), **{f: _text(message.get(f)) for f in scorer.features}}
        for place, message in told.items()
    ]
    texts = pl.DataFrame(records, schema={**{c: rows.schema[c] for c in SOURCE}, **as_text})
    cast = rows.with_columns(pl.col(f).cast(pl.String) for f in scorer.features)
    return cast.update(texts, on=SOURCE, how="left", include_nulls=False)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _wrong(
    pinner: Pinner, topics: Sequence[StageDeclaration], judged: polars.DataFrame, measure: PredictionComparison
) -> tuple[tuple[WrongPrediction, ...], list[tuple[str, int]]]:
    import polars as pl

    probability, label = pl.col(measure.probability), pl.col(measure.label)
    rounded = judged.with_columns(pl.col(_EXPECTED).round(measure.digits).alias(_ROUNDED))
    candidates = rounded.filter(probability.ne_missing(pl.col(_ROUNDED)))
    # At a tie of the last digit two ways of rounding may differ; both are right.
    ways = [round(value, measure.digits) for value in candidates.get_column(_EXPECTED).to_list()]
    other = candidates.with_columns(pl.Series(_ROUNDED, ways, dtype=pl.Float64))
    differs = other.filter(probability.ne_missing(pl.col(_ROUNDED)))
    mislabelled = judged.filter(label.ne_missing(pl.col(_LABEL)))
    found = [
        *_told(pinner, topics, differs, measure.probability, _ROUNDED),
        *_told(pinner, topics, mislabelled, measure.label, _LABEL),
    ]
    counts = [(measure.probability, differs.height), (measure.label, mislabelled.height)]
    return tuple(found), [(name, number) for name, number in counts if number]


def _versions(
    pinner: Pinner,
    topics: Sequence[StageDeclaration],
    judged: polars.DataFrame,
    measure: PredictionComparison,
    version: str,
) -> tuple[tuple[int, WrongPrediction], ...]:
    import polars as pl

    if measure.version is None:
        return ()
    other = judged.filter(pl.col(measure.version).ne_missing(pl.lit(version)))
    found = []
    for group in other.partition_by(measure.version, maintain_order=True):
        (first,) = _told(
            pinner, topics, group.head(1).with_columns(pl.lit(version).alias(_EXPECTED)), measure.version, _EXPECTED
        )
        found.append((group.height, first))
    return tuple(found[:KEY_SAMPLE])


def _told(
    pinner: Pinner, topics: Sequence[StageDeclaration], wrong: polars.DataFrame, column: str, expected: str
) -> list[WrongPrediction]:
    return [
        WrongPrediction(
            output_place(row),
            input_place(pinner, topics, row),
            column,
            to_json_value(row[expected]),
            to_json_value(row[column]),
        )
        for row in wrong.head(KEY_SAMPLE).iter_rows(named=True)
    ]
