"""The loops of ``postgres_hash``: lookup3 and the hash functions of Postgres's types, compiled.

Numbers are cut to their width at each step: this is the arithmetic of C's unsigned integers.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

_U32, _U64 = numba.uint32, numba.uint64
_INLINE: dict[str, Any] = {"nogil": True, "cache": True, "inline": "always"}
_LOOP: dict[str, Any] = {"nogil": True, "cache": True}


@numba.njit(**_INLINE)
def _rotated(x: Any, bits: Any) -> Any:
    return _U32((x << _U32(bits)) | (x >> _U32(32 - bits)))


@numba.njit(**_INLINE)
def _mixed(a: Any, b: Any, c: Any) -> Any:
    a = _U32(a - c) ^ _rotated(c, 4)
    c = _U32(c + b)
    b = _U32(b - a) ^ _rotated(a, 6)
    a = _U32(a + c)
    c = _U32(c - b) ^ _rotated(b, 8)
    b = _U32(b + a)
    a = _U32(a - c) ^ _rotated(c, 16)
    c = _U32(c + b)
    b = _U32(b - a) ^ _rotated(a, 19)
    a = _U32(a + c)
    c = _U32(c - b) ^ _rotated(b, 4)
    b = _U32(b + a)
    return a, b, c


@numba.njit(**_INLINE)
def _finished(a: Any, b: Any, c: Any) -> Any:
    c = _U32((c ^ b) - _rotated(b, 14))
    a = _U32((a ^ c) - _rotated(c, 11))
    b = _U32((b ^ a) - _rotated(a, 25))
    c = _U32((c ^ b) - _rotated(b, 16))
    a = _U32((a ^ c) - _rotated(c, 4))
    b = _U32((b ^ a) - _rotated(a, 14))
    c = _U32((c ^ b) - _rotated(b, 24))
    return (_U64(b) << _U64(32)) | _U64(c)


@numba.njit(**_INLINE)
def _start(length: Any) -> Any:
    return _U32(_U32(0x9E3779B9) + _U32(length) + _U32(3923095))


@numba.njit(**_INLINE)
def _of_uint32(value: Any) -> Any:
    a = _start(4)
    return _finished(_U32(a + value), a, a)


@numba.njit(**_INLINE)
def _of_int64(value: Any) -> Any:
    low, high = _U32(value & 0xFFFFFFFF), _U32((value >> 32) & 0xFFFFFFFF)
    return _of_uint32(_U32(low ^ high) if value >= 0 else _U32(low ^ _U32(~high)))


@numba.njit(**_INLINE)
def _word(data: Any, at: Any) -> Any:
    return (
        _U32(data[at])
        | (_U32(data[at + 1]) << _U32(8))
        | (_U32(data[at + 2]) << _U32(16))
        | (_U32(data[at + 3]) << _U32(24))
    )


@numba.njit(**_INLINE)
def _of_bytes(data: Any, start: Any, end: Any) -> Any:
    left = end - start
    a = _start(left)
    b, c = a, a
    while left >= 12:
        a = _U32(a + _word(data, start))
        b = _U32(b + _word(data, start + 4))
        c = _U32(c + _word(data, start + 8))
        a, b, c = _mixed(a, b, c)
        start += 12
        left -= 12
    for j in range(min(left, 4)):
        a = _U32(a + (_U32(data[start + j]) << _U32(8 * j)))
    for j in range(4, min(left, 8)):
        b = _U32(b + (_U32(data[start + j]) << _U32(8 * (j - 4))))
    # The lowest byte of c is kept for the length.
    for j in range(8, left):
        c = _U32(c + (_U32(data[start + j]) << _U32(8 * (j - 7))))
    return _finished(a, b, c)


@numba.njit(**_INLINE)
def _combined(row: Any, value: Any) -> Any:
    return _U64((_U64(row) << _U64(5)) - _U64(row) + _U64(value))


@numba.njit(**_LOOP)
def add_texts(rows: Any, offsets: Any, data: Any, valid: Any) -> None:
    """Combine the hash of each text, given by offsets into its bytes, into that of its row."""
    for i in range(len(rows)):
        known = len(valid) == 0 or valid[i]
        rows[i] = _combined(rows[i], _of_bytes(data, offsets[i], offsets[i + 1]) if known else _U64(0))


@numba.njit(**_LOOP)
def add_integers(rows: Any, values: Any, valid: Any) -> None:
    """Combine the hash of each integer (of any width) into that of its row."""
    for i in range(len(rows)):
        known = len(valid) == 0 or valid[i]
        rows[i] = _combined(rows[i], _of_int64(values[i]) if known else _U64(0))


@numba.njit(**_LOOP)
def add_booleans(rows: Any, values: Any, valid: Any) -> None:
    """Combine the hash of each truth value into that of its row."""
    for i in range(len(rows)):
        known = len(valid) == 0 or valid[i]
        rows[i] = _combined(rows[i], _of_uint32(_U32(values[i])) if known else _U64(0))


@numba.njit(**_LOOP)
def add_floats(rows: Any, bits: Any, valid: Any) -> None:
    """Combine the hash of each double, given by its bits, into that of its row; both zeros and all NaN are one."""
    data = np.empty(8, np.uint8)
    for i in range(len(rows)):
        known = len(valid) == 0 or valid[i]
        value = _U64(0)
        if known and bits[i] != _U64(0) and bits[i] != _U64(0x8000000000000000):
            held = bits[i]
            is_infinite = (held & _U64(0x7FF0000000000000)) == _U64(0x7FF0000000000000)
            if is_infinite and (held & _U64(0xFFFFFFFFFFFFF)) != _U64(0):
                held = _U64(0x7FF8000000000000)
            for j in range(8):
                data[j] = (held >> _U64(8 * j)) & _U64(255)
            value = _of_bytes(data, 0, 8)
        rows[i] = _combined(rows[i], value)


@numba.njit(**_LOOP)
def add_decimals(rows: Any, values: Any, scale: Any, valid: Any) -> None:
    """Digits of base 10,000, those of value 0 at both ends left out, with the place of the first."""
    whole = 1
    for _ in range(scale):
        whole *= 10
    behind = (scale + 3) // 4
    filling = 1
    for _ in range(4 * behind - scale):
        filling *= 10
    digits = np.empty(16, np.int64)
    data = np.empty(32, np.uint8)
    for i in range(len(rows)):
        value = _U64(0)
        if len(valid) == 0 or valid[i]:
            x = values[i] if values[i] >= 0 else -values[i]
            before, after = x // whole, (x % whole) * filling
            for j in range(behind):
                digits[5 + behind - 1 - j] = after % 10000
                after //= 10000
            for j in range(5):
                digits[4 - j] = before % 10000
                before //= 10000
            first, end = 0, 5 + behind
            while first < end and digits[first] == 0:
                first += 1
            while end > first and digits[end - 1] == 0:
                end -= 1
            if first == end:
                value = _U64(0xFFFFFFFFFFFFFFFF)
            else:
                for j in range(first, end):
                    data[2 * (j - first)] = digits[j] & 255
                    data[2 * (j - first) + 1] = digits[j] >> 8
                value = _of_bytes(data, 0, 2 * (end - first)) ^ _U64(np.int64(4 - first))
        rows[i] = _combined(rows[i], value)


@numba.njit(**_LOOP)
def negative(values: Any) -> Any:
    """Return 1 for each number below 0, else 0."""
    found = np.empty(len(values), np.uint8)
    for i in range(len(values)):
        found[i] = 1 if values[i] < 0 else 0
    return found


@numba.njit(**_LOOP)
def add_to_buckets(keys: Any, hashes: Any, shift: Any, least: Any, counts: Any, folded: Any) -> None:
    """Count each row in the bucket ``(key >> shift) - least`` and fold its hash into it by exclusive or.

    Rows that lie outside of the buckets are left out.
    """
    for i in range(len(keys)):
        bucket = (keys[i] >> shift) - least
        if bucket < 0 or bucket >= len(counts):
            continue
        counts[bucket] += 1
        folded[bucket] ^= hashes[i]
