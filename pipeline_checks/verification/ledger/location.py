"""Where the ledger lies: a file in the home, or a Postgres database that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline_checks.clients.settings import home, read_stack_env, resolve
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from sqlalchemy import URL

URL_VARIABLE: Final = "PIPELINE_CHECKS_LEDGER_URL"
FILE: Final = "ledger.db"
_DIALECTS: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite",
}


@dataclass(frozen=True)
class Location:
    """The database of a ledger. ``file`` is the file of an embedded one, None for a server's."""

    url: URL
    file: Path | None

    def __str__(self) -> str:
        return str(self.file) if self.file is not None else self.url.render_as_string(hide_password=True)


def location() -> Location:
    """Return where the ledger lies: ``$PIPELINE_CHECKS_LEDGER_URL``, else ``ledger.db`` in the home.

    Raises ConfigurationError when the URL is not one of Postgres or SQLite; its text is not repeated.
    """
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    written = os.environ.get(URL_VARIABLE) or read_stack_env().get(URL_VARIABLE)
    if not written:
        file = home() / FILE
        return Location(URL.create("sqlite", database=str(file)), file)
    try:
        url = make_url(written)
    except (ArgumentError, ValueError):
        raise _refused("is not a URL") from None
    dialect = _DIALECTS.get(url.drivername)
    if dialect is None:
        raise _refused(f"names {url.drivername!r}, which cannot hold a ledger")
    if not url.database:
        raise _refused("names no database")
    url = url.set(drivername=dialect)
    return Location(url, Path(url.database or "").absolute() if dialect == "sqlite" else None)


def refuse_captured(place: Location, stages: Iterable[StageDeclaration]) -> None:
    """Raise ConfigurationError when the ledger lies in a database that one of the stages reads.

    Its own writes would then be changes of the database whose changes it tells of.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if place.file is not None:
        return
    for stage in stages:
        setting = getattr(getattr(stage, "connection", None), "url", None)
        if setting is None:
            continue
        try:
            captured = make_url(resolve(setting))
        except (ArgumentError, ValueError, ConfigurationError):
            continue  # settling the stage tells what is wrong with its settings
        if _server(captured) == _server(place.url):
            raise ConfigurationError(
                f"the ledger lies in the database that {stage.name} captures",
                next_step=f"Name another database in {URL_VARIABLE}, or leave it out for a file in the home.",
                stage=stage.name,
            )


def _server(url: URL) -> tuple[str, int, str]:
    host = (url.host or "localhost").lower()
    return ("localhost" if host in ("127.0.0.1", "::1") else host, url.port or 5432, url.database or "")


def _refused(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{URL_VARIABLE} {what}",
        next_step="Write postgresql://user@host:5432/database, or leave it out for a file in the home.",
        variable=URL_VARIABLE,
    )
