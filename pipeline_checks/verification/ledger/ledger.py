"""The ledger as a verification and the commands use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType

from pipeline_checks.model.clock import now
from pipeline_checks.model.previous import PreviousState
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.ledger import past, proofs, reading, recording, retention, stored_runs
from pipeline_checks.verification.ledger.database import Database
from pipeline_checks.verification.ledger.location import Location, location, refuse_captured
from pipeline_checks.verification.ledger.proofs import Proof
from pipeline_checks.verification.ledger.reading import MeasuredThen, MeasureSummary
from pipeline_checks.verification.ledger.recording import Facts


class Ledger:
    """One ledger. Nothing is opened until a method is called.

    All methods raise TransientError when the ledger is locked or does not answer, TerminalError when it cannot be
    used, ConfigurationError when a setting about it is wrong.

    Parameters
    ----------
    place:
        Where it lies.
    create:
        Whether a ledger that is not there is begun.
    """

    def __init__(self, place: Location, *, create: bool = True) -> None:
        self.place = place
        self._database = Database(place, create=create)

    @classmethod
    def of(cls, stages: Iterable[StageDeclaration]) -> Ledger:
        """Return the ledger that the environment names, which must not lie in a database that a stage captures."""
        place = location()
        refuse_captured(place, stages)
        return cls(place)

    @classmethod
    def existing(cls) -> Ledger:
        """Return the ledger that the environment names; using it fails when it is not there."""
        return cls(location(), create=False)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back all connections."""
        self._database.close()

    def record(self, run: RunResult, facts: Facts | None = None, proved: Sequence[Proof] = ()) -> None:
        """Write a run, and take a few out that are older than what is kept."""
        kept = retention.keep()
        with self._database.writing() as connection:
            recording.record(connection, run, facts or {}, proved)
            retention.expire(connection, now() - kept)

    def expire(self) -> int:
        """Take out everything that is older than what is kept, and return how many runs went.

        A few in each transaction, so that no writer waits long.
        """
        before, gone = now() - retention.keep(), 0
        while True:
            with self._database.writing() as connection:
                runs = retention.expire(connection, before)
            gone += runs
            if not runs:
                return gone

    def previous(self, pipeline: str, stage: str) -> PreviousState:
        """Return what earlier runs found of a stage."""
        with self._database.reading() as connection:
            return reading.previous_state(connection, pipeline, stage)

    def newest_rows(self, pipeline: str, stages: Iterable[str]) -> dict[str, int]:
        """Return by stage how many rows the newest run found that looked at it."""
        with self._database.reading() as connection:
            return reading.newest_rows(connection, pipeline, stages)

    def last_proof(self, pipeline: str, upstream: str, stage: str) -> Proof | None:
        """Return up to where two stages were proved to agree, None when they never were."""
        with self._database.reading() as connection:
            return proofs.last_proof(connection, pipeline, upstream, stage)

    def last_proofs(self, pipeline: str) -> list[Proof]:
        """Return the newest proof of every pair of stages."""
        with self._database.reading() as connection:
            return proofs.last_proofs(connection, pipeline)

    def stages(self) -> list[tuple[str, str]]:
        """Return pipeline and name of every stage that is told of."""
        with self._database.reading() as connection:
            return reading.stages_told_of(connection)

    def measures(self, pipeline: str, stage: str) -> list[MeasureSummary]:
        """Return every number that was measured of a stage, summed up over all runs."""
        with self._database.reading() as connection:
            return reading.measures_of(connection, pipeline, stage)

    def history(
        self, pipeline: str, stage: str, measure: str, check: str | None = None, last: int = 20
    ) -> Sequence[MeasuredThen]:
        """Return the newest values of a number, oldest first; of one check only when it is given."""
        with self._database.reading() as connection:
            return reading.measured_then(connection, pipeline, stage, measure, check, last)

    def newest_runs(self) -> list[str]:
        """Return the newest run of every pipeline."""
        with self._database.reading() as connection:
            return stored_runs.newest_runs(connection)

    def run(self, run: str) -> RunResult:
        """Return a run by its id or the beginning of it; raises ConfigurationError when that names no single one."""
        with self._database.reading() as connection:
            return stored_runs.stored_run(connection, run)

    def past(self, pipeline: str, until: datetime, last: int = 60) -> past.Past:
        """Return the newest runs of a pipeline up to an instant, with rows and lag of its stages over them."""
        with self._database.reading() as connection:
            return past.past_of(connection, pipeline, until, last)
