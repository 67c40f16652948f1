"""The errors of the project: one root, three kinds below it, each carrying its data and a next step."""

from __future__ import annotations

from typing import Any


class PipelineChecksError(Exception):
    """Root of all errors of this project.

    Parameters
    ----------
    message:
        What is wrong, naming the file, field, service or stage. Never contains a secret.
    next_step:
        What the reader can do about it, as a sentence.
    data:
        Machine-readable facts about the error (JSON values, no secrets).
    """

    def __init__(self, message: str, *, next_step: str = "", **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.data: dict[str, Any] = data

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".rstrip()


class ConfigurationError(PipelineChecksError):
    """What the user wrote cannot work: a wrong field, a missing variable, an unknown name. Exit code 2."""


class TransientError(PipelineChecksError):
    """Something outside was not reachable or not ready in time; trying again may help."""


class SnapshotLostError(TransientError):
    """The state in which a comparison was reading is not held any more; it has to begin anew in another one."""


class TerminalError(PipelineChecksError):
    """Something outside is in a state that trying again will not mend."""
