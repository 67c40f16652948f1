"""Stages of kind ``service``: a Debezium connector in Kafka Connect, with its replication slot. It holds no rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import LsnPosition, Position
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration
from pipeline_checks.stages.postgres import PostgresConnection

if TYPE_CHECKING:
    from pipeline_checks.clients.connect import Connect
    from pipeline_checks.stages.postgres_facts import Query
    from pipeline_checks.stages.postgres_snapshot import Server
    from pipeline_checks.stages.service_facts import Offset
    from pipeline_checks.stages.service_pinned import PinnedService


class TransactionTopic(BaseModel):
    """Where a connector tells of transactions: ``{brokers: {env: NAME}, topic: <prefix>.transaction}``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    brokers: Annotated[SettingValue, Setting]
    topic: str


class Service(StageDeclaration):
    """A connector, ``connector`` by its name at the Connect cluster of ``url``.

    ``connection`` is the database it captures, ``slot`` and ``publication`` what it reads there. ``tasks`` is how many
    tasks it must have, ``config`` the settings (by Connect's names) that it must run with. ``transactions`` is where it
    tells of each transaction how many events it has (``provide.transaction.metadata``).
    """

    kind: Literal["service"] = "service"
    url: Annotated[SettingValue, Setting]
    connector: str
    connection: PostgresConnection | None = None
    slot: str | None = None
    publication: str | None = None
    transactions: TransactionTopic | None = None
    tasks: int = Field(default=1, ge=1)
    config: dict[str, str | int | bool] = Field(default_factory=dict)

    @property
    def holds_rows(self) -> bool:
        return False


class ServiceReader:
    """Asks Connect, and Postgres about the slot."""

    def __init__(self, declaration: Service) -> None:
        self.declaration = declaration
        self._connect: Connect | None = None
        self._server: Server | None = None

    def reached(self) -> Reached:
        """Return the log position that the connector has committed: Connect commits what the broker acknowledged.

        ``detail`` has ``commit_time``, the commit time of the newest transaction handled, where the offset tells it.
        Before the first commit the position is 0/0.
        """
        offset = self.offset()
        detail = {} if offset.commit_time is None else {"commit_time": offset.commit_time}
        return Reached(LsnPosition(offset.lsn or 0), detail=detail)

    def at(self, position: Position) -> PinnedService:
        """Return the service as it is asked now; it keeps no past."""
        from pipeline_checks.stages.service_pinned import PinnedService

        if not isinstance(position, LsnPosition):
            raise TerminalError(f"{self.declaration.name} has LSNs, not a position of kind {position.kind!r}.")
        return PinnedService(self, position)

    def offset(self) -> Offset:
        """Return the committed offset as Connect tells it now; raises TerminalError when there is no connector."""
        from pipeline_checks.stages.service_facts import read_offset

        return read_offset(self.connect(), self.declaration.connector)

    def connect(self) -> Connect:
        """Return the client of the Connect cluster."""
        if self._connect is None:
            from pipeline_checks.clients.connect import Connect

            self._connect = Connect(resolve(self.declaration.url))
        return self._connect

    def database(self) -> Query | None:
        """Return what asks the captured database; None when it is not declared."""
        if self.declaration.connection is None:
            return None
        if self._server is None:
            from pipeline_checks.stages.postgres_snapshot import Server

            self._server = Server(resolve(self.declaration.connection.url))
        return self._server.query

    def close(self) -> None:
        """Give back the connections."""
        if self._connect is not None:
            self._connect.close()
            self._connect = None
        if self._server is not None:
            self._server.close()


def open_stage(declaration: Service) -> ServiceReader:
    """Return the service as it can be asked."""
    return ServiceReader(declaration)
