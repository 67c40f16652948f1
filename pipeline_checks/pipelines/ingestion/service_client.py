"""The ingestion service as a user of its API has it: one ingestion, asked for runs and refreshes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final

from pipeline_checks.clients.http import client, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.pipelines.ingestion.services import CATALOG, CLUSTER

NAME: Final = "events"
"""What the ingestion is called that is verified."""
PREFIX: Final = "data/"
DATABASE, TABLE = "lake", "events"
RUN_SECONDS: Final = 180.0
BASE = "/api/v1/ingestions"


class IngestionClient:
    """Asks the API for the ingestion of one name; it is made when it is first needed."""

    def __init__(self, name: str = NAME, prefix: str = PREFIX, table: str = TABLE) -> None:
        self._name, self._prefix, self._table = name, prefix, table
        self._id: str | None = None
        self._session = client(setting("INGESTION_API_URL"))
        self._session.headers["Authorization"] = f"Bearer {setting('INGESTION_API_TOKEN')}"
        self._session.timeout = 60.0

    def __enter__(self) -> IngestionClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def find(self) -> dict[str, Any] | None:
        """Return the ingestion; None when there is none of that name."""
        found: list[dict[str, Any]] = self.ask("GET", BASE)
        return next((one for one in found if one["name"] == self._name), None)

    def made(self) -> str:
        """Return the id of the ingestion, which is made unless it is there."""
        if self._id is None:
            found = self.find() or self.ask("POST", BASE, self.declaration())
            self._id = str(found["id"])
        return self._id

    def run(self, trigger: str | None = None) -> dict[str, Any]:
        """Have everything loaded that is new, and return the run when it has ended."""
        return self.ended(self.begin(trigger))

    def begin(self, trigger: str | None = None) -> str:
        """Have a run begin and return its id."""
        body = None if trigger is None else {"trigger": trigger}
        return str(self.ask("POST", f"{BASE}/{self.made()}/run", body)["run_id"])

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, newest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"{BASE}/{self.made()}/runs")
        return found

    def refresh(self, mode: str, **options: Any) -> dict[str, Any]:
        """Ask for a refresh, ``full`` or ``new-only``, and return the answer when its run has ended."""
        answer: dict[str, Any] = self.ask("POST", f"{BASE}/{self.made()}/refresh/{mode}", {"confirm": True, **options})
        if answer.get("run_id"):
            self.ended(str(answer["run_id"]))
        return answer

    def ended(self, run: str) -> dict[str, Any]:
        """Return a run when it has ended; raises TransientError when that takes too long."""
        found = Deadline(RUN_SECONDS).wait_until(partial(self._ended, run), every=0.05)
        if found is None:
            raise TransientError(
                f"the run {run} has not ended within {RUN_SECONDS:g} s.", next_step="Is the worker up?"
            )
        return found

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the document that a request is answered with; raises TerminalError for any other status than 2xx."""
        with translated(f"{method} {path}"):
            answer = self._session.request(method, path, json=None if body is None else dict(body))
        if not answer.is_success:
            raise TerminalError(
                f"{method} {path} answered {answer.status_code}: {answer.text[:300]}.", status=answer.status_code
            )
        return answer.json() if answer.content else None

    def _ended(self, run: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self.ask("GET", f"{BASE}/{self.made()}/runs/{run}")
        return None if found["status"] == "running" else found

    def declaration(self) -> dict[str, Any]:
        """Return what the ingestion is made with."""
        return {
            "name": self._name,
            "cluster_id": CLUSTER,
            "source": {
                "type": "s3",
                "path": f"s3://{setting('INGESTION_SOURCE_BUCKET')}/{self._prefix}",
                "file_pattern": "*.json",
            },
            "format": {"type": "json"},
            "destination": {"catalog": CATALOG, "database": DATABASE, "table": self._table},
            "schedule": {},
            "quality": {"alerts_enabled": False},
        }
