"""Connections to HTTP services, and what their errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError

if TYPE_CHECKING:
    import ssl

    import httpx

TIMEOUT_SECONDS = 10.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def client(base_url: str) -> httpx.Client:
    """Return a client for one service; requests name paths below ``base_url``.

    Raises ConfigurationError when the URL is not one of HTTP.
    """
    import httpx

    host = urlsplit(base_url).hostname
    if not host or not base_url.startswith(("http://", "https://")):
        raise ConfigurationError("the URL of an HTTP service must begin with http:// or https:// and name a host.")
    # A proxy of the environment cannot reach what listens on this machine only.
    return httpx.Client(
        base_url=base_url.rstrip("/"),
        timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=3.0),
        trust_env=host not in _LOOPBACK,
        verify=_certificates(),
        headers={"User-Agent": "pipeline-checks"},
        follow_redirects=True,
    )


@cache
def _certificates() -> ssl.SSLContext:
    # Reading the certificates takes longer than most requests; the files that the environment may name are heeded.

    import httpx

    return httpx.create_ssl_context()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn errors of the client into errors of this project; ``what`` names the request."""
    import httpx

    try:
        yield
    except PipelineChecksError:
        raise
    except httpx.TimeoutException:
        raise TransientError(f"{what}: no answer in time.", next_step="See that the service runs.") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as problem:
        raise ConfigurationError(f"{what}: {problem}.") from None
    except httpx.HTTPError as problem:
        raise TransientError(
            f"{what}: {str(problem) or type(problem).__name__}.", next_step="See that the service runs."
        ) from None


def get_json(session: httpx.Client, path: str, params: dict[str, Any] | None = None) -> tuple[Any, httpx.Response]:
    """Request ``path`` and return its JSON document and the response.

    Raises TransientError when the service does not answer or answers 429 or 5xx, TerminalError for every other status
    than 2xx and for a body that is not JSON.
    """
    what = f"GET {path}" + (f"?{'&'.join(f'{k}={v}' for k, v in params.items())}" if params else "")
    with translated(what):
        response = session.get(path, params=params)
    return _document(response, what), response


def post_json(session: httpx.Client, path: str, body: Any) -> tuple[Any, httpx.Response]:
    """Post ``body`` to ``path`` and return the answer's JSON document and the response; raises as ``get_json``."""
    what = f"POST {path}"
    with translated(what):
        response = session.post(path, json=body)
    return _document(response, what), response


def _document(response: httpx.Response, what: str) -> Any:
    if response.status_code == 429 or response.status_code >= 500:
        said = response.headers.get("Retry-After", "")
        again: dict[str, Any] = {"retry_after": int(said)} if said.isdigit() else {}
        raise TransientError(f"{what} answered {response.status_code}.", status=response.status_code, **again)
    if not response.is_success:
        raise TerminalError(f"{what} answered {response.status_code}.", status=response.status_code)
    try:
        return response.json()
    except ValueError:
        raise TerminalError(f"{what} answered something that is not JSON.", status=response.status_code) from None
