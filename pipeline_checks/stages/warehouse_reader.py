"""Tables of a warehouse as they can be asked, each at the position that loads or runs of dbt tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import Facts, Measure, Measured
from pipeline_checks.model.position import InstantPosition, LsnPosition, Position, VersionPosition
from pipeline_checks.model.stage import Reached, exact
from pipeline_checks.stages.dbt_model import DbtModel
from pipeline_checks.stages.postgres_pinned import PinnedPostgres
from pipeline_checks.stages.warehouse_state import DbtRun, Load, load_of, loads_of, newest_run, test_results

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_snapshot import Snapshot
    from pipeline_checks.stages.warehouse_table import WarehouseTable


class PinnedWarehouse(PinnedPostgres):
    """A table or model in one snapshot of its warehouse, at the position that this snapshot tells of it."""

    def __init__(self, declaration: WarehouseTable | DbtModel, snapshot: Snapshot, told: Load | DbtRun | None) -> None:
        super().__init__(*declaration.schema_and_table, LsnPosition(snapshot.lsn), lambda: snapshot)
        self.position = position_of(told, snapshot)  # type: ignore[assignment]  # of a table of its own, an LSN
        self.told = told
        self._declaration = declaration

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return what Postgres computes, and facts.

        ``Facts("load")`` is what the newest load or run tells of itself; ``Facts("tests")`` of a model what dbt's tests
        found about it (None where no table of results is declared).
        """
        facts = {m for m in measures if isinstance(m, Facts)}
        answers = super().answer(measures - facts)
        return answers | {asked: exact(self._told(asked.topic)) for asked in facts}

    def _told(self, topic: str) -> Any:
        if topic == "load":
            return _facts(self.told)
        if topic == "tests" and isinstance(self._declaration, DbtModel):
            table, model = self._declaration.tests, self._declaration.schema_and_table[1]
            if table is None or not isinstance(self.told, DbtRun):
                return None
            return test_results(self._snapshot, table, self.told.id, model)
        raise ConfigurationError(f"a warehouse tells nothing of {topic!r}.", next_step="It tells: load, tests.")


class WarehouseReader:
    """Asks a table by itself. Within a verification all tables of a warehouse are read in one snapshot."""

    def __init__(self, declaration: WarehouseTable | DbtModel) -> None:
        self.declaration = declaration
        self._snapshots: list[Snapshot] = []
        self._pinned: dict[Position, PinnedWarehouse] = {}

    def reached(self) -> Reached:
        """Return the newest position."""
        pinned = self._seen()
        self._pinned[pinned.position] = pinned
        return Reached(pinned.position)

    def at(self, position: Position) -> PinnedWarehouse:
        """Return the table at a position that was reached before."""
        if position not in self._pinned:
            raise TerminalError(f"{self.declaration.name} has not been seen at this position.")
        return self._pinned[position]

    def close(self) -> None:
        """Give back the connections."""
        for snapshot in self._snapshots:
            snapshot.close()
        self._snapshots.clear()
        self._pinned.clear()

    def _seen(self) -> PinnedWarehouse:
        from pipeline_checks.stages.postgres_snapshot import Snapshot

        self.close()
        self._snapshots.append(Snapshot(resolve(self.declaration.connection.url)))
        return pinned_in(self._snapshots[-1], self.declaration)


def pinned_in(snapshot: Snapshot, declaration: WarehouseTable | DbtModel) -> PinnedWarehouse:
    """Return a table or model as a snapshot of its warehouse has it."""
    if isinstance(declaration, DbtModel):
        return PinnedWarehouse(declaration, snapshot, newest_run(snapshot, declaration.runs))
    if declaration.loads is None:
        return PinnedWarehouse(declaration, snapshot, None)
    return PinnedWarehouse(declaration, snapshot, load_of(loads_of(snapshot, declaration.loads), declaration.table))


def position_of(told: Load | DbtRun | None, snapshot: Snapshot) -> Position:
    """Return the position that a load or a run tells; the place in the log where none does."""
    if isinstance(told, Load):
        return InstantPosition(told.at) if told.version is None else VersionPosition(told.version)
    if isinstance(told, DbtRun):
        return InstantPosition(told.finished_at)
    return LsnPosition(snapshot.lsn)


def _facts(told: Load | DbtRun | None) -> Mapping[str, Any]:
    if isinstance(told, Load):
        return {"load_id": told.id, "version": told.version, "rows": told.rows, "at": told.at.isoformat()}
    if isinstance(told, DbtRun):
        return {"at": told.finished_at.isoformat(), "run_id": told.id, "loads": dict(told.loads)}
    return {}
