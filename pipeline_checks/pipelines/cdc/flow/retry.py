"""Trying a write again after a service was away or another writer came first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, stop_after_attempt, stop_after_delay, wait_exponential
from tenacity.stop import stop_base

T = TypeVar("T")
_log = logging.getLogger(__name__)

PATIENCE: Final = 120.0
"""Seconds for which a service may be away before the process gives up and is started anew."""
_ATTEMPTS: Final = 5
"""Attempts after an error that is not about a service being away."""


def _is_passing(error: BaseException | None) -> bool:
    """Whether the error comes from a service that is away or from another writer."""
    from deltalake.exceptions import CommitFailedError
    from pyiceberg.exceptions import CommitFailedException
    from sqlalchemy.exc import DBAPIError

    return isinstance(error, CommitFailedError | CommitFailedException | DBAPIError | OSError)


class _Stop(stop_base):
    """Gives up late after passing errors and early after all others."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        limit = stop_after_delay(PATIENCE) if _is_passing(error) else stop_after_attempt(_ATTEMPTS)
        return limit(retry_state)


def persistently(action: Callable[[], T], recover: Callable[[], None], what: str) -> T:
    """Return what ``action`` returns. After each failure ``recover`` is called before the next attempt.

    ``recover`` opens the table again, so that the action sees what is committed: a commit whose answer was lost is
    found there. Raises the last error when attempts are used up.
    """

    failed = False

    def attempt() -> T:
        nonlocal failed
        if failed:
            recover()
        failed = True
        result = action()
        failed = False
        return result

    def report(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _log.warning("%s: attempt %d failed: %s: %s", what, state.attempt_number, type(error).__name__, error)

    retrying = Retrying(stop=_Stop(), wait=wait_exponential(0.1, max=2.0), before_sleep=report, reraise=True)
    return retrying(attempt)
