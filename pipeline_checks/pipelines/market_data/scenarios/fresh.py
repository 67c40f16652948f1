"""Beginning anew: what an exchange has sent stands in ledger, topic and table for ever, so undoing it empties all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from pipeline_checks.clients import kafka
from pipeline_checks.clients.lake import iceberg_catalog, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TransientError
from pipeline_checks.pipelines.market_data.seed import is_empty, seed
from pipeline_checks.pipelines.market_data.services import CATALOG, TABLE, TOPIC
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.providers import provider
from pipeline_checks.stack.service import Service

PROGRAMS = ("market_api", "market_writer", "market_stream", "market_exchange")
"""Those that keep something, in the order in which they are stopped."""
TOPICS = (TOPIC, f"{TOPIC}.dlq")
ROWS = 300
_SECONDS = 30.0


def begin_anew(services: Iterable[Service], rows: int = ROWS) -> None:
    """Stop the programs, remove topics, table, ledger and sequence, start them, and let the exchange trade.

    Raises TransientError when something does not get done in time.
    """
    stop(PROGRAMS)
    _remove_topics()
    _remove_table()
    for name in ("market_exchange", "market_stream"):
        for file in Home.current().folder(name).iterdir() if Home.current().folder(name).is_dir() else ():
            file.unlink() if file.is_file() else shutil.rmtree(file)
    provider().up(services)
    if is_empty():
        seed(rows)


def stop(names: Iterable[str]) -> None:
    """Stop services of the stack, and wait until they are down."""
    for name in names:
        provider().halt(name)


def _remove_topics() -> None:
    bootstrap = setting("KAFKA_BOOTSTRAP_SERVERS")
    with kafka.translated("removing topics"):
        admin = kafka.admin(bootstrap)
        for future in admin.delete_topics(list(TOPICS), operation_timeout=_SECONDS).values():
            problem = future.exception(_SECONDS)
            if problem is not None and "UNKNOWN_TOPIC" not in str(problem):
                raise kafka.translate("removing topics", problem.args[0])

        def gone() -> bool:
            return not set(TOPICS) & set(admin.list_topics(timeout=kafka.REQUEST_TIMEOUT_SECONDS).topics)

        if not Deadline(_SECONDS).wait_until(gone):
            raise TransientError("the topics of trades are not gone.", next_step="See that the broker runs.")


def _remove_table() -> None:
    warehouse = setting("MARKET_ICEBERG_WAREHOUSE")
    catalog = iceberg_catalog(CATALOG, setting("MARKET_ICEBERG_CATALOG_URL"), warehouse)
    with translated(f"removing {TABLE}"):
        if catalog.table_exists(TABLE):
            place = catalog.load_table(TABLE).location()
            catalog.drop_table(TABLE)
            if place.startswith("file://"):
                shutil.rmtree(Path(place.removeprefix("file://")), ignore_errors=True)
