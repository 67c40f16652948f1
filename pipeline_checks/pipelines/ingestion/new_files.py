"""What is to be done when files have arrived: the service is asked for a run, as its scheduler would ask."""

from __future__ import annotations

from typing import Final

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.ingestion.service_client import NAME, IngestionClient

STAGE: Final = "source_objects"
"""The stage whose files are meant."""
_CONFLICT = 409


def load_new_files() -> tuple[bool, str]:
    """Ask for a run; return whether the files are taken care of, and what came of it.

    They are not while another run goes on, which may have listed the files before: then it is asked for again. The
    service loads each file once, however often it is asked.

    Raises TransientError when the service does not answer, TerminalError when it refuses for another reason.
    """
    with IngestionClient() as client:
        found = client.find()
        if found is None:
            return False, f"there is no ingestion called {NAME!r} yet"
        if found["status"] != "active":
            return False, f"the ingestion {NAME!r} is {found['status']}"
        try:
            return True, f"run {client.begin('scheduled')} has begun"
        except TerminalError as problem:
            if problem.data.get("status") != _CONFLICT:
                raise
            return False, f"no run was begun: {problem.message}"
