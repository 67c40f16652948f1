"""Links: how a record that was made of another one names it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from pipeline_checks.model.stage import StageDeclaration


class Links(BaseModel):
    """The headers in which each record of a topic names the record that it was made of.

    ``partition`` and ``offset`` name the headers (declared as columns, of an integer type) with its place; ``topic``
    the one with its topic, where several feed the stage. ``copies`` are columns that must have the value of the
    record it was made of; ``processed`` the column of the instant at which it was made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: str
    offset: str
    topic: str | None = None
    copies: tuple[str, ...] = ()
    processed: str | None = None


def links_of(stage: StageDeclaration) -> Links | None:
    """Return how the records of a stage name those they were made of; None where they do not."""
    found = getattr(stage, "links", None)
    return found if isinstance(found, Links) else None


def is_linked(stage: StageDeclaration) -> bool:
    """Whether each record of the stage names the record that it was made of."""
    return links_of(stage) is not None
