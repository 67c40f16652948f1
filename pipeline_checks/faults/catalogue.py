"""Every fault, by name."""

from __future__ import annotations

from typing import Final

from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.lake_faults import RowFault
from pipeline_checks.faults.row_damage import some_rows
from pipeline_checks.model.errors import ConfigurationError

LOST_ROWS = RowFault("lost_rows", "Rows are deleted behind the mover's back", some_rows(3), "gone")

FAULTS: Final[dict[str, Fault]] = {f.name: f for f in (LOST_ROWS,)}


def fault(name: str) -> Fault:
    """Return the fault of that name; raises ConfigurationError listing the names when there is none."""
    if name not in FAULTS:
        raise ConfigurationError(f"there is no fault {name!r}.", next_step=f"Known: {', '.join(FAULTS)}.")
    return FAULTS[name]
