"""Delta tables below a path, and Iceberg tables of a catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pipeline_checks.clients.lake import iceberg_catalog, open_delta, storage_options, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.introspection.found import Discovered, Found, FoundColumn, LeftOut
from pipeline_checks.introspection.names import event_times, keys, stage_name
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError
from pipeline_checks.model.secret import EnvironmentVariable, SettingValue
from pipeline_checks.stages.commits import parse_covers

_COMMITS: Final = 20
"""How many of the newest commits are asked whether they say what the table covers."""
_DEPTH: Final = 2
"""How many folders deep tables are looked for below a path."""


def find_delta(path: SettingValue, shown: str) -> Discovered:
    """Return the Delta table at ``path``, or those in the folders below it; ``shown`` is how messages name the path.

    Raises ConfigurationError when there is none.
    """
    base = resolve(path).rstrip("/")
    try:
        below = list(_delta_tables(base))
    except TerminalError:  # not even a folder
        below = []
    if not below:
        raise ConfigurationError(f"there is no Delta table at {shown}.", next_step="Name a table, or a folder of them.")
    setting = {"env": path.env} if isinstance(path, EnvironmentVariable) else base
    found: list[Found] = []
    left_out: list[LeftOut] = []
    for table in below:
        fields: dict[str, Any] = {"path": setting} | ({"table": table} if table else {})
        name = table or base.rpartition("/")[2]
        try:
            said = _said_by_delta(f"{base}/{table}" if table else base)
            found.append(_table("delta_table", stage_name("delta", name, [f.name for f in found]), name, fields, said))
        except PipelineChecksError as problem:
            left_out.append(LeftOut(f"{shown}/{table}" if table else shown, problem.message))
    return Discovered(tuple(found), tuple(left_out))


def find_iceberg(name: str, wanted: str, url: SettingValue, warehouse: SettingValue) -> Discovered:
    """Return tables of the Iceberg catalog ``name``: the one that ``wanted`` names, those of a namespace, or all.

    Raises the errors of ``clients.lake``, and ConfigurationError when there is no such table.
    """
    catalog = iceberg_catalog(name, resolve(url), resolve(warehouse))
    with translated(f"listing the tables of the Iceberg catalog {name}"):
        spaces = [space for space in _namespaces(catalog) if _may_hold(".".join(space), wanted)]
        listed = sorted(".".join(i) for space in spaces for i in catalog.list_tables(space))
    tables = [t for t in listed if not wanted or t == wanted or t.startswith(f"{wanted}.")]
    if not tables:
        known = f"It has: {', '.join(listed)}." if listed else "It has no table there."
        raise ConfigurationError(
            f"the Iceberg catalog {name} has no table {wanted}.".replace("  ", " "), next_step=known
        )
    settings = {
        "name": name,
        "url": {"env": url.env} if isinstance(url, EnvironmentVariable) else url,
        "warehouse": {"env": warehouse.env} if isinstance(warehouse, EnvironmentVariable) else warehouse,
    }
    found: list[Found] = []
    left_out: list[LeftOut] = []
    for table in tables:
        bare = table.rpartition(".")[2]
        fields = {"catalog": settings, "table": table}
        try:
            with translated(f"loading the Iceberg table {table}"):
                said = [dict(s.summary.additional_properties) for s in _snapshots(catalog.load_table(table))]
            stage = stage_name("iceberg", bare, [f.name for f in found])
            found.append(_table("iceberg_table", stage, bare, fields, said))
        except PipelineChecksError as problem:
            left_out.append(LeftOut(f"{name}:{table}", problem.message))
    return Discovered(tuple(found), tuple(left_out))


def _table(kind: str, stage: str, name: str, fields: Mapping[str, Any], said: Iterable[Mapping[str, Any]]) -> Found:
    from pipeline_checks.stages.registry import declaration_class, open_stage

    reader = open_stage(declaration_class(kind).model_validate({"name": stage, "kind": kind, **fields}))
    try:
        pinned = reader.at(reader.reached().position)
        columns = {f.name: FoundColumn(f.type, f.nullable) for f in pinned.schema().fields}
    finally:
        reader.close()
    property_, topics = _covered(said)
    return Found(
        name=stage,
        kind=kind,
        subject=name.rpartition("/")[2],
        fields=fields,
        columns=columns,
        keys=keys(columns, name.rpartition("/")[2]),
        event_times=event_times(columns),
        fed_by=topics,
        commits_say=property_,
    )


def _covered(said: Iterable[Mapping[str, Any]]) -> tuple[str | None, tuple[str, ...]]:
    """Under which name the newest commit that does so tells topics and offsets, and of which topics."""
    for commit in said:
        for name, value in commit.items():
            offsets = parse_covers(value)
            if offsets is not None and offsets.offsets:
                return name, tuple(offsets.value())
    return None, ()


def _said_by_delta(uri: str) -> list[dict[str, Any]]:
    import orjson

    table = open_delta(uri)
    with translated(f"reading the log of the Delta table {uri}"):
        history = table.history(_COMMITS)
    found = []
    for commit in history:
        own = commit.get("userMetadata")
        try:
            said = orjson.loads(own) if isinstance(own, str) else own
        except orjson.JSONDecodeError:
            said = None
        found.append({**commit, **(said if isinstance(said, dict) else {})})
    return found


def _delta_tables(base: str) -> Iterator[str]:
    """Yield the tables below a path by their relative paths; the empty one for the path itself."""
    import pyarrow.fs
    from deltalake import DeltaTable
    from deltalake.fs import DeltaStorageHandler

    with translated(f"looking for Delta tables at {base}"):
        if DeltaTable.is_deltatable(base, storage_options=storage_options(base)):
            yield ""
            return
        store = pyarrow.fs.PyFileSystem(DeltaStorageHandler(base, storage_options(base)))
        folders, depth = [""], 0
        while folders and depth < _DEPTH:
            depth += 1
            listed = [i for f in folders for i in store.get_file_info(pyarrow.fs.FileSelector(f, allow_not_found=True))]
            inner = [i.path.strip("/") for i in listed if i.type == pyarrow.fs.FileType.Directory]
            folders = []
            for folder in sorted(inner):
                if DeltaTable.is_deltatable(f"{base}/{folder}", storage_options=storage_options(base)):
                    yield folder
                else:
                    folders.append(folder)


def _namespaces(catalog: Any, parent: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for space in catalog.list_namespaces(parent):
        if len(space) > len(parent):
            yield tuple(space)
            yield from _namespaces(catalog, tuple(space))


def _may_hold(space: str, wanted: str) -> bool:
    return not wanted or f"{wanted}.".startswith(f"{space}.") or f"{space}.".startswith(f"{wanted}.")


def _snapshots(table: Any) -> Iterator[Any]:
    """Yield the newest snapshots that led to the current one."""
    found = table.current_snapshot()
    for _ in range(_COMMITS):
        if found is None:
            return
        if found.summary is not None:
            yield found
        found = None if found.parent_snapshot_id is None else table.snapshot_by_id(found.parent_snapshot_id)
