"""Stages of kind ``iceberg_table``: an Iceberg table by its name in a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import Position, SnapshotPosition
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration
from pipeline_checks.stages.commits import CommitMetadata, CoversDeclaration, FilesCovered, Mode, newest_covers

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from pipeline_checks.stages.iceberg_pinned import PinnedIceberg


class IcebergCatalog(BaseModel):
    """A catalog: its name (part of a table's key in a database), the URL of its database or REST service, and where
    its tables lie. One of type ``hadoop`` is nothing but the folder of its tables, and has no URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: Literal["service", "hadoop"] = "service"
    url: Annotated[SettingValue, Setting] = ""
    warehouse: Annotated[SettingValue, Setting]

    @model_validator(mode="after")
    def _has_its_url(self) -> IcebergCatalog:
        if (not self.url) != (self.type == "hadoop"):
            raise ValueError("a catalog needs its url, and one of type hadoop has none")
        return self


class IcebergTable(StageDeclaration):
    """An Iceberg table, ``table`` written as ``namespace.name``.

    ``mode`` says what a row stands for. ``covers`` says under which snapshot property the table tells what it covers:
    ``{commit_metadata: NAME}``, or ``none``. A table that is loaded file by file says of which file the rows of a
    snapshot are: ``{files: {path: NAME, etag: NAME, ...}}``.
    """

    kind: Literal["iceberg_table"] = "iceberg_table"
    catalog: IcebergCatalog
    table: str = Field(pattern=r"^[^.]+(\.[^.]+)+$")
    mode: Mode = "current"
    covers: CoversDeclaration | FilesCovered = "none"

    @property
    def row_meaning(self) -> Mode:
        return self.mode

    @property
    def covers_name(self) -> str | None:
        """The property that tells what is covered; None when none does."""
        return self.covers.commit_metadata if isinstance(self.covers, CommitMetadata) else None


class IcebergReader:
    """Asks an Iceberg table; its metadata is loaded anew at each look at the newest position."""

    def __init__(self, declaration: IcebergTable) -> None:
        self.declaration = declaration
        self._table: Table | None = None
        self._last: tuple[str, Reached] | None = None

    def reached(self) -> Reached:
        """Return the newest snapshot, and what the newest one that says so covers.

        ``detail`` has ``commit_time`` (of the newest snapshot) and ``covers_time`` (of the one that said what is
        covered), where they are known.
        """
        from pipeline_checks.stages.iceberg_history import newest_first, position_of

        table = self._table = self._load()
        if self._last is not None and self._last[0] == table.metadata_location:
            return self._last[1]
        current = table.metadata.current_snapshot_id
        newest = next(newest_first(table, current, None), None)
        said = newest_covers(newest_first(table, current, self.declaration.covers_name))
        detail: dict[str, Any] = {}
        if newest is not None:
            detail["commit_time"] = newest.timestamp
        if said is not None:
            detail["covers_time"] = said.timestamp
        reached = Reached(
            position=position_of(table.current_snapshot()),
            covers=said.covers if said else None,
            commit=str(said.version) if said else None,
            detail=detail,
        )
        self._last = (table.metadata_location, reached)
        return reached

    def at(self, position: Position) -> PinnedIceberg:
        """Return the table at a snapshot; raises TerminalError when that has been expired."""
        from pipeline_checks.stages.iceberg_pinned import PinnedIceberg

        if not isinstance(position, SnapshotPosition):
            raise TerminalError(f"{self.declaration.name} has snapshots, not a position of kind {position.kind!r}.")
        table = self._table if self._table is not None else self._load()
        wanted = position.snapshot_id
        if wanted is not None and table.snapshot_by_id(wanted) is None:
            table = self._load()
            if table.snapshot_by_id(wanted) is None:
                raise TerminalError(f"the Iceberg table {self.declaration.table} has no snapshot {wanted} any more.")
        return PinnedIceberg(self.declaration.table, table, position, self.declaration.covers_name)

    def placed(self, position: SnapshotPosition) -> SnapshotPosition:
        """Return a snapshot of which only the id is known with its place; before all others when it is not known."""
        from pipeline_checks.stages.iceberg_history import position_of

        wanted = position.snapshot_id
        found = None if wanted is None else self._load().snapshot_by_id(wanted)
        return SnapshotPosition(wanted, -1) if found is None else position_of(found)

    def close(self) -> None:
        """Forget the table."""
        self._table = self._last = None

    def _load(self) -> Table:
        from pipeline_checks.clients.lake import iceberg_catalog, load_iceberg

        given = self.declaration.catalog
        if given.type == "hadoop":
            from pipeline_checks.clients.hadoop_catalog import load_hadoop_table

            return load_hadoop_table(resolve(given.warehouse), self.declaration.table)
        catalog = iceberg_catalog(given.name, resolve(given.url), resolve(given.warehouse))
        return load_iceberg(catalog, self.declaration.table)


def open_stage(declaration: IcebergTable) -> IcebergReader:
    """Return the table as it can be asked."""
    return IcebergReader(declaration)
