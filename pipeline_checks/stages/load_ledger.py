"""Stages of kind ``load_ledger``: what a service writes into Postgres about the files that it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import LsnPosition, Position
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration
from pipeline_checks.stages.postgres import PostgresConnection

if TYPE_CHECKING:
    from pipeline_checks.model.loading import Loads
    from pipeline_checks.stages.load_pinned import PinnedLoads


class LoadLedger(StageDeclaration):
    """The tables ``ingestions``, ``runs``, ``run_files``, ``processed_files``, ``schema_versions`` and ``refreshes``.

    They are read in one transaction, so that all of it is of one moment. ``ingestion`` is the name of the one that is
    looked at, and ``namespace`` the schema of Postgres in which the tables are. A run is alive for ``lease`` after it
    was heard of last where the tables do not say until when; a file is tried again ``retries`` times by itself.
    """

    kind: Literal["load_ledger"] = "load_ledger"
    connection: PostgresConnection
    ingestion: Annotated[SettingValue, Setting]
    namespace: str = "public"
    lease: Annotated[Duration, Field(gt=0)] = 60.0
    retries: int = Field(default=3, ge=0)

    @property
    def holds_rows(self) -> bool:
        """It tells of files and runs; the rows are elsewhere."""
        return False


class LoadLedgerReader:
    """Reads the tables anew at each look."""

    def __init__(self, declaration: LoadLedger) -> None:
        self.declaration = declaration
        self._seen: dict[Position, Loads] = {}

    def reached(self) -> Reached:
        """Return where the server's log stood when the tables were read."""
        from pipeline_checks.stages.load_tables import read_loads

        url = resolve(self.declaration.connection.url)
        declared = self.declaration
        lsn, loads = read_loads(url, declared.namespace, resolve(declared.ingestion), declared.lease)
        position = LsnPosition(lsn)
        self._seen[position] = loads
        return Reached(position)

    def at(self, position: Position) -> PinnedLoads:
        """Return what the tables told at a position that has been looked at."""
        from pipeline_checks.stages.load_pinned import PinnedLoads

        if position not in self._seen:
            raise TerminalError(f"{self.declaration.name} has not been read at this position.")
        return PinnedLoads(position, self._seen[position])

    def close(self) -> None:
        """Nothing is held open."""


def open_stage(declaration: LoadLedger) -> LoadLedgerReader:
    """Return the ledger as it can be asked."""
    return LoadLedgerReader(declaration)
