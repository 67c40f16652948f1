"""Kafka Connect's REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline_checks.clients.http import client, translated
from pipeline_checks.model.errors import TerminalError, TransientError

if TYPE_CHECKING:
    import httpx


class Connect:
    """A Connect cluster.

    Every method raises TransientError when no worker answers or a rebalance is under way, TerminalError for what the
    cluster refuses, with its message.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = client(url)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def connectors(self) -> list[str]:
        """Return the names of all connectors."""
        names: list[str] = self._ask("GET", "/connectors").json()
        return names

    def status(self, name: str) -> dict[str, Any] | None:
        """Return the state of a connector and its tasks, None when there is none of that name."""
        return self._optional(f"/connectors/{quote(name, safe='')}/status")

    def config(self, name: str) -> dict[str, str] | None:
        """Return the configuration in effect, None when there is no connector of that name."""
        return self._optional(f"/connectors/{quote(name, safe='')}/config")

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """Return the committed offsets: a list of ``{"partition": ..., "offset": ...}``; empty before the first."""
        found = self._optional(f"/connectors/{quote(name, safe='')}/offsets")
        offsets: list[dict[str, Any]] = (found or {}).get("offsets", [])
        return offsets

    def put(self, name: str, config: dict[str, str]) -> None:
        """Create the connector or replace its configuration."""
        self._ask("PUT", f"/connectors/{quote(name, safe='')}/config", config)

    def pause(self, name: str) -> None:
        """Pause the connector; its tasks stay."""
        self._ask("PUT", f"/connectors/{quote(name, safe='')}/pause")

    def resume(self, name: str) -> None:
        """Let the connector go on after ``pause`` or ``stop``."""
        self._ask("PUT", f"/connectors/{quote(name, safe='')}/resume")

    def stop(self, name: str) -> None:
        """Stop the connector; its tasks are given up, its offsets stay."""
        self._ask("PUT", f"/connectors/{quote(name, safe='')}/stop")

    def restart(self, name: str) -> None:
        """Start the connector and all of its tasks anew."""
        self._ask("POST", f"/connectors/{quote(name, safe='')}/restart?includeTasks=true&onlyFailed=false")

    def delete(self, name: str) -> None:
        """Remove the connector; no error when there is none of that name."""
        self._ask("DELETE", f"/connectors/{quote(name, safe='')}", missing_ok=True)

    def _optional(self, path: str) -> dict[str, Any] | None:
        response = self._ask("GET", path, missing_ok=True)
        found: dict[str, Any] | None = None if response.status_code == 404 else response.json()
        return found

    def _ask(
        self, method: str, path: str, body: dict[str, str] | None = None, *, missing_ok: bool = False
    ) -> httpx.Response:
        with translated(f"{method} {path} of Kafka Connect"):
            response = self._client.request(method, path, json=body)
        if response.is_success or (missing_ok and response.status_code == 404):
            return response
        said = _message(response)
        if response.status_code in (409, 429) or response.status_code >= 500:
            raise TransientError(
                f"Kafka Connect answered {response.status_code} to {method} {path}: {said}",
                next_step="See the worker's log if this goes on.",
                status=response.status_code,
            )
        raise TerminalError(
            f"Kafka Connect refused {method} {path}: {said}",
            next_step="Correct the connector's name or configuration.",
            status=response.status_code,
        )


def _message(response: httpx.Response) -> str:
    """Return what the worker says, without the values it quotes from a configuration."""
    try:
        text = str(response.json().get("message", ""))
    except ValueError:
        text = ""
    return text.splitlines()[0][:300] if text else f"status {response.status_code}"
