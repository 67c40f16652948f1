"""The home of a stack: the folder with its settings, data and logs, and the few places that cannot lie in it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks.clients import settings
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError

SOCKET_PATH_LIMIT = 90
"""Bytes. The kernel allows 107; supervisord binds under a temporary name that is up to ten bytes longer."""


SPACE_NEEDED = 256 << 20
"""Bytes. A start with less free would fail somewhere in the middle, with the words of whoever met the end first."""


@dataclass(frozen=True)
class Home:
    """The folder in which one stack lives; see ``clients.settings.home``."""

    path: Path

    @classmethod
    def current(cls) -> Home:
        """Return the home that the environment names."""
        return cls(settings.home())

    @property
    def env_file(self) -> Path:
        """What the stack chose, for everyone who uses it."""
        return self.path / "stack.env"

    @property
    def lock_file(self) -> Path:
        """Held while a command changes the stack."""
        return self.path / "stack.lock"

    @property
    def services(self) -> Path:
        """Configuration and data, a folder per service."""
        return self.path / "services"

    @property
    def logs(self) -> Path:
        """One log per service."""
        return self.path / "logs"

    @property
    def supervisor_config(self) -> Path:
        """The generated configuration of supervisord."""
        return self.path / "supervisord.conf"

    @property
    def supervisor_pid_file(self) -> Path:
        """Where supervisord writes its process id."""
        return self.path / "supervisord.pid"

    @property
    def processes_file(self) -> Path:
        """Process ids and start times as last seen, to find what a dead supervisor left behind."""
        return self.path / "processes.json"

    @property
    def starts_file(self) -> Path:
        """When each service was started and ready, as far as it was started by `up`."""
        return self.path / "starts.json"

    @property
    def key(self) -> str:
        """A short name derived from the path, for what must lie outside of it."""
        return hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

    @property
    def socket(self) -> Path:
        """The socket of supervisord: in the home, or in a short folder when the path would be too long for a socket."""
        inside = self.path / "supervisor.sock"
        return inside if len(os.fsencode(inside)) <= SOCKET_PATH_LIMIT else self.outside / "supervisor.sock"

    @property
    def outside(self) -> Path:
        """A folder of this home under the system's temporary directory, for what cannot lie in the home."""
        return outside_root() / self.key

    def folder(self, service: str) -> Path:
        """Return the folder of a service."""
        return self.services / service

    def log(self, service: str) -> Path:
        """Return the log of a service."""
        return self.logs / f"{service}.log"

    def make(self) -> None:
        """Make the folders. Raises ConfigurationError when the home cannot be written, TerminalError on a full disk."""
        with writing(self.path):
            for folder in (self.path, self.services, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.path / f".write-probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
            if shutil.disk_usage(self.path).free < SPACE_NEEDED:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.socket.parent != self.path:
            private_folder(self.socket.parent)


def outside_root() -> Path:
    """Return the folder, one per user, that holds what cannot lie in a home."""
    base = next((Path(p) for p in (tempfile.gettempdir(), "/tmp", "/var/tmp") if _suits(Path(p))), None)
    if base is None:
        raise ConfigurationError(
            f"the temporary directory {tempfile.gettempdir()} is closed to other users, or its path is too long",
            next_step="Set TMPDIR to a short folder that everyone may enter, such as /var/tmp.",
        )
    return base / f"pipeline_checks-{os.getuid()}"


def _suits(base: Path) -> bool:
    return reachable_by_others(base) and os.access(base, os.W_OK) and len(os.fsencode(base)) <= 40


def private_folder(path: Path, mode: int = 0o711) -> Path:
    """Make a folder under a shared directory and return it.

    Raises ConfigurationError when it is a link or belongs to someone else, who could then exchange what lies in it.
    """
    for folder in (path.parent, path):
        with writing(folder):
            folder.mkdir(mode=mode, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise ConfigurationError(
                f"{folder} exists and is not a folder of this user",
                next_step="Remove it, or set TMPDIR to another folder.",
                path=str(folder),
            )
        folder.chmod(mode)
    return path


def reachable_by_others(path: Path) -> bool:
    """Whether a user without rights of its own can reach ``path``: every folder above lets everyone pass."""
    path = path.resolve()
    existing = next(p for p in (path, *path.parents) if p.exists())
    return all(_passable(p) for p in (existing, *existing.parents))


def _passable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXOTH)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's errors of writing to ``path`` into errors that say what to do."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # not of the disk: errors of HTTP clients are OSErrors as well
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TerminalError(
                f"no space, or too little, is left on the disk of {path}",
                next_step="Free some space (the stack needs about 1 GB), or set PIPELINE_CHECKS_HOME to another disk.",
                path=str(path),
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise ConfigurationError(
                f"{path} cannot be written: {error.strerror}",
                next_step="Set PIPELINE_CHECKS_HOME to a folder that you may write to.",
                path=str(path),
            ) from error
        raise TransientError(
            f"{path} cannot be written: {error.strerror}", next_step="Look at the disk.", path=str(path)
        ) from error
