"""Services in a home of their own, gone with everything in it behind a benchmark."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.stack.embedded import EmbeddedProvider


@contextmanager
def own_stack() -> Iterator[EmbeddedProvider]:
    """Yield a provider whose home is the current one."""
    home = Path(tempfile.mkdtemp(prefix="pipeline_checks_benchmark-"))
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(home)
    provider = EmbeddedProvider(home)
    try:
        yield provider
    finally:
        provider.down(purge=True)
        shutil.rmtree(home, ignore_errors=True)
        os.environ.pop(HOME_VARIABLE)
        if before is not None:
            os.environ[HOME_VARIABLE] = before
