"""Stages of kind ``delta_table``: a Delta table by its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pipeline_checks.clients.lake import open_delta, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import Position, VersionPosition
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration
from pipeline_checks.stages.commits import CommitMetadata, CoversDeclaration, Mode, newest_covers
from pipeline_checks.stages.delta_log import DeltaLog
from pipeline_checks.stages.delta_pinned import PinnedDelta

if TYPE_CHECKING:
    import deltalake


class DeltaTable(StageDeclaration):
    """A Delta table.

    ``path`` is its folder or URL, or the base of several tables when ``table`` names the one below it. ``mode`` says
    what a row stands for. ``covers`` says where the table's commits tell what they cover: ``{commit_metadata: NAME}``,
    or ``none``.
    """

    kind: Literal["delta_table"] = "delta_table"
    path: Annotated[SettingValue, Setting]
    table: str | None = None
    mode: Mode = "current"
    covers: CoversDeclaration = "none"

    @property
    def row_meaning(self) -> Mode:
        return self.mode

    def uri(self) -> str:
        """Return path or URL of the table; raises ConfigurationError when its variable is not set."""
        base = resolve(self.path).rstrip("/")
        return f"{base}/{self.table}" if self.table else base


class DeltaReader:
    """Asks a Delta table; the log is read once and then followed."""

    def __init__(self, declaration: DeltaTable) -> None:
        self.declaration = declaration
        self._table: deltalake.DeltaTable | None = None
        self._log: DeltaLog | None = None
        self._last: Reached | None = None

    def reached(self) -> Reached:
        """Return the newest version and what it covers.

        ``detail`` has ``commit_time`` (of the newest commit), ``covers_version`` and ``covers_time`` (of the commit
        that said what is covered), where they are known.
        """
        version = self._newest_version()
        if self._last is None or self._last.position != VersionPosition(version):
            log = self._read_log()
            newest = next(log.newest_first(version), None)
            says = isinstance(self.declaration.covers, CommitMetadata)
            said = newest_covers(log.newest_first(version)) if says else None
            detail: dict[str, Any] = {}
            if newest is not None:
                detail["commit_time"] = newest.timestamp
            if said is not None:
                detail |= {"covers_version": said.version, "covers_time": said.timestamp}
            self._last = Reached(
                position=VersionPosition(version),
                covers=said.covers if said else None,
                commit=str(said.version) if said else None,
                detail=detail,
            )
        return self._last

    def at(self, position: Position) -> PinnedDelta:
        """Return the table at a version."""
        if not isinstance(position, VersionPosition):
            raise TerminalError(f"{self.declaration.name} has versions, not a position of kind {position.kind!r}.")
        opened = None
        if self._table is not None and self._table.version() == position.version:
            # Handed over, since its log need not be read again; whoever asks for a newer version opens another.
            opened, self._table = self._table, None
        return PinnedDelta(self.declaration.uri(), position, self._read_log(), opened)

    def close(self) -> None:
        """Forget the table."""
        self._table = self._last = None

    def _read_log(self) -> DeltaLog:
        if self._log is None:
            covers = self.declaration.covers
            name = covers.commit_metadata if isinstance(covers, CommitMetadata) else None
            self._log = DeltaLog(self.declaration.uri(), name)
        return self._log

    def _newest_version(self) -> int:
        if self._table is None:
            self._table = open_delta(self.declaration.uri())
        else:
            with translated(f"reading the log of the Delta table {self.declaration.uri()}"):
                self._table.update_incremental()
        return int(self._table.version())


def open_stage(declaration: DeltaTable) -> DeltaReader:
    """Return the table as it can be asked."""
    return DeltaReader(declaration)
