"""Files that come, change or go behind the service's back, and files that cannot be loaded."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline_checks.clients.object_store import ObjectStore
from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.expectation import ExpectedFinding
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.ingestion.scenarios.words import METADATA, SOURCE, key_of, of_file, path_of, scenario
from pipeline_checks.pipelines.ingestion.seed.source import lines
from pipeline_checks.pipelines.ingestion.service_client import IngestionClient
from pipeline_checks.stack.home import Home

FAR = 900_000
"""The first number of the records that scenarios write."""
_LONG_AGO = 7200.0
"""Seconds; longer than a file may be there without being loaded."""


@dataclass(frozen=True)
class WrittenObject:
    """An object is written: a new one, or another in place of the first one that was loaded."""

    name: str
    description: str
    key: str
    content: Callable[[], bytes]
    is_old: bool = False
    """Whether it has been there for long, without having been seen."""
    runs: bool = False
    """Whether the service then looks for new files."""

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the source."""
        return target.is_stage and target.stage.kind == "s3_files"

    def plan(self, target: Target) -> Injury:
        """Return what stands there now."""
        what = f"{self.description} ({self.key})"
        store = ObjectStore()
        try:
            there = next((o for o in store.list(_bucket(), self.key) if o.key == self.key), None)
            before = None if there is None else base64.b64encode(store.read(_bucket(), self.key)).decode()
        finally:
            store.close()
        facts = {"path": path_of(self.key)}
        return Injury(self.name, target.pipeline.name, target.name, what, facts=facts, undo={"content": before})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write it, and run."""
        _write(self.key, self.content())
        if self.is_old:
            _age(self.key)
        if not self.runs:
            return injury
        with IngestionClient() as service:
            run = service.run()
        return replace(injury, facts={**injury.facts, "run": run["id"], "status": run["status"]})

    def undo(self, target: Target, injury: Injury) -> None:
        """Put back what was there, with the time at which it came."""
        _restore(self.key, injury.undo["content"])


@dataclass(frozen=True)
class RemovedObject:
    """The first file that was loaded is removed."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the source."""
        return target.is_stage and target.stage.kind == "s3_files"

    def plan(self, target: Target) -> Injury:
        """Return what stands in it."""
        store, key = ObjectStore(), key_of("batch_0.json")
        try:
            content = base64.b64encode(store.read(_bucket(), key)).decode()
        finally:
            store.close()
        what = f"{self.description} ({key})"
        return Injury(self.name, target.pipeline.name, target.name, what, undo={"key": key, "content": content})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Remove it."""
        _restore(injury.undo["key"], None)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Put it back: its etag is the same, so it is the same version."""
        _restore(injury.undo["key"], injury.undo["content"])


FORGOTTEN = WrittenObject(
    "forgotten_object",
    "A file came long ago, and no run has seen it",
    key_of("forgotten.json"),
    lambda: lines(range(FAR, FAR + 5)),
    is_old=True,
)
WAITING = WrittenObject(
    "waiting_object",
    "A file has just come, and no run has begun since",
    key_of("waiting.json"),
    lambda: lines(range(FAR, FAR + 5)),
)
REWRITTEN = WrittenObject(
    "rewritten_object",
    "A file is written anew after it was loaded, and the service runs",
    key_of("batch_0.json"),
    lambda: lines(range(FAR, FAR + 5)),
    runs=True,
)
MALFORMED = WrittenObject(
    "malformed_object",
    "A file with a line that is no record comes, and the service runs",
    key_of("malformed.json"),
    lambda: lines(range(FAR, FAR + 3)) + b'\n{"id": 900003, "value": \n' + lines([FAR + 4]),
    runs=True,
)
INCOMPATIBLE = WrittenObject(
    "incompatible_object",
    "A file whose values are texts comes, and the service runs",
    key_of("incompatible.json"),
    lambda: lines([FAR]).replace(b"9450000.0", b'"much"'),
    runs=True,
)
REMOVED = RemovedObject("removed_object", "A file is removed after it was loaded")


def objects() -> Iterator[Scenario]:
    """Yield the scenarios. A file that is told to have failed is no finding before it has been waiting for too long."""
    yield scenario(FORGOTTEN, SOURCE, _forgotten)
    yield scenario(WAITING, SOURCE, _nothing)
    yield scenario(REWRITTEN, SOURCE, _nothing)
    yield scenario(MALFORMED, SOURCE, _nothing)
    yield scenario(INCOMPATIBLE, SOURCE, _nothing)
    yield scenario(REMOVED, SOURCE, _nothing)


def _forgotten(injury: Injury) -> Iterator[ExpectedFinding]:
    path = str(injury.facts["path"])
    yield of_file(METADATA, "arrival", "late", "arrival", path)
    yield of_file(METADATA, "discovery", "missing", "passed_over", path)


def _nothing(injury: Injury) -> Iterator[ExpectedFinding]:
    yield from ()


def _bucket() -> str:
    return setting("INGESTION_SOURCE_BUCKET")


def _write(key: str, content: bytes) -> None:
    store = ObjectStore()
    try:
        store.write(_bucket(), key, content)
    finally:
        store.close()


def _restore(key: str, content: Any) -> None:
    store = ObjectStore()
    try:
        if content is None:
            store.remove(_bucket(), key)
        else:
            store.write(_bucket(), key, base64.b64decode(content))
    finally:
        store.close()


def _age(key: str) -> None:
    """Have an object of the embedded store be older than it is: it keeps the time of its file."""
    file = Home.current().folder("object_store") / "data" / _bucket() / key
    if not file.is_file():
        raise TerminalError(f"{key} is not in the store of this machine.", next_step="Use the embedded store.")
    then = now().timestamp() - _LONG_AGO
    os.utime(file, (then, then))
