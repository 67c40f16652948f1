"""A connector as it is asked now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import Facts, Measure, Measured, StageSchema
from pipeline_checks.model.position import LsnPosition
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.stage import Rows, exact
from pipeline_checks.stages import postgres_facts
from pipeline_checks.stages.service_facts import connector_facts
from pipeline_checks.stages.transaction_topic import transaction_facts

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_facts import Query
    from pipeline_checks.stages.service import ServiceReader


class PinnedService:
    """Answers facts; a service has neither columns nor rows."""

    def __init__(self, reader: ServiceReader, position: LsnPosition) -> None:
        self.position = position
        self._reader = reader

    def schema(self) -> Schema:
        """Return no columns."""
        return Schema(())

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return facts: ``connector`` (see ``service_facts.connector_facts``), ``offset`` (lsn, tx_id, commit_time,
        snapshot: whether the initial one is being read), ``slots`` (as of a Postgres table, each with ``expected``:
        whether it is the declared one), ``publication`` (name to tables; only the declared one when one is),
        ``transactions`` (see ``transaction_topic.transaction_facts``)."""
        answers: dict[Measure, Measured] = {}
        # Slots before offsets: what a slot has confirmed the connector has committed before, never the other way.
        for measure in sorted(measures, key=lambda m: (m == Facts("offset"), repr(m))):
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> Rows:
        """Raise ConfigurationError: there are none."""
        raise ConfigurationError(f"{self._reader.declaration.name} is a service and has no rows.")

    def _facts(self, topic: str) -> Any:
        declared = self._reader.declaration
        if topic == "connector":
            return connector_facts(self._reader.connect(), declared.connector, declared.tasks, declared.config)
        if topic == "offset":
            return self._reader.offset().facts()
        if topic == "slots":
            slots = postgres_facts.slots(self._database())
            return [{**slot, "expected": slot["name"] == declared.slot} for slot in slots]
        if topic == "publication":
            found = postgres_facts.publications(self._database())
            named = declared.publication
            if named is None:
                return found
            return {named: found.get(named)}
        if topic == "transactions" and declared.transactions is not None:
            return transaction_facts(resolve(declared.transactions.brokers), declared.transactions.topic)
        raise ConfigurationError(
            f"a service tells nothing of {topic!r}.",
            next_step="It tells: connector, offset, slots, publication, and transactions where these are declared.",
        )

    def _database(self) -> Query:
        query = self._reader.database()
        if query is None:
            raise ConfigurationError(
                f"{self._reader.declaration.name} does not say which database it captures.",
                next_step="Add `connection: {url: {env: NAME}}` to the stage.",
            )
        return query
