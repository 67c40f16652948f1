"""The loop that sets flags of many numbers, compiled; it needs the extra ``fast``."""

from __future__ import annotations

from typing import Any

import numba


@numba.njit(nogil=True, cache=True)
def set_flags(flags: Any, low: int, numbers: Any) -> bool:
    """Set the flag of each number, of which ``low`` has the first; whether there was one for every number.

    Where the difference wraps around, another number still has another flag.
    """
    for number in numbers:
        place = number - low
        if place < 0 or place >= len(flags):
            return False
        flags[place] = True
    return True
