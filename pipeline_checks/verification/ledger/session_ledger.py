"""The ledger of one verification session: what it cannot do becomes a message of the run, never an error or verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.previous import PreviousState
from pipeline_checks.model.result import RunResult

if TYPE_CHECKING:
    from pipeline_checks.verification.ledger.ledger import Ledger
    from pipeline_checks.verification.ledger.proofs import Proof

KEPT_FACTS: Final = frozenset({"connector", "offset", "slots", "publication"})
"""Topics of ``Facts`` that a later run may want to compare with: small, and not told by the stage's data."""
_SECRET = re.compile(r"password|passphrase|secret|token|credential|jaas|private|api[._-]?key", re.IGNORECASE)

T = TypeVar("T")


class SessionLedger:
    """Reads and writes for one session. The database, and the library for it, are loaded at the first use."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._ledger: Ledger | None = None
        self._problems: list[str] = []

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read or written, each once."""
        return tuple(dict.fromkeys(self._problems))

    def close(self) -> None:
        """Give back the connections."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def previous(self, stage: str) -> PreviousState:
        """Return what earlier runs found of a stage; with the reason where that could not be read."""
        found = self._read(lambda: self._opened().previous(self._pipeline.name, stage))
        return PreviousState(problem=self._problems[0]) if found is None else found

    def last_proof(self, upstream: str, stage: str) -> Proof | None:
        """Return up to where two stages were proved to agree; None when they never were, or it cannot be read."""
        return self._read(lambda: self._opened().last_proof(self._pipeline.name, upstream, stage))

    def record(
        self, run: RunResult, facts: Mapping[tuple[str, str], Any], proofs: Callable[[], Sequence[Proof]]
    ) -> None:
        """Write what a run found, and what ``proofs`` tells that it proved."""
        kept = {(stage, topic): masked(value) for (stage, topic), value in facts.items() if topic in KEPT_FACTS}
        self._tried("written", lambda: self._opened().record(run, kept, proofs()))

    def _opened(self) -> Ledger:
        if self._ledger is None:
            from pipeline_checks.verification.ledger.ledger import Ledger

            self._ledger = Ledger.of(self._pipeline.stages)
        return self._ledger

    def _read(self, action: Callable[[], T]) -> T | None:
        """Return what was read; None at the first problem and, so that no check waits for it again, ever after."""
        return None if self._problems else self._tried("read", action)

    def _tried(self, what: str, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except PipelineChecksError as problem:
            self._problems.append(f"the ledger could not be {what}: {problem}")
        except Exception as problem:  # a fault of ours about the ledger must not cost the verdicts
            self._problems.append(f"the ledger could not be {what}: {type(problem).__name__}")
        return None


def masked(value: Any, name: str = "") -> Any:
    """Return facts without what stands under a name that secrets have.

    >>> masked({"config": {"database.password": "x", "tasks.max": 1}})
    {'config': {'database.password': '***', 'tasks.max': 1}}
    """
    if isinstance(value, Mapping):
        return {key: masked(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, name) for one in value]
    return "***" if value is not None and _SECRET.search(name) else value
