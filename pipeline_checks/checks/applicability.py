"""What sort of stage a declaration is about, as far as checks need to know."""

from __future__ import annotations

from pipeline_checks.model.kinds import CONNECTOR_KINDS, EVENT_TOPIC_KINDS, LAKE_KINDS, SERVED_KINDS, TOPIC_KINDS
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


def says_what_it_covers(stage: StageDeclaration) -> bool:
    """Whether the stage is a table of a lake whose commits are declared to say what they cover."""
    return stage.kind in LAKE_KINDS and getattr(stage, "covers", None) not in (None, "none")


def may_be_a_copy(stage: StageDeclaration) -> bool:
    """Whether the stage is a table of the current state that does not say what it covers of what it is made from."""
    return stage.kind in LAKE_KINDS and not says_what_it_covers(stage) and stage.row_meaning == "current"


def has_event_history(stage: StageDeclaration) -> bool:
    """Whether it can be told of each event when it arrived at the stage."""
    if is_event_topic(stage) or is_served(stage):
        return True
    return says_what_it_covers(stage) and stage.row_meaning == "changes" and not is_source(stage)


def is_reconcilable(stage: StageDeclaration) -> bool:
    """Whether the values of each row can be set against those of the stage that it is made from."""
    if is_source(stage) or not stage.holds_rows or stage.row_meaning == "dead_letters":
        return False
    if not stage.contract.key:
        return stage.contract.says_no_key  # and then it is told why they are not
    return is_event_topic(stage) or is_served(stage) or says_what_it_covers(stage) or may_be_a_copy(stage)


def is_comparable_when_behind(stage: StageDeclaration) -> bool:
    """Whether the keys of a stage that does not cover the cut can still be compared.

    A table is compared with what it must hold at its own position. What a topic or an API has not been given yet
    would look like missing keys.
    """
    return not is_topic(stage) and stage.kind not in SERVED_KINDS
