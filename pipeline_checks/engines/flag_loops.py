"""The loop that sets flags of many numbers, compiled; it needs the extra ``fast``."""

from __future__ import annotations

from typing import Any

import numba


@numba.njit(nogil=True, cache=True)
def set_flags(words: Any, low: int, numbers: Any) -> bool:
    """Set the flag of each number, one bit each, the first of them that of ``low``; whether each number had one.

    Where the difference wraps around, another number still has another flag.
    """
    one, last = numba.uint64(1), numba.uint64(63)
    for number in numbers:
        place = numba.uint64(number - low)
        word = place >> numba.uint64(6)
        if word >= len(words):
            return False
        words[word] |= one << (place & last)
    return True
