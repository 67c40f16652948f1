"""The data scenarios: a file of each kind goes through, and becomes exactly what its truth says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline_checks.faults.expectation import Expectation
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.sales.scenarios.ledger import newest_files, require_exact, wait_until_caught_up
from pipeline_checks.pipelines.sales.scenarios.words import FILES
from pipeline_checks.pipelines.sales.seed import source
from pipeline_checks.pipelines.sales.seed.scenarios import DATA_SETS, EDGE_FILES

_SEED = 40
_CATCH_UP_SECONDS = 180.0
_SECONDS_A_ROW = 0.01


@dataclass(frozen=True)
class SentData:
    """A data set is written and sent. That its errors are where they belong is no finding.

    Parameters
    ----------
    data:
        The name of the data set.
    rows:
        Lines, instead of the data set's own number.
    """

    data: str
    rows: int | None = None

    @property
    def name(self) -> str:
        """The name of the data set."""
        return self.data

    @property
    def description(self) -> str:
        """What is sent."""
        return f"The data set {self.data} goes through"

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the files of the pipeline."""
        return target.is_stage and target.name == FILES

    def plan(self, target: Target) -> Injury:
        """Return what will be sent."""
        return Injury(self.name, target.pipeline.name, target.name, self.description)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Send it, wait until it has arrived, and compare what became of each line with the truth."""
        before = {p.name for p in source.input_path().glob("*.csv")}
        source.seed(self.rows, _SEED, self.data)
        rows = self.rows or (DATA_SETS[self.data].rows if self.data in DATA_SETS else 0)
        wait_until_caught_up(_CATCH_UP_SECONDS + _SECONDS_A_ROW * rows)
        ledger = require_exact(*newest_files(before))
        return Injury(self.name, injury.pipeline, injury.target, f"{self.description}: {ledger}", id=injury.id)

    def undo(self, target: Target, injury: Injury) -> None:
        """What has gone through stays."""


def data_sets() -> Iterator[Scenario]:
    """Yield the scenarios, the largest last."""
    for name in (
        "happy_path",
        "data_quality",
        "edge_cases",
        EDGE_FILES,
        "error_recovery",
        "high_volume",
        "performance",
    ):
        yield _scenario(SentData(name))


def _scenario(data: SentData) -> Scenario:
    return Scenario(
        name=f"{data.name}__{FILES}",
        description=data.description,
        fault=data,
        target=FILES,
        area=(FILES,),
        expects=lambda injury: Expectation(),
        alone=True,
    )
