"""The API as a user of it, and a place in the store of a test's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import httpx

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client
from pipeline_checks.pipelines.ingestion.flow.engine.model import Store
from pipeline_checks.pipelines.ingestion.flow.payload import batch
from pipeline_checks.pipelines.ingestion.services import CATALOG, CLUSTER, SOURCE_BUCKET

RUN_SECONDS = 180.0
DATABASE = "tests"


@dataclass
class Place:
    """A prefix of the source bucket and a table, which nobody else has."""

    settings: Mapping[str, str]
    name: str = field(default_factory=lambda: f"t{uuid4().hex[:10]}")
    bucket: str = SOURCE_BUCKET

    def __post_init__(self) -> None:
        self.store = store_of(self.settings)
        self.client: Any = client(self.store)

    @property
    def prefix(self) -> str:
        """The prefix of the keys."""
        return f"{self.name}/data/"

    @property
    def path(self) -> str:
        """The prefix with its bucket."""
        return f"s3://{self.bucket}/{self.prefix}"

    def put(self, name: str, content: bytes) -> str:
        """Write an object below the prefix and return its etag."""
        answer = self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content)
        return str(answer["ETag"]).strip('"')

    def put_batches(self, *files: int, count: int = 1000, evolved: bool = False) -> None:
        """Write files of the payload."""
        for file in files:
            self.put(f"batch_{file}.json", batch(file, count, evolved=evolved))

    def remove(self, name: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + name)

    def declaration(self, **parts: Any) -> dict[str, Any]:
        """Return the ingestion of this prefix into this table; ``parts`` are laid over it, level by level."""
        base: dict[str, Any] = {
            "name": self.name,
            "cluster_id": CLUSTER,
            "source": {"type": "s3", "path": self.path, "file_pattern": "*.json"},
            "format": {"type": "json", "options": {"multiline": False}},
            "destination": {"catalog": CATALOG, "database": DATABASE, "table": self.name},
            "schedule": {},
            "quality": {"alerts_enabled": False},
        }
        return _laid_over(base, parts)


class Api:
    """One ingestion, asked by HTTP alone."""

    def __init__(self, settings: Mapping[str, str], declaration: Mapping[str, Any] | None = None) -> None:
        self.http = httpx.Client(
            base_url=settings["INGESTION_API_URL"] + "/api/v1",
            headers={"Authorization": f"Bearer {settings['INGESTION_API_TOKEN']}"},
            timeout=60.0,
            trust_env=False,
        )
        self.id = ""
        if declaration is not None:
            self.create(declaration)

    def create(self, declaration: Mapping[str, Any]) -> dict[str, Any]:
        """Make the ingestion and return what the API told."""
        made = self.told("POST", "/ingestions", 201, dict(declaration))
        self.id = made["id"]
        return dict(made)

    def told(self, method: str, path: str, status: int = 200, body: Any = None) -> Any:
        """Return the document of an answer, which must have that status."""
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    def of(self, method: str, path: str = "", status: int = 200, body: Any = None) -> Any:
        """The same for a path below the ingestion."""
        return self.told(method, f"/ingestions/{self.id}{path}", status, body)

    def run(self) -> dict[str, Any]:
        """Start a run and return it when it has ended."""
        return self.ended(self.of("POST", "/run", 202)["run_id"])

    def ended(self, run_id: str, seconds: float = RUN_SECONDS) -> dict[str, Any]:
        """Return a run when it has ended."""
        found = Deadline(seconds).wait_until(partial(self._ended, run_id), every=0.02)
        assert found, self.of("GET", f"/runs/{run_id}")
        return found

    def files(self, **filters: Any) -> list[dict[str, Any]]:
        """Return all records of files."""
        answer = self.http.get(f"/ingestions/{self.id}/processed-files", params={"limit": 10_000, **filters})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def _ended(self, run_id: str) -> dict[str, Any] | None:
        run = self.of("GET", f"/runs/{run_id}")
        return None if run["status"] == "running" else dict(run)


def store_of(settings: Mapping[str, str]) -> Store:
    """Return the stack's store."""
    return Store(settings["S3_ENDPOINT"], settings["S3_ACCESS_KEY"], settings["S3_SECRET_KEY"])


def _laid_over(base: dict[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    for name, part in parts.items():
        below = isinstance(part, Mapping) and isinstance(base.get(name), dict)
        base[name] = _laid_over(base[name], part) if below else part
    return base
