"""A pipeline proposed for what exists: found, joined, proved, written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks.introspection.connectors import find_connectors
from pipeline_checks.introspection.edges import with_edges
from pipeline_checks.introspection.found import Discovered, Found, LeftOut
from pipeline_checks.introspection.kafka import find_topics
from pipeline_checks.introspection.lakes import find_delta, find_iceberg
from pipeline_checks.introspection.postgres import find_tables
from pipeline_checks.introspection.proving import pipeline_of, proved
from pipeline_checks.introspection.writing import written
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.secret import EnvironmentVariable, SettingValue, variable_named
from pipeline_checks.verification.discovery import FILE_NAME, defs_folder, sources

_NAME = re.compile(r"[A-Za-z0-9_]+")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Systems:
    """Where to look. Texts are names of environment variables, but for tables, topics and paths of lakes."""

    postgres: str | None = None
    tables: tuple[str, ...] = ()
    kafka: str | None = None
    topics: tuple[str, ...] = ()
    registry: str | None = None
    connect: str | None = None
    delta: tuple[str, ...] = ()
    iceberg: tuple[str, ...] = ()
    iceberg_url: str | None = None
    iceberg_warehouse: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A pipeline as it is proposed: the text of its file, and what it declares."""

    text: str
    pipeline: Pipeline
    left_out: tuple[LeftOut, ...]


def propose(name: str, systems: Systems, say: Callable[[str], None], *, prove: bool = True) -> Proposal:
    """Return the pipeline ``name`` over what the systems have.

    ``say`` is told what is being done; without ``prove`` what only a name speaks for is proposed unproved. Raises
    ConfigurationError when nothing is found or asked for, and the errors of the systems that cannot be asked.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot be the name of a pipeline.", next_step="Use letters, digits and _.")
    _refuse_values(systems)
    discovered = _discovered(systems, say)
    if not discovered.found:
        reasons = "".join(f"\n  {m.what}: {m.reason}" for m in discovered.left_out)
        raise ConfigurationError(f"nothing was found to propose.{reasons}", next_step="Name what exists: see --help.")
    named = _uniquely_named(discovered.found)
    found = with_edges(named)
    placed = {f.name for f in found}
    idle = tuple(LeftOut(f.name, "none of its topics was found") for f in named if f.name not in placed)
    left_out = (*discovered.left_out, *idle)
    if prove:
        found = proved(name, found, say)
    text = written(name, found, left_out)
    return Proposal(text, pipeline_of(text, "the proposal"), left_out)


def place_of(name: str, project: Path | None, *, replace: bool) -> Path:
    """Return the file for the pipeline ``name``: below the project's ``defs`` folder.

    Raises ConfigurationError when a pipeline of that name is declared elsewhere, or here and it is not to be replaced.
    """
    file = (defs_folder(project) or (project or Path.cwd()) / "defs") / name / FILE_NAME
    if file.exists() and not replace:
        raise ConfigurationError(f"{file} exists.", next_step="Choose another --name, or replace it with --force.")
    for source in sources(project) if not file.exists() else ():
        if source.name == name:
            raise ConfigurationError(
                f"there is a pipeline {name!r} already: {source.document.file}.", next_step="Choose another --name."
            )
    return file


def _refuse_values(systems: Systems) -> None:
    """Refuse a URL where the name of a variable is asked for; what was written may hold a password, and is not told."""
    for option in ("postgres", "kafka", "registry", "connect", "iceberg_url"):
        given = getattr(systems, option)
        if given is not None:
            variable_named(given, f"--{option.replace('_', '-')}")


def _discovered(systems: Systems, say: Callable[[str], None]) -> Discovered:
    found = Discovered()
    if systems.postgres is not None:
        say(f"reading the catalogs of the database in {systems.postgres}")
        found += find_tables(systems.postgres, systems.tables)
    if systems.kafka is not None:
        say(f"looking at the topics of {systems.kafka}")
        found += find_topics(systems.kafka, systems.registry, systems.topics)
    if systems.connect is not None:
        say(f"asking the connectors of {systems.connect}")
        found += _connectors(systems, found)
    for path in systems.delta:
        say(f"looking for Delta tables at {path}")
        found += find_delta(_setting(path), path)
    for table in systems.iceberg:
        if systems.iceberg_url is None or systems.iceberg_warehouse is None:
            raise ConfigurationError(
                f"where the catalog of {table} is was not said.",
                next_step="Name its variables: --iceberg-url URL_ENV --iceberg-warehouse PATH_ENV.",
            )
        say(f"reading the Iceberg catalog of {table}")
        catalog, _, wanted = table.partition(":")
        url = EnvironmentVariable(env=systems.iceberg_url)
        found += find_iceberg(catalog, wanted, url, _setting(systems.iceberg_warehouse))
    return found


def _connectors(systems: Systems, found: Discovered) -> Discovered:
    assert systems.connect is not None
    databases = {f.of_table[0] for f in found.found if f.kind == "postgres_table" and f.of_table}
    told = {str(f.fields.get("topic")) for f in found.found} | {m.what for m in found.left_out}
    database = next(iter(databases)) if databases else None
    return find_connectors(systems.connect, database, systems.postgres, systems.kafka, told)


def _setting(text: str) -> SettingValue:
    """A path, or the variable with one: what is written like a variable is one."""
    return EnvironmentVariable(env=text) if _VARIABLE.fullmatch(text) else text


def _uniquely_named(found: tuple[Found, ...]) -> list[Found]:
    """Several paths may have tables of one name."""
    taken: set[str] = set()
    named = []
    for place in found:
        name, number = place.name, 1
        while name in taken:
            number += 1
            name = f"{place.name}_{number}"
        taken.add(name)
        named.append(place.but(name=name))
    return named
