"""Who answers for a pipeline or a stage: people by their mail address, teams by name."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator

_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_TEAM: Final = re.compile(r"team:[A-Za-z0-9_./ -]*[A-Za-z0-9_]")


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _known(owners: tuple[str, ...]) -> tuple[str, ...]:
    for owner in owners:
        if not _MAIL.fullmatch(owner) and not _TEAM.fullmatch(owner):
            raise ValueError(f"{owner!r} is no owner: write a mail address, or team:NAME")
    return tuple(dict.fromkeys(owners))


Owners = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_known)]
"""One owner or several, as they are declared."""
