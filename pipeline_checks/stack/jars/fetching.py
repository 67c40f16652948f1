"""Fetches jars into the cache: in parallel, each verified by its sha256 before it gets its name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.home import writing
from pipeline_checks.stack.jars.lists import Jar, JarList, cache

if TYPE_CHECKING:
    from jgo.maven import MavenContext

MIRROR_VARIABLE = "PIPELINE_CHECKS_MAVEN_MIRROR"
PARALLEL = 8
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30
_SEEN = ".verified.json"

Progress = Callable[[str, int, int], None]
"""Called with the file that has just been fetched, the bytes fetched so far and the bytes to fetch."""


def fetch(lists: Iterable[JarList], progress: Progress = lambda name, done, total: None) -> None:
    """Make every jar of the lists lie in the cache, verified. What lies there already is not fetched again.

    Raises
    ------
    TransientError
        A download failed; what was fetched stays, and another call goes on from there.
    TerminalError
        A jar was downloaded whole and is not the one that the list names.
    """
    from filelock import FileLock

    lists = tuple(lists)
    with writing(cache()):
        for each in lists:
            each.folder.mkdir(parents=True, exist_ok=True)
    if not any(_missing(each, _seen(each.folder)) for each in lists):
        return
    # Two commands may fetch at once: the second waits and then finds the files of the first.
    with FileLock(cache() / "jars" / ".lock"):
        wanted = [(each.folder, jar) for each in lists for jar in _missing(each, _seen(each.folder))]
        try:
            _fetch_all(wanted, progress)
        finally:
            for each in lists:
                _remember(each)


def is_complete(jars: JarList) -> bool:
    """Whether every jar of the list lies in the cache as it was when it was verified."""
    return not _missing(jars, _seen(jars.folder))


def _fetch_all(wanted: list[tuple[Path, Jar]], progress: Progress) -> None:
    wanted = [(folder, jar) for folder, jar in wanted if not _is_right(folder / jar.filename, jar)]
    if not wanted:
        return
    total, done = sum(jar.size for _, jar in wanted), 0
    with (
        tempfile.TemporaryDirectory(prefix=".partial-", dir=cache() / "jars") as scratch,
        ThreadPoolExecutor(PARALLEL, thread_name_prefix="jars") as pool,
    ):
        stop = threading.Event()
        running = {pool.submit(_fetch_one, jar, folder, Path(scratch), stop): jar for folder, jar in wanted}
        try:
            for finished in as_completed(running):
                finished.result()
                done += running[finished].size
                progress(running[finished].filename, done, total)
        except BaseException:
            stop.set()  # those not yet begun return at once, so that the error is not held up by the queue
            raise


def _fetch_one(jar: Jar, folder: Path, scratch: Path, stop: threading.Event) -> None:
    import tenacity

    if stop.is_set():
        return
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, TransientError) and not stop.is_set()),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=0.5, max=5),
        reraise=True,
    )
    target = folder / jar.filename
    for attempt in attempts:
        with attempt, tempfile.TemporaryDirectory(dir=scratch) as own:
            downloaded = _download(jar, Path(own))
            _verify(jar, downloaded)
            with writing(target):
                downloaded.replace(target)


def _download(jar: Jar, repository: Path) -> Path:
    try:
        artifact = maven(repository).project(jar.group, jar.artifact).at_version(jar.version).artifact()
        with writing(repository):
            path = artifact.context.resolver.download(artifact)
    except PipelineChecksError:
        raise
    except Exception as error:  # jgo raises RuntimeError, and lets those of requests pass
        raise TransientError(
            f"{jar.coordinate} could not be fetched: {_reason(error)}",
            next_step=(
                "Check the network and run the command again, it goes on where it stopped; "
                f"{MIRROR_VARIABLE} names another Maven repository."
            ),
            jar=jar.coordinate,
        ) from error
    assert path is not None, "the resolver downloads or raises"
    return Path(path)


def maven(repository: Path) -> MavenContext:
    """Return jgo's context with ``repository`` as its own cache, on Maven's central repository or the mirror."""
    import logging

    from jgo.maven import MavenContext

    logging.getLogger("jgo").setLevel(logging.ERROR)
    mirror = os.environ.get(MIRROR_VARIABLE)
    return MavenContext(
        repo_cache=repository,
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=_TIMEOUT_SECONDS,
    )


def _reason(error: Exception) -> str:
    text = str(error)
    if "not found in remote repositories" in text:
        return "the repository does not have it"
    return f"{type(error).__name__}: {text[:200]}"


def sha256(path: Path) -> str:
    """Return the checksum of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(jar: Jar, path: Path) -> None:
    size = path.stat().st_size
    if size < jar.size:
        raise TransientError(
            f"{jar.coordinate} was cut off: {size} of {jar.size} bytes", next_step="Run the command again."
        )
    found = sha256(path)
    if found != jar.sha256:
        raise TerminalError(
            f"{jar.coordinate} has the wrong checksum: sha256 {found} instead of {jar.sha256}",
            next_step=f"The repository serves another file than the pinned one: check {MIRROR_VARIABLE} or the proxy.",
            jar=jar.coordinate,
        )


def _is_right(path: Path, jar: Jar) -> bool:
    return path.exists() and path.stat().st_size == jar.size and sha256(path) == jar.sha256


# What was verified is remembered by size and time of change, so that a warm start looks at 135 files and reads none.


def _fingerprint(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _seen(folder: Path) -> Mapping[str, list[int]]:
    try:
        found = json.loads((folder / _SEEN).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _missing(jars: JarList, seen: Mapping[str, list[int]]) -> list[Jar]:
    def differs(jar: Jar) -> bool:
        try:
            return seen.get(jar.filename) != _fingerprint(jars.folder / jar.filename)
        except FileNotFoundError:
            return True

    return [jar for jar in jars.jars if differs(jar)]


def _remember(jars: JarList) -> None:
    seen = dict(_seen(jars.folder))
    for jar in _missing(jars, seen):
        path = jars.folder / jar.filename
        seen.pop(jar.filename, None)
        if _is_right(path, jar):
            seen[jar.filename] = _fingerprint(path)
    replace_file(jars.folder / _SEEN, json.dumps(seen))


def remove_partial_downloads() -> None:
    """Remove what killed commands left behind."""
    for folder in (cache() / "jars").glob(".partial-*"):
        with suppress(OSError):
            shutil.rmtree(folder)
