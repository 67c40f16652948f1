"""Where stages stand, read cheaply: what is returned of a stage differs exactly when the stage has to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.settings import resolve, stack_env_file
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError
from pipeline_checks.model.secret import SettingValue
from pipeline_checks.model.stage import StageDeclaration, StageReader
from pipeline_checks.stages.registry import open_stage

if TYPE_CHECKING:
    from pipeline_checks.stages.delta_changes import LogState

Position = Mapping[str, Any]
"""A JSON object. One of a stage that could not be asked is ``{"away": ...}``."""
AWAY: Final = "away"
_LOAD_TABLES: Final = ("processed_files", "run_files", "runs", "schema_versions")
_WITH_TABLES: Final = frozenset({"postgres_table", "warehouse_table", "dbt_model", "load_ledger"})


class Positions:
    """Reads positions of stages again and again, over connections that are kept.

    Connections are opened anew after an error, and when the stack that is running has changed.
    """

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str], StageReader] = {}
        self._servers: dict[str, Any] = {}
        self._catalogs: dict[tuple[str, ...], Any] = {}
        self._logs: dict[tuple[str, str], tuple[LogState, Position]] = {}
        self._stack: object = None

    def read(self, stages: Iterable[tuple[str, StageDeclaration]]) -> dict[tuple[str, str], Position | None]:
        """Return the position of each stage, given with its pipeline's name; None of one that has none of its own.

        Nothing is raised: a system that does not answer makes all of its stages ``away``, and is asked once.
        """
        self._follow_stack()
        found: dict[tuple[str, str], Position | None] = {}
        by_system: dict[tuple[str, ...], list[tuple[str, StageDeclaration]]] = {}
        for pipeline, stage in stages:
            try:
                by_system.setdefault(_system(stage), []).append((pipeline, stage))
            except ConfigurationError as problem:
                found[pipeline, stage.name] = _away(problem)
        for system, members in by_system.items():
            found.update(self._of_system(system, members))
        return found

    def close(self) -> None:
        """Give back all connections."""
        for opened in (*self._readers.values(), *self._servers.values()):
            _quietly(opened.close)
        for engine in self._catalogs.values():
            _quietly(engine.dispose)
        self._readers.clear()
        self._servers.clear()
        self._catalogs.clear()
        self._logs.clear()

    def _follow_stack(self) -> None:
        try:
            stack: object = stack_env_file().stat().st_mtime_ns
        except OSError:
            stack = None
        if stack != self._stack:
            self.close()
            self._stack = stack

    def _of_system(
        self, system: tuple[str, ...], members: list[tuple[str, StageDeclaration]]
    ) -> dict[tuple[str, str], Position | None]:
        found: dict[tuple[str, str], Position | None] = {}
        try:
            if system[0] == "postgres":
                return self._of_tables(system[1], members)
            if system[0] == "catalog":
                return self._of_catalog((system[1], system[2]), members)
        except PipelineChecksError as problem:
            self._forget_server(system)
            return {(pipeline, stage.name): _away(problem) for pipeline, stage in members}
        lost: PipelineChecksError | None = None
        for pipeline, stage in members:
            try:
                if lost is not None:
                    raise lost
                found[pipeline, stage.name] = self._of_stage(pipeline, stage)
            except PipelineChecksError as problem:
                found[pipeline, stage.name] = _away(problem)
                self._forget(pipeline, stage)
                if _is_of_system(problem) and len(system) > 1:
                    lost = problem
        return found

    def _of_stage(self, pipeline: str, stage: StageDeclaration) -> Position:
        if stage.kind == "model_file":
            return _file(resolve(stage.path))  # type: ignore[attr-defined]
        if stage.kind == "delta_table":
            return self._of_delta(pipeline, stage)
        reader: Any = self._reader(pipeline, stage)
        if stage.kind == "service":  # its log position moves with the mark of every cut
            return _states(reader.connect().status(stage.connector))  # type: ignore[attr-defined]
        reached = reader.reached()
        low = reached.detail.get("low_watermarks")
        position: dict[str, Any] = reached.position.to_json()
        return position if low is None else {**position, "first": {str(p): o for p, o in low.items()}}

    def _of_delta(self, pipeline: str, stage: StageDeclaration) -> Position:
        """An open table does not notice that its folder has gone or is another's: its log is looked at beside."""
        from pipeline_checks.stages.delta_changes import log_state

        log = log_state(stage.uri())  # type: ignore[attr-defined]
        if log is None:
            self._forget(pipeline, stage)
            return {AWAY: "no table"}
        known = self._logs.get((pipeline, stage.name))
        if known is not None and known[0] == log and log.is_exact:
            return known[1]
        if known is None or known[0].identity != log.identity:
            self._forget(pipeline, stage)
        position = {**self._reader(pipeline, stage).reached().position.to_json(), "log": log.identity}
        self._logs[pipeline, stage.name] = (log, position)
        return position

    def _of_tables(
        self, url: str, members: list[tuple[str, StageDeclaration]]
    ) -> dict[tuple[str, str], Position | None]:
        from pipeline_checks.stages.postgres_changes import table_changes
        from pipeline_checks.stages.postgres_snapshot import Server

        if url not in self._servers:
            self._servers[url] = Server(url)
        tables = {(pipeline, stage.name): _tables(stage) for pipeline, stage in members}
        changes = table_changes(self._servers[url].query, sorted({t for named in tables.values() for t in named}))
        found: dict[tuple[str, str], Position | None] = {}
        for place, named in tables.items():
            told = {t: changes[t] for t in named}
            if all(change == {} for change in told.values()):
                found[place] = None  # a view
            else:
                found[place] = {"kind": "writes", "value": told[named[0]] if len(named) == 1 else told}
        return found

    def _of_catalog(
        self, catalog: tuple[str, str], members: list[tuple[str, StageDeclaration]]
    ) -> dict[tuple[str, str], Position | None]:
        from pipeline_checks.stages.iceberg_changes import newest_metadata

        newest = newest_metadata(*catalog, self._catalogs)
        found: dict[tuple[str, str], Position | None] = {}
        for pipeline, stage in members:
            location = newest.get(stage.table)  # type: ignore[attr-defined]
            found[pipeline, stage.name] = {"kind": "metadata", "value": location} if location else {AWAY: "no table"}
        return found

    def _reader(self, pipeline: str, stage: StageDeclaration) -> StageReader:
        place = (pipeline, stage.name)
        if place not in self._readers:
            self._readers[place] = open_stage(stage)
        return self._readers[place]

    def _forget(self, pipeline: str, stage: StageDeclaration) -> None:
        self._logs.pop((pipeline, stage.name), None)
        reader = self._readers.pop((pipeline, stage.name), None)
        if reader is not None:
            _quietly(reader.close)

    def _forget_server(self, system: tuple[str, ...]) -> None:
        server = self._servers.pop(system[1], None)
        if server is not None:
            _quietly(server.close)
        self._catalogs.pop(system[1:], None)


