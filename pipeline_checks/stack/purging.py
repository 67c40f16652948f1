"""What is removed of a home when its stack is purged: data, logs, settings, and the proofs about data that is gone."""

from __future__ import annotations

import shutil

from pipeline_checks.stack.home import Home

_FOLDERS = ("services", "logs", "archives", "lake", "checkpoints", "injuries", "containers")


def purge_home(home: Home) -> None:
    """Remove everything that a stack made; nothing of it may run any more."""
    # The server's data may lie outside, where the user it runs as can reach it.
    for folder in (*(home.path / name for name in _FOLDERS), home.outside):
        if folder.exists():
            shutil.rmtree(folder)
    for file in home.path.glob("ledger.db*"):
        file.unlink()
    home.starts_file.unlink(missing_ok=True)
    home.env_file.unlink(missing_ok=True)
