"""Damages of the file with the customers, of the model, and of the settings of the input topic."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks.clients.settings import resolve
from pipeline_checks.faults.expectation import ANY_CHECK, Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.churn.flow.names import SOURCE_ROW
from pipeline_checks.pipelines.churn.scenarios.flowing import DEAD_LETTERS, GROUP, PREDICTIONS, RAW
from pipeline_checks.pipelines.churn.scenarios.outputs import OTHER_RETENTION
from pipeline_checks.pipelines.churn.seed.customers import customers

CUSTOMERS, MODEL = "customer_source", "model"
_ERROR = frozenset({"ERROR"})
_MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class ChangedFile:
    """The file of a stage is another than it was."""

    name: str
    description: str
    at: str
    change: Callable[[Path], bytes | None]
    """Returns what stands in it instead; None takes the file away."""
    keys: Callable[[Path], Iterable[dict[str, int]]] = lambda path: ()

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the stage of that file."""
        return target.is_stage and target.name == self.at

    def plan(self, target: Target) -> Injury:
        """Return the file as it is."""
        path = self._path(target)
        if path.stat().st_size > _MOST_BYTES:
            raise TerminalError(f"{path.name} is too large to be put back.", next_step="Try it with fewer rows.")
        undo = {"content": base64.b64encode(path.read_bytes()).decode()}
        what = f"{self.description} ({target.name})"
        return Injury(self.name, target.pipeline.name, target.name, what, tuple(self.keys(path)), undo=undo)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Change it."""
        path = self._path(target)
        content = self.change(path)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Put back what was there."""
        self._path(target).write_bytes(base64.b64decode(injury.undo["content"]))

    def _path(self, target: Target) -> Path:
        return Path(resolve(getattr(target.stage, "path", "")))


def sources() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield _scenario(
        ChangedFile("row_not_sent", "A row of the file is never published", CUSTOMERS, _one_more, _next_row),
        lambda i: [finding(RAW, "counts", "missing", key=i.keys[0])],
    )
    yield _scenario(
        ChangedFile("changed_row", "A row is changed after it was published", CUSTOMERS, _longer_tenure, _last_row),
        lambda i: [finding(RAW, "reconcile", "changed", key=i.keys[0])],
    )
    lost = Expectation((), {(stage, ANY_CHECK): _ERROR for stage in _BEHIND})
    truncated = finding(CUSTOMERS, "manifest", "gap", detail="truncated", key={"file": "customers.csv"})
    yield _scenario(
        ChangedFile("truncated_file", "The file is cut off within its last row", CUSTOMERS, lambda p: _half_row(p)),
        lambda i: [truncated],
        Expectation((), {**lost.verdicts, (CUSTOMERS, ANY_CHECK): _ERROR}),
        _BEHIND,
    )
    yield _scenario(
        ChangedFile("missing_file", "The file is taken away", CUSTOMERS, lambda path: None),
        lambda i: [],
        Expectation((), {**lost.verdicts, (CUSTOMERS, ANY_CHECK): _ERROR}),
        _BEHIND,
    )
    yield Scenario(
        name="other_model__model",
        description="The file of the model is not the one that its sidecar describes: model",
        fault=ChangedFile("other_model", "The file of the model is another", MODEL, lambda p: p.read_bytes() + b"\0"),
        target=MODEL,
        area=(MODEL, PREDICTIONS),
        expects=lambda injury: Expectation(
            (finding(MODEL, "model", "changed", detail="sha256"),), {(PREDICTIONS, "predictions"): _ERROR}
        ),
    )
    yield Scenario(
        name=f"{OTHER_RETENTION.name}__{RAW}",
        description=f"{OTHER_RETENTION.description}: {RAW}",
        fault=OTHER_RETENTION,
        target=RAW,
        area=(RAW,),
        expects=lambda injury: Expectation(
            (finding(RAW, "topic_settings", "unexpected", detail=f"config:{injury.facts['setting']}"),)
        ),
    )


_BEHIND = (CUSTOMERS, RAW, GROUP, PREDICTIONS, DEAD_LETTERS)


def _scenario(
    fault: ChangedFile,
    findings: Callable[[Injury], Iterable[ExpectedFinding]],
    also: Expectation | None = None,
    area: tuple[str, ...] = (CUSTOMERS, RAW),
) -> Scenario:
    return Scenario(
        name=f"{fault.name}__{CUSTOMERS}",
        description=f"{fault.description}: {CUSTOMERS}",
        fault=fault,
        target=CUSTOMERS,
        area=area,
        expects=lambda injury: Expectation(tuple(findings(injury))).and_also(also or Expectation()),
    )


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def _one_more(path: Path) -> bytes:
    made = customers(1, 5, first=len(_lines(path)) - 1)[0]
    return path.read_bytes() + ",".join(str(value) for value in made.values()).encode() + b"\n"


def _next_row(path: Path) -> list[dict[str, int]]:
    return [{SOURCE_ROW: len(_lines(path)) - 1}]


def _last_row(path: Path) -> list[dict[str, int]]:
    return [{SOURCE_ROW: len(_lines(path)) - 2}]


def _longer_tenure(path: Path) -> bytes:
    *lines, last = _lines(path)
    names = lines[0].decode().strip().split(",")
    values = last.decode().strip().split(",")
    values[names.index("tenure")] = str(int(values[names.index("tenure")]) + 1)
    return b"".join(lines) + ",".join(values).encode() + b"\n"


def _half_row(path: Path) -> bytes:
    *lines, last = _lines(path)
    return b"".join(lines) + last[: len(last) // 2]
