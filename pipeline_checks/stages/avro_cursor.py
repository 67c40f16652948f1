"""Many Avro records side by side: one place in each, moved on together.

A record that ends before its value does, or holds one that cannot be, is marked as bad and read no further.
Source: Apache Avro 1.12 specification, "Binary Encoding".
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_VARINT_BYTES = 10


class AvroCursor:
    """Places in the records of one buffer.

    Parameters
    ----------
    buffer:
        The bytes of all records.
    at, end:
        Of each record, where its next value begins and where the record ends (exclusive).
    bad:
        Which records are not read further; those of a part are told by ``join``.
    """

    def __init__(self, buffer: NDArray[np.uint8], at: Longs, end: Longs, bad: Flags | None = None) -> None:
        self.buffer, self.at, self.end = buffer, at, end
        self.bad = np.zeros(len(at), np.bool_) if bad is None else bad

    def part(self, chosen: Flags) -> AvroCursor:
        """Return a cursor over some of the records; ``join`` brings back where it has got."""
        return AvroCursor(self.buffer, self.at[chosen], self.end[chosen], self.bad[chosen])

    def join(self, chosen: Flags, part: AvroCursor) -> None:
        """Move on the records that ``part`` has read."""
        self.at[chosen] = part.at
        self.bad[chosen] = part.bad

    def refuse(self, wrong: Flags) -> None:
        """Mark records as bad."""
        self.bad |= wrong

    def longs(self) -> Longs:
        """Read a whole number of each record: zigzag, seven bits a byte. Of a bad record it is 0."""
        found = np.zeros(len(self.at), np.uint64)
        left = np.flatnonzero(~self.bad)
        place = self.at[left]
        for turn in range(_VARINT_BYTES):
            over = place >= self.end[left]
            if over.any():
                self.bad[left[over]] = True
                left, place = left[~over], place[~over]
            byte = self.buffer[place].astype(np.uint64)
            found[left] |= (byte & np.uint64(0x7F)) << np.uint64(7 * turn)
            place = place + 1
            self.at[left] = place
            more = byte >= 0x80
            if not more.any():
                break
            left, place = left[more], place[more]
        else:
            self.bad[left] = True
        found[self.bad] = 0
        return (found >> np.uint64(1)).astype(np.int64) ^ -((found & np.uint64(1)).astype(np.int64))

    def spans(self, lengths: Longs | None = None) -> tuple[Longs, Longs]:
        """Read bytes with their length before them, or of ``lengths``; return where they begin and how many they are.

        Of a bad record there are none.
        """
        if lengths is None:
            lengths = self.longs()
        start = self.at.copy()
        self.refuse((lengths < 0) | (lengths > self.end - start))
        lengths = np.where(self.bad, 0, lengths)
        self.at = start + lengths
        return start, lengths

    def gathered(self, start: Longs, lengths: Longs) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the bytes of spans behind each other, and the offsets at which each begins, with their end."""
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        shift = np.repeat(start - offsets[:-1], lengths)
        return offsets.astype(np.int32), self.buffer[shift + np.arange(offsets[-1])]

    def texts(self) -> pyarrow.StringArray:
        """Read a text of each record; what is no UTF-8 makes its record bad."""
        import pyarrow as pa

        offsets, data = self.gathered(*self.spans())
        array = pa.StringArray.from_buffers(len(self.at), pa.py_buffer(offsets), pa.py_buffer(data))
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            self.refuse(np.array([not _is_text(data[a:b].tobytes()) for a, b in pairwise(offsets)]))
            return pa.array([""] * len(self.at), pa.string())
        return array

    def blobs(self, lengths: Longs | None = None) -> pyarrow.BinaryArray:
        """Read bytes of each record."""
        import pyarrow as pa

        offsets, data = self.gathered(*self.spans(lengths))
        return pa.BinaryArray.from_buffers(pa.binary(), len(self.at), [None, pa.py_buffer(offsets), pa.py_buffer(data)])

    def fixed(self, width: int) -> NDArray[np.uint8]:
        """Read ``width`` bytes of each record, as a row of a matrix; zeros of a bad one."""
        self.refuse(self.at + width > self.end)
        place = np.where(self.bad, 0, self.at)
        rows = self.buffer[np.minimum(place[:, None] + np.arange(width), len(self.buffer) - 1)]
        rows[self.bad] = 0
        self.at = np.where(self.bad, self.at, self.at + width)
        return rows

    def unscaled(self, lengths: Longs | None = None) -> tuple[Longs, NDArray[np.uint64]]:
        """Read big-endian two's complement numbers of up to 16 bytes; return their upper and lower 64 bits.

        A longer one makes its record bad: such do occur, but not in columns of up to 38 digits.
        """
        start, lengths = self.spans(lengths)
        self.refuse((lengths > 16) | (lengths == 0))
        low, high = np.zeros(len(start), np.uint64), np.zeros(len(start), np.int64)
        longest = int(lengths.max(initial=0))
        negative = self.buffer[np.minimum(start, len(self.buffer) - 1)] >= 0x80
        negative &= lengths > 0
        low[negative], high[negative] = np.uint64(0xFFFFFFFFFFFFFFFF), -1
        wide = longest > 8
        for turn in range(min(longest, 16)):
            open_ = lengths > turn
            byte = self.buffer[np.where(open_, start + turn, 0)].astype(np.uint64)
            if wide:
                carried = (low >> np.uint64(56)).astype(np.int64)
                high = np.where(open_, (high << 8) | carried, high)
            low = np.where(open_, (low << np.uint64(8)) | byte, low)
        return high, low


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
