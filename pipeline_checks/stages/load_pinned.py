"""What a service tells of the files that it loads, at one moment."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.loading import Loads
from pipeline_checks.model.measure import Facts, Measure, Measured
from pipeline_checks.model.position import Position
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.stage import Rows, exact


class PinnedLoads:
    """Answers about what was told; it has no rows."""

    def __init__(self, position: Position, loads: Loads) -> None:
        self.position = position
        self.loads = loads

    def schema(self) -> Schema:
        """Return no columns."""
        return Schema((), enforces_nullability=False)

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return the facts ``loads``: how many files and runs there are in each state."""
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, Facts):
                if measure.topic != "loads":
                    raise ConfigurationError(f"loads tell nothing of {measure.topic!r}.", next_step="They tell: loads.")
                answers[measure] = exact(
                    {
                        "files": _counted(f.status for f in self.loads.files),
                        "runs": _counted(r.status for r in self.loads.runs),
                    }
                )
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> Rows:
        """Raise TerminalError: there are none."""
        raise TerminalError("what a service tells of its loads has no rows.")


def _counted(states: object) -> dict[str, int]:
    from collections import Counter

    return dict(sorted(Counter(states).items()))  # type: ignore[call-overload]