def is_away(position: Position | None) -> bool:
    """Whether the stage could not be asked."""
    return position is not None and AWAY in position


def _away(problem: PipelineChecksError) -> Position:
    # Not the message: it may tell of times and ports, and the same trouble is not a change.
    return {AWAY: type(problem).__name__}


def _is_of_system(problem: PipelineChecksError) -> bool:
    return not isinstance(problem, TerminalError)  # such as a topic that is not there, while its brokers are


def _system(stage: StageDeclaration) -> tuple[str, ...]:
    """What has to answer so that the stage can be asked: first the kind of system, then which."""
    declared: Any = stage
    if stage.kind in _WITH_TABLES:
        return ("postgres", resolve(declared.connection.url))
    if stage.kind == "iceberg_table" and declared.catalog.type == "service":
        url = resolve(declared.catalog.url)
        if not url.startswith(("http://", "https://")):
            return ("catalog", declared.catalog.name, url)
    for field in ("brokers", "url", "bucket"):
        value: SettingValue | None = getattr(declared, field, None)
        if value is not None:
            return (field, resolve(value))
    return ("files",)


def _tables(stage: StageDeclaration) -> list[str]:
    declared: Any = stage
    if stage.kind == "load_ledger":
        return [f"{declared.namespace}.{table}" for table in _LOAD_TABLES]
    return [declared.table]


def _states(status: Mapping[str, Any] | None) -> Position:
    if status is None:
        return {AWAY: "no connector"}
    tasks = [task.get("state") for task in status.get("tasks", ())]
    return {"kind": "states", "value": [status.get("connector", {}).get("state"), *tasks]}


def _file(path: str) -> Position:
    try:
        status = Path(path).stat()
    except OSError as problem:
        return {AWAY: type(problem).__name__}
    return {"kind": "file", "value": [status.st_size, status.st_mtime_ns]}


def _quietly(close: Callable[[], None]) -> None:
    try:
        close()
    except Exception:  # what is broken already cannot be closed in order
        pass
