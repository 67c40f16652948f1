"""What cannot be done in the state that something is in."""

from __future__ import annotations


class StateConflict(Exception):
    """Refused because of a state; ``code`` is a word for programs, ``help`` says what to do."""

    def __init__(self, code: str, message: str, *, help: str = "", current_run_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.current_run_id = current_run_id


def run_in_progress(run_id: str) -> StateConflict:
    """Return the conflict with a run that is not over."""
    return StateConflict(
        "RUN_IN_PROGRESS",
        f"run {run_id} is in progress",
        help="Wait until it has ended; GET its URL tells when.",
        current_run_id=run_id,
    )


def not_active(status: str) -> StateConflict:
    """Return the conflict with an ingestion that does not run."""
    return StateConflict(
        "INGESTION_NOT_ACTIVE", f"the ingestion is {status}", help="POST its /resume first, then try again."
    )
