"""The writer as a program that kills itself at a point that is named: ``python -m ... POINT``."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from pipeline_checks.pipelines.market_data.flow import writer
from pipeline_checks.pipelines.market_data.flow.table import commits, dead_letters
from pipeline_checks.pipelines.market_data.flow.table.consumer import TopicWriter

KILL_AT = 1
"""Batches that are written soundly before the kill."""
_batches = 0


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _counted(point: str, target: Any, name: str, *, before: bool) -> None:
    """Die at the call of ``name`` that follows ``KILL_AT`` others, before it or behind it."""
    original = getattr(target, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        global _batches
        _batches += 1
        if before and _batches > KILL_AT:
            _die()
        result = original(*args, **kwargs)
        if _batches > KILL_AT:
            _die()
        return result

    setattr(target, name, call)


def main() -> int:
    """Run the writer to its end, which is a kill."""
    point = sys.argv.pop(1)
    if point == "before_write":
        _counted(point, commits, "append", before=True)
    elif point == "after_write":
        _counted(point, commits, "append", before=False)
    elif point == "after_commit":
        _counted(point, TopicWriter, "_commit", before=False)
    elif point == "in_rebalance":
        TopicWriter._revoked = _die  # type: ignore[method-assign]
    elif point == "after_dead_letters":
        global _batches
        _batches = KILL_AT
        _counted(point, dead_letters.DeadLetters, "acknowledged", before=False)
    return writer.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
