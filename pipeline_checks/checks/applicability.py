"""What sort of stage a declaration is about, as far as checks need to know."""

from __future__ import annotations

from pipeline_checks.model.kinds import (
    CONNECTOR_KINDS,
    DBT_KINDS,
    EVENT_TOPIC_KINDS,
    GROUP_KINDS,
    LAKE_KINDS,
    LEDGER_KINDS,
    LOAD_LEDGER_KINDS,
    LOADED_KINDS,
    SERVED_KINDS,
    TOPIC_KINDS,
)
from pipeline_checks.model.links import is_linked, links_of
from pipeline_checks.model.stage import StageDeclaration


def is_source(stage: StageDeclaration) -> bool:
    """Whether the data begins here: nothing is declared that it is made from."""
    return not stage.from_


def is_topic(stage: StageDeclaration) -> bool:
    """Whether the rows of the stage are records of a topic."""
    return stage.kind in TOPIC_KINDS


def is_event_topic(stage: StageDeclaration) -> bool:
    """Whether the rows of the stage are change events."""
    return stage.kind in EVENT_TOPIC_KINDS


def is_consumer_group(stage: StageDeclaration) -> bool:
    """Whether the stage is a consumer group, which holds no rows."""
    return stage.kind in GROUP_KINDS


def writes_tables(stage: StageDeclaration) -> bool:
    """Whether the stage is a consumer group that writes tables, which say themselves what they cover."""
    return is_consumer_group(stage) and getattr(stage, "writes", "topics") == "tables"


def is_loaded_topic(stage: StageDeclaration) -> bool:
    """Whether each record of a topic is a row of the stage that it is filled from."""
    return is_topic(stage) and not is_event_topic(stage) and not is_source(stage) and not is_linked(stage)


def is_topic_of_facts(stage: StageDeclaration) -> bool:
    """Whether the records of a topic are facts: one of a key that came before is told again, not changed."""
    return is_topic(stage) and not is_event_topic(stage) and getattr(stage, "wins", "last") == "first"


def is_loaded_table(stage: StageDeclaration) -> bool:
    """Whether the stage is a table of a warehouse that is loaded from the stage before it, row by row."""
    return stage.kind in LOADED_KINDS and not is_source(stage)


def has_rows_told_by_fates(stage: StageDeclaration) -> bool:
    """Whether it is told by fates which rows the stage must hold: its own, or those of a stage that it stands beside.

    Of what dbt makes nothing else tells it.
    """
    return stage.kind in DBT_KINDS or "fates" in stage.contract.promises


def is_ledger(stage: StageDeclaration) -> bool:
    """Whether the stage says what a feed has sent."""
    return stage.kind in LEDGER_KINDS


def is_served(stage: StageDeclaration) -> bool:
    """Whether the stage serves the rows of its upstream."""
    return stage.kind in SERVED_KINDS and not is_source(stage)


def is_connector(stage: StageDeclaration) -> bool:
    """Whether the stage is a process that moves data and holds no rows."""
    return stage.kind in CONNECTOR_KINDS and not stage.holds_rows


def knows_its_database(stage: StageDeclaration) -> bool:
    """Whether the database that a connector captures is declared, so that its slot can be asked for."""
    return getattr(stage, "connection", None) is not None


def tells_transactions(stage: StageDeclaration) -> bool:
    """Whether a connector is declared to tell of each transaction how many events it has."""
    return is_connector(stage) and getattr(stage, "transactions", None) is not None


def tells_of_loads(stage: StageDeclaration) -> bool:
    """Whether the stage is what a service writes down of the files that it loads."""
    return stage.kind in LOAD_LEDGER_KINDS


def is_loaded_by_files(stage: StageDeclaration) -> bool:
    """Whether the stage is a table whose snapshots are declared to say of which file their rows are."""
    return getattr(getattr(stage, "covers", None), "files", None) is not None


def says_what_it_covers(stage: StageDeclaration) -> bool:
    """Whether the stage is a table of a lake whose commits are declared to say what they cover of their topics."""
    says = stage.kind in LAKE_KINDS and getattr(stage, "covers", None) not in (None, "none")
    return says and not is_loaded_by_files(stage)


def may_be_a_copy(stage: StageDeclaration) -> bool:
    """Whether the stage is a table of the current state that does not say what it covers of what it is made from."""
    if is_loaded_by_files(stage):
        return False
    return stage.kind in LAKE_KINDS and not says_what_it_covers(stage) and stage.row_meaning == "current"


def has_event_history(stage: StageDeclaration) -> bool:
    """Whether it can be told of each event when it arrived at the stage."""
    if stage.contract.promises.get("latency") is False:
        return False
    if is_event_topic(stage) or is_served(stage) or is_linked(stage) or tells_of_loads(stage):
        return True
    if is_topic(stage):
        return getattr(stage, "received", None) is not None
    # Of a table of the current state an event is told only where its rows are facts, which the contract must say.
    of_facts = stage.row_meaning == "changes" or "latency" in stage.contract.promises
    return says_what_it_covers(stage) and of_facts and not is_source(stage)


def is_reconcilable(stage: StageDeclaration) -> bool:
    """Whether the values of each row can be set against those of the stage that it is made from."""
    if is_source(stage) or not stage.holds_rows or stage.row_meaning == "dead_letters" or is_loaded_by_files(stage):
        return False
    links = links_of(stage)
    if links is not None:
        return bool(links.copies)
    if not stage.contract.key:
        # And then it is told why they are not; of what was rejected another check tells it record by record.
        is_told_elsewhere = "rejected" in stage.contract.promises or has_rows_told_by_fates(stage)
        return stage.contract.says_no_key and not is_told_elsewhere
    if is_event_topic(stage) or is_loaded_topic(stage) or is_served(stage) or is_loaded_table(stage):
        return True
    return says_what_it_covers(stage) or may_be_a_copy(stage)


def is_comparable_when_behind(stage: StageDeclaration) -> bool:
    """Whether the keys of a stage that does not cover the cut can still be compared.

    A table is compared with what it must hold at its own position, a topic of facts with what must have come by now.
    What another topic or an API has not been given yet would look like missing keys.
    """
    return (not is_topic(stage) or is_topic_of_facts(stage)) and stage.kind not in SERVED_KINDS
