"""Proofs in a verification: what earlier ones let this one leave out, and what this one adds to the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from pipeline_checks.model.measure import Grade, Measured, RowCount
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.stage import PinnedStage
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification import narrowing
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.narrowing import BucketSource, Narrowed
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.row_forms import Forms
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    from pipeline_checks.verification.increment import Sweep
    from pipeline_checks.verification.ledger.proofs import Proof

PROVING = ("counts", "reconcile")
"""The checks that must pass together so that a stage is proved: no key is lost or doubled, and no value wrong."""
LEAST_BYTES = narrowing.LEAST_BYTES
"""Size of a source table from which on an earlier proof is used; a smaller one is compared as a whole."""
_LAKE_KINDS = frozenset({"delta_table", "iceberg_table"})


class KnownProofs(Protocol):
    """Where earlier proofs stand."""

    def last_proof(self, upstream: str, stage: str) -> Proof | None: ...


@dataclass(frozen=True)
class _Compared:
    """A pair of a source and a table as this run compared it.

    ``covers`` are the offsets below which every event belongs to the cut and is applied: a key of an event behind them
    was compared with the topic's word only, not with the source's. ``sweep`` is None when all keys were compared.
    """

    promise: str
    identity: str
    covers: OffsetsPosition | None = None
    sweep: Sweep | None = None


class Prover:
    """Knows the proofs of one session."""

    def __init__(self, pipeline: Pipeline, pinner: Pinner, known: KnownProofs, options: Options) -> None:
        self._pipeline = pipeline
        self._pinner = pinner
        self._known = known
        self._options = options
        self._compared: dict[tuple[str, str], _Compared] = {}

    def of(self, source: Settled, table: Settled, forms: Forms) -> Narrowed | None:
        """Return what an earlier proof narrows the pair to; None when everything has to be compared."""
        if not _can_be_narrowed(table, forms) or source.pinned is None or table.pinned is None:
            return None
        if not isinstance(source.pinned, BucketSource) or source.pinned.size() < LEAST_BYTES:
            return None
        try:
            return self._of(source, source.pinned, table, table.pinned, forms)
        except Exception as problem:  # whatever keeps a proof from being used, all rows can still be compared
            self._options.say(f"{table.declaration.name} is compared in full: {type(problem).__name__}: {problem}")
            return None

    def _of(
        self, source: Settled, held: PinnedStage, table: Settled, found: PinnedStage, forms: Forms
    ) -> Narrowed | None:
        import numpy as np

        from pipeline_checks.stages.lake_increment import HasCommits, changed_by_others, identity_of
        from pipeline_checks.verification.increment import (
            MOST_REWRITTEN,
            Sweep,
            events_since,
            finer,
            fingerprint,
            increment,
            open_buckets,
            rewritten_keys,
            settled_offsets,
            slices,
        )

        declared: Any = table.declaration  # a kind among _LAKE_KINDS
        keys = (forms.above.key[0].source, forms.own.key[0].source)
        assert isinstance(held, BucketSource)
        if (coarse := held.bucket_plan(keys[0])) is None:
            return None
        plan = finer(coarse)
        history = self._pinner.history(self._pinner.topics_of(declared)[0].name)
        pair = (source.declaration.name, declared.name)
        promise, lake = promise_of(forms), identity_of(declared)
        covers = settled_offsets(history, table.covers or OffsetsPosition.of({}))
        this = _Compared(promise, f"{lake} {fingerprint(history, covers)}", OffsetsPosition.of({history.topic: covers}))
        self._compared[pair] = this
        proof = None if self._options.full else self._known.last_proof(*pair)
        if proof is None or proof.promise != promise or proof.grade is not Grade.EXACT:
            return None
        proved = _offsets(proof, history)
        if proof.identity != f"{lake} {fingerprint(history, proved)}":
            return None
        events = events_since(history, proved)
        reads = forms.own.reads
        if events is None or not isinstance(found, HasCommits):
            return None
        then = OffsetsPosition.of({history.topic: dict(proved)})
        files = changed_by_others(declared, found, proof.position["value"], found.position, then, reads)
        if files is None or (files.share > MOST_REWRITTEN and files.gone):
            return None
        rewritten = rewritten_keys(forms.own, files.rows_gone(reads), files.rows_added(reads))
        touched = np.concatenate([events.to_series(0).cast(int).to_numpy(), rewritten])
        totals = (_rows(held), _rows(found))
        if totals[0] is None or totals[1] is None:
            return None
        sweep = Sweep.after(proof.sweep, slices())
        opened = open_buckets(plan, touched, sweep)
        made = increment(held, found, (totals[0], totals[1]), keys, plan, opened, (forms, coarse))
        if made is not None:
            self._compared[pair] = replace(this, sweep=sweep)
            self._options.say(f"{declared.name}: {made.rows:,} rows are proved since {proof.at} and not touched")
        return made

    def proofs(self, run: RunResult) -> list[Proof]:
        """Return what the run proved: of each stage that passed whole, against what it was compared with."""
        from pipeline_checks.verification.ledger.proofs import Proof

        stages = {s.name: s for s in run.stages}
        checks = {(c.stage, c.check): c for c in run.checks}
        cut = None if run.cut is None else run.cut.to_json()
        found = []
        for name, stage in stages.items():
            proving = [checks.get((name, kind)) for kind in PROVING]
            if stage.position is None or stage.covers_cut is not True:
                continue
            if any(check is None or check.verdict is not Verdict.PASS for check in proving):
                continue
            measured = checks[name, "reconcile"].judgement.measures
            held = self._pinner.settled(self._pipeline.stage(name)).covers
            for upstream in measured.get("against", ()):
                above = stages.get(upstream)
                compared = self._compared.get((upstream, name), _Compared("", "", held))
                found.append(
                    Proof(
                        upstream=upstream,
                        stage=name,
                        upstream_position=None if above is None or above.position is None else above.position.to_json(),
                        position=stage.position.to_json(),
                        covers=None if compared.covers is None else compared.covers.to_json(),
                        cut=cut,
                        rows=int(measured.get("rows", 0)),
                        promise=compared.promise,
                        identity=compared.identity,
                        sweep=None if compared.sweep is None else compared.sweep.to_json(),
                    )
                )
        return found


def promise_of(forms: Forms) -> str:
    """Return a digest of what is compared: the columns, their types and expressions, on both sides."""
    return hashlib.sha256(repr((forms.own, forms.above)).encode()).hexdigest()[:32]


def _can_be_narrowed(table: Settled, forms: Forms) -> bool:
    return len(forms.own.key) == 1 and table.declaration.kind in _LAKE_KINDS and not forms.above.key[0].is_expression


def _offsets(proof: Proof, history: TopicHistory) -> Mapping[int, int]:
    value = (proof.covers or {}).get("value", {})
    return {int(p): int(o) for p, o in value.get(history.topic, {}).items()}


def _rows(stage: PinnedStage) -> int | None:
    """The exact number of rows as the system tells it; None when it does not."""
    measure = RowCount()
    told = stage.answer(frozenset({measure})).get(measure)
    return told.value if isinstance(told, Measured) and told.grade is Grade.EXACT else None
