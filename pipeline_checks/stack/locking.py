"""The lock of a home: one command at a time changes its stack."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pipeline_checks.model import clock
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.home import Home, writing


@contextmanager
def exclusive(home: Home, command: str, *, seconds: float = 30.0) -> Iterator[None]:
    """Hold the lock of the home while ``command`` changes its stack.

    The operating system gives the lock back when its holder dies, however that happens, so a file that was left
    behind is no lock. Raises TransientError naming the holder when it is not free within ``seconds``.
    """
    from filelock import FileLock, Timeout

    with writing(home.path):
        home.path.mkdir(parents=True, exist_ok=True)
    owner = home.path / "stack.owner"
    lock = FileLock(home.lock_file, timeout=seconds)
    try:
        lock.acquire()
    except Timeout as error:
        raise TransientError(
            f"another command is changing the stack of {home.path}{_holder(home)}",
            next_step="Wait for it, or set PIPELINE_CHECKS_HOME to another folder for a stack of its own.",
        ) from error
    try:
        facts = {"pid": os.getpid(), "command": command, "since": clock.now().isoformat(timespec="seconds")}
        with suppress(PipelineChecksError):  # only said in messages; a full disk must not keep `down` from its work
            replace_file(owner, json.dumps(facts))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _holder(home: Home) -> str:
    try:
        facts = json.loads((home.path / "stack.owner").read_text())
        return f": `{facts['command']}` of process {facts['pid']}, since {facts['since']}"
    except (OSError, ValueError, KeyError):
        return ""
