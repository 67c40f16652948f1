"""Debezium connectors of a Connect cluster that capture a Postgres database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pipeline_checks.clients.settings import resolve
from pipeline_checks.introspection.found import Discovered, Found, LeftOut
from pipeline_checks.introspection.names import stage_name
from pipeline_checks.model.secret import EnvironmentVariable

_POSTGRES = "io.debezium.connector.postgresql.PostgresConnector"


def find_connectors(
    variable: str, database: str | None, postgres: str | None, brokers: str | None, topics: Collection[str]
) -> Discovered:
    """Return the connectors of the Connect cluster whose URL stands in ``variable``.

    Parameters
    ----------
    database:
        Only those that capture this database; all when None.
    postgres, brokers:
        The variables with the URL of the database and with the brokers, where they are known.
    topics:
        The topics of the cluster: where a connector tells of transactions, its topic must be among them.
    """
    from pipeline_checks.clients.connect import Connect

    client = Connect(resolve(EnvironmentVariable(env=variable)))
    found: list[Found] = []
    left_out: list[LeftOut] = []
    try:
        for name in sorted(client.connectors()):
            config = client.config(name) or {}
            if config.get("connector.class") != _POSTGRES:
                left_out.append(LeftOut(f"connector {name}", "it is no Debezium connector of Postgres"))
            elif database is not None and config.get("database.dbname") != database:
                left_out.append(LeftOut(f"connector {name}", f"it captures {config.get('database.dbname')}"))
            else:
                taken = [f.name for f in found]
                known = _fields(name, config, variable, postgres, brokers, topics)
                found.append(Found(stage_name("connector", name, taken), "service", config["topic.prefix"], known))
    finally:
        client.close()
    return Discovered(tuple(found), tuple(left_out))


def _fields(
    name: str, config: dict[str, str], variable: str, postgres: str | None, brokers: str | None, topics: Collection[str]
) -> dict[str, Any]:
    fields: dict[str, Any] = {"url": {"env": variable}, "connector": name}
    if postgres is not None:
        fields["connection"] = {"url": {"env": postgres}}
        fields["slot"] = config.get("slot.name", "debezium")
        fields["publication"] = config.get("publication.name", "dbz_publication")
    topic = f"{config['topic.prefix']}.{config.get('topic.transaction', 'transaction')}"
    if config.get("provide.transaction.metadata") == "true" and brokers is not None and topic in topics:
        fields["transactions"] = {"brokers": {"env": brokers}, "topic": topic}
    return fields
