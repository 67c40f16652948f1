"""Proposals that only a name speaks for, put to the proof: what the checks do not find true is not promised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pipeline_checks.introspection.found import Found
from pipeline_checks.introspection.writing import written
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks.verification.yaml_document import documents_of

_ROUNDS: Final = 6
"""How many candidates in a row may turn out wrong before the others of a place are given up."""
KEY, TIME = "duplicates", "freshness"
"""The checks that prove a key, and an event time."""


def pipeline_of(text: str, shown_as: str) -> Pipeline:
    """Return the pipeline that the text of a ``defs.yaml`` declares; raises ConfigurationError telling its problems."""
    document = documents_of(text, shown_as)[0]
    return build_pipeline(document.value.get("attributes"), document.locate)


def proved(name: str, found: Sequence[Found], say: Callable[[str], None]) -> list[Found]:
    """Return the places with the first candidates that hold; nothing is recorded.

    A key that a system itself keeps to needs no proof. Of an event time it is proved that it does not lie in the
    future. Where nothing holds nothing is proposed, and the place says why.
    """
    placed = {f.name: f for f in found}
    open_ = {f.name: _unproved(f) for f in found}
    for _ in range(_ROUNDS):
        open_ = {stage: kinds for stage, kinds in open_.items() if kinds}
        if not open_:
            break
        pipeline = pipeline_of(written(name, list(placed.values())), "the proposal")
        with VerificationSession(pipeline, Options(full=True)) as session:
            for stage, kinds in open_.items():
                say(f"proving {' and '.join(_WORDS[k] for k in kinds)} of {stage}")
                session.settle(stage)
                results = {r.check: r for r in session.evaluate(stage, kinds)}
                placed[stage] = _judged(placed[stage], results)
                wrong = [k for k, r in results.items() if _is_wrong(r)]
                open_[stage] = [k for k in wrong if k in _unproved(placed[stage])]
    for stage, kinds in open_.items():
        placed[stage] = placed[stage].but(**{_FIELDS[k]: () for k in kinds})
    return list(placed.values())


_WORDS: Final = {KEY: "the key", TIME: "the event time"}
_FIELDS: Final = {KEY: "keys", TIME: "event_times"}


def _unproved(place: Found) -> list[str]:
    if place.inherits or not place.has_rows:
        return []
    kinds = [KEY] if place.key is not None and not place.key.is_certain else []
    return [*kinds, TIME] if place.event_time is not None else kinds


def _is_wrong(result: CheckResult) -> bool:
    return result.verdict in (Verdict.FAIL, Verdict.ERROR)


def _judged(place: Found, results: dict[str, CheckResult]) -> Found:
    """The place without the candidates that do not hold, and with the reason of those that do."""
    for kind, result in results.items():
        field = _FIELDS[kind]
        first, *rest = getattr(place, field)
        shown = ", ".join(first.columns)
        if _is_wrong(result):
            note = f"{shown} was not taken as {_WORDS[kind]}: {result.judgement.message}"
            place = place.but(**{field: tuple(rest)}, notes=(*place.notes, note))
        elif kind == KEY:
            known = (
                first.reason if result.verdict is not Verdict.PASS else f"{first.reason}; {result.judgement.message}"
            )
            place = place.but(keys=(type(first)(first.columns, known, True), *rest))
    return place
