"""Lists of jars: ``<name>.lock`` beside this file, one jar a line as ``group:artifact:version size sha256``."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pipeline_checks.model.errors import ConfigurationError

NAMES = ("kafka", "object_store", "spark", "spark_s3")
CACHE_VARIABLE = "PIPELINE_CHECKS_CACHE"


@dataclass(frozen=True)
class Jar:
    """One pinned jar; ``size`` in bytes."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def coordinate(self) -> str:
        """``group:artifact:version``"""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def filename(self) -> str:
        """The name of the file in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def line(self) -> str:
        """The jar as a line of a lock file."""
        return f"{self.coordinate} {self.size} {self.sha256}"


@dataclass(frozen=True)
class JarList:
    """The jars of one class path in their order; ``folder`` is where they lie once fetched."""

    name: str
    jars: tuple[Jar, ...]

    @property
    def folder(self) -> Path:
        """A folder of its own for each content of the list, so that a new list never mixes with an old one."""
        content = hashlib.sha256("\n".join(jar.line for jar in self.jars).encode()).hexdigest()
        return cache() / "jars" / f"{self.name}-{content[:12]}"

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files in the order of the list."""
        return tuple(self.folder / jar.filename for jar in self.jars)

    @property
    def size(self) -> int:
        """Bytes of all jars."""
        return sum(jar.size for jar in self.jars)


def cache() -> Path:
    """Return the folder, outside of any repository, that keeps downloads: ``$PIPELINE_CHECKS_CACHE``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get(CACHE_VARIABLE) or f"{base}/pipeline_checks").expanduser().absolute()


def parse(name: str, text: str) -> JarList:
    """Return the list that a lock file says; empty lines and lines that begin with ``#`` are passed over.

    Raises ConfigurationError naming the line that is malformed.
    """
    jars: list[Jar] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split()
        parts = fields[0].split(":")
        if len(fields) != 3 or len(parts) != 3 or not fields[1].isdigit() or not _is_sha256(fields[2]):
            raise ConfigurationError(
                f"{name}.lock, line {number}: not of the form 'group:artifact:version size sha256'",
                next_step=f"Re-create the list with `pipeline-checks jars lock {name}`.",
            )
        group, artifact, version = parts
        jars.append(Jar(group, artifact, version, size=int(fields[1]), sha256=fields[2]))
    names = [jar.filename for jar in jars]
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled or not jars:
        raise ConfigurationError(
            f"{name}.lock: " + (f"{', '.join(doubled)} more than once" if doubled else "no jars"),
            next_step=f"Re-create the list with `pipeline-checks jars lock {name}`.",
        )
    return JarList(name, tuple(jars))


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def jar_list(name: str) -> JarList:
    """Return the list of that name, one of ``NAMES``."""
    if name not in NAMES:
        raise ConfigurationError(
            f"there is no list of jars called {name!r}", next_step=f"Use one of {', '.join(NAMES)}."
        )
    return parse(name, resources.files(__package__).joinpath(f"{name}.lock").read_text())
