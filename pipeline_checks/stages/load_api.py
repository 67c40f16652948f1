"""Stages of kind ``load_api``: what a service answers when it is asked about the files that it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import InstantPosition, Position
from pipeline_checks.model.secret import SecretSetting, Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.model.loading import Loads
    from pipeline_checks.stages.load_pinned import PinnedLoads


class LoadApi(StageDeclaration):
    """The API at ``url``, asked about the ingestion of this name.

    ``GET <base>/ingestions`` lists them; below one of them are ``runs``, ``processed-files`` (paged with ``cursor``)
    and ``schema-versions``, and ``POST refresh/full`` with ``dry_run`` tells what would be loaded anew. Of its view
    ``loads`` the runs and files are looked at, of ``table`` what it says of the table: files, fields and the refresh.
    """

    kind: Literal["load_api"] = "load_api"
    url: Annotated[SettingValue, Setting]
    token: Annotated[SettingValue, SecretSetting] | None = None
    base: str = "/api/v1"
    ingestion: Annotated[SettingValue, Setting]
    view: Literal["loads", "table"] = "loads"
    days: int = Field(default=3650, ge=1)

    @property
    def holds_rows(self) -> bool:
        """It tells of files and runs; the rows are elsewhere."""
        return False


class LoadApiReader:
    """Asks the API anew at each look."""

    def __init__(self, declaration: LoadApi) -> None:
        self.declaration = declaration
        self._seen: dict[Position, Loads] = {}

    def reached(self) -> Reached:
        """Return when the API was asked."""
        from pipeline_checks.stages.http_pages import ApiClient
        from pipeline_checks.stages.load_requests import ask_loads

        declared = self.declaration
        position = InstantPosition(now())
        headers = {} if declared.token is None else {"Authorization": f"Bearer {resolve(declared.token)}"}
        # To tell what a refresh would do the service asks its cluster, which may have to begin with it.
        client = ApiClient(resolve(declared.url), headers, declared.deadline)
        try:
            self._seen[position] = ask_loads(client, declared, resolve(declared.ingestion), position.instant)
        finally:
            client.close()
        return Reached(position)

    def at(self, position: Position) -> PinnedLoads:
        """Return what the API told then."""
        from pipeline_checks.stages.load_pinned import PinnedLoads

        if position not in self._seen:
            raise TerminalError(f"{self.declaration.name} has not been asked then.")
        return PinnedLoads(position, self._seen[position])

    def close(self) -> None:
        """Nothing is held open."""


def open_stage(declaration: LoadApi) -> LoadApiReader:
    """Return the API as it can be asked."""
    return LoadApiReader(declaration)
