"""Stages of kind ``http_api``: a resource of an API that serves the versions of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import Position, SnapshotPosition, VersionPosition
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration
from pipeline_checks.stages.http_shape import ApiEnvelope, ApiKey, ApiSnapshots

if TYPE_CHECKING:
    from pipeline_checks.stages.http_pages import ApiClient
    from pipeline_checks.stages.http_pinned import PinnedApi

DEFAULT_OPENAPI = "/openapi.json"


class HttpApi(StageDeclaration):
    """A resource, ``resource`` by its path below ``url``.

    ``GET <resource>?version=V&limit=N&offset=M`` must answer ``{"version", "total", "items", "next"}``: rows in a
    stable order at a version of the table behind it, the newest when none is named. ``GET /versions/<resource>``
    answers when each version was loaded. ``page_size`` rows are asked for at once. The contract may name the API's
    OpenAPI document by ``openapi: /path``.

    ``envelope`` says where these things stand in the answers of another API, ``key`` in which header it wants a key.
    With ``snapshots`` the API serves an Iceberg table: what it serves by default names its snapshot, and the rows of
    one are asked for there.
    """

    kind: Literal["http_api"] = "http_api"
    url: Annotated[SettingValue, Setting]
    resource: str
    page_size: int = Field(default=2000, ge=1, le=100_000)
    envelope: ApiEnvelope = Field(default_factory=ApiEnvelope)
    key: ApiKey | None = None
    snapshots: ApiSnapshots | None = None

    @property
    def path(self) -> str:
        """The resource's path."""
        return "/" + self.resource.strip("/")

    @property
    def openapi(self) -> str:
        """The path of the OpenAPI document."""
        return str(self.contract.promises.get("openapi", DEFAULT_OPENAPI))


class ApiReader:
    """Asks the API; every request is counted and timed."""

    def __init__(self, declaration: HttpApi) -> None:
        self.declaration = declaration
        self._client: ApiClient | None = None
        self.served: dict[str, str | None] = {}
        """The positions that were served when none was asked for: when each was first seen, as ISO text; of the one
        that was served at the first look it is not known since when."""

    def reached(self) -> Reached:
        """Return the version that is served when none is asked for."""
        from pipeline_checks.stages.http_pages import Request, read_page

        declared = self.declaration
        asked = Request("GET", declared.path, {"limit": 1})
        page = read_page(self.client(), asked, declared.envelope, of_snapshots=declared.snapshots is not None)
        seen = page.loaded_at or (now().isoformat() if self.served else None)
        self.served.setdefault(str(page.position.value()), seen)
        detail = {} if page.loaded_at is None else {"loaded_at": page.loaded_at}
        return Reached(page.position, detail=detail)

    def at(self, position: Position) -> PinnedApi:
        """Return the resource at a version. Whether that is still served shows when it is read."""
        from pipeline_checks.stages.http_pinned import PinnedApi

        wanted = VersionPosition if self.declaration.snapshots is None else SnapshotPosition
        if not isinstance(position, wanted):
            raise TerminalError(
                f"{self.declaration.name} has {wanted.kind}s, not a position of kind {position.kind!r}.",
                next_step="Declare `snapshots` of an API that serves an Iceberg table, and of no other.",
            )
        return PinnedApi(self, position)

    def client(self) -> ApiClient:
        """Return the client, which counts and times."""
        if self._client is None:
            from pipeline_checks.stages.http_pages import ApiClient

            key = self.declaration.key
            headers = {} if key is None else {key.header: resolve(key.value)}
            self._client = ApiClient(resolve(self.declaration.url), headers)
        return self._client

    def close(self) -> None:
        """Give back the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None


def open_stage(declaration: HttpApi) -> ApiReader:
    """Return the API as it can be asked."""
    return ApiReader(declaration)
