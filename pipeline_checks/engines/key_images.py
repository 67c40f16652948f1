"""Which keys stand in more than one row, from 64 bits a row: exact, in linear memory, and without a hash table.

Each key becomes an image of 64 bits: an integer its own value, any other key a hash. Rows of one key have one image, so
keys without a repeated image are unique. The few rows behind repeated images are looked at again, with their keys.
Integers set one flag a possible key while these fit into memory, and are not kept; where that is not possible, or a
flag was set twice, images are sorted, and more of them than memory may hold are first distributed over files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.row_hashes import batches
from pipeline_checks.model.measure import KEY_SAMPLE, DuplicateSample
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars

    from pipeline_checks.model.stage import Rows

    Images = npt.NDArray[np.int64]

MOST_IMAGES = 64_000_000
"""Images that are held at once: 8 bytes each."""
MOST_FLAGS = 256 * 2**20
"""Possible keys between the least and the greatest, a byte each, beyond which integers are sorted instead."""
LEAST_COMPILED = 4_000_000
"""Images from which on the compiled loop, if there is one, earns the time of its loading."""
LEAST_HALVED = 2**20
"""Images from which on the two halves of them are sorted side by side."""
MOST_REPEATED = 1_000_000
"""Repeated images beyond which the rows behind them are no longer few."""
_FILES = 64
_WORD = 64


def duplicates_by_images(rows: Callable[[Sequence[str]], Rows], key: Sequence[str]) -> DuplicateSample | None:
    """Return the duplicate keys among some rows; None when there are so many that all have to be grouped.

    ``rows`` gives the rows with some columns, anew at each call. A key with a NULL in it is a key.
    """
    import numpy as np
    import polars as pl

    def of_all() -> Iterator[Images]:
        return (_images(frame, key) for frame in batches(rows(key), key))

    all_differ, left = _all_differ(of_all())
    if all_differ:
        return DuplicateSample(0, 0)
    repeated = _repeated(left or of_all())
    if len(repeated) == 0:
        return DuplicateSample(0, 0)
    if len(repeated) > MOST_REPEATED:
        return None
    suspects = []
    for frame in batches(rows(key), key):
        images = _images(frame, key)
        at = np.searchsorted(repeated, images)
        suspects.append(frame.filter(pl.Series(repeated[np.minimum(at, len(repeated) - 1)] == images)))
    counted = pl.concat(suspects).group_by(list(key)).agg(pl.len().cast(pl.Int64).alias(_ROWS))
    found = counted.filter(pl.col(_ROWS) > 1)
    named = found.sort(list(key), nulls_last=True).head(KEY_SAMPLE).iter_rows(named=True)
    sample = tuple(({k: to_json_value(row[k]) for k in key}, int(row[_ROWS])) for row in named)
    return DuplicateSample(found.height, int(found.get_column(_ROWS).sum()) - found.height, sample)


def _images(frame: polars.DataFrame, key: Sequence[str]) -> Images:
    import numpy as np

    column = frame.get_column(key[0])
    if len(key) == 1 and column.dtype.is_signed_integer():
        # What stands for NULL may be a key too: the rows behind equal images are looked at again.
        known = column.fill_null(_OF_NULL) if column.null_count() else column
        return known.to_numpy().astype(np.int64, copy=False)
    if len(key) == 1 and not column.dtype.is_nested():
        return column.hash().to_numpy().view(np.int64)
    return frame.select(key).hash_rows().to_numpy().view(np.int64)


def _all_differ(parts: Iterator[Images]) -> tuple[bool, Iterator[Images] | None]:
    """Whether flags prove that no image comes twice; they prove nothing of images that lie too far apart.

    Beside it stand all images where they turned out to be such at once, so that they need not be read again.
    """
    first = next(parts, None)
    if first is None:
        return True, None
    flags, count = _Flags(), len(first)
    if not flags.set(first):
        return False, chain([first], parts)
    with ThreadPoolExecutor(1) as setting:  # while the next part is being read
        done: Future[bool] | None = None
        for part in parts:
            if done is not None and not done.result():
                return False, None
            done, count = setting.submit(flags.set, part), count + len(part)
        if done is not None and not done.result():
            return False, None
    return flags.number() == count, None


class _Flags:
    """A flag for each number between the least and the greatest that were set; what was never set takes no memory.

    Flags are bytes, which numpy sets, and become bits once there are enough numbers to load the compiled loop for.
    """

    def __init__(self) -> None:
        import numpy as np

        self._low = 0
        self._flags: npt.NDArray[Any] = np.zeros(0, np.bool_)
        self._per_item = 1
        self._seen = 0
        self._can_be_compiled = find_spec("numba") is not None

    def set(self, images: Images) -> bool:
        """Set the flags of some numbers; return whether that was possible."""
        self._seen += len(images)
        if self._can_be_compiled and self._seen >= LEAST_COMPILED:
            self._become_bits()
        if not len(images) or self._set(images):
            return True
        return self._reach(int(images.min()), int(images.max())) and self._set(images)

    def number(self) -> int:
        """Return how many flags are set."""
        import numpy as np

        if self._per_item == 1:
            return int(np.count_nonzero(self._flags))
        return int(np.bitwise_count(self._flags).sum(dtype=np.int64))

    def _set(self, images: Images) -> bool:
        if self._per_item > 1:
            from pipeline_checks.engines.flag_loops import set_flags

            wrapped = (self._low - _LEAST) % 2**64 + _LEAST  # whole words may begin below the least number
            return bool(set_flags(self._flags, wrapped, images))
        if not self._low <= images.min() <= images.max() < self._low + len(self._flags):
            return False
        self._flags[images - self._low] = True
        return True

    def _become_bits(self) -> None:
        import numpy as np

        if self._per_item == 1:
            packed = np.packbits(self._flags, bitorder="little")
            self._flags = np.zeros(-(-len(self._flags) // _WORD), np.uint64)
            self._flags.view(np.uint8)[: len(packed)] = packed
            self._per_item = _WORD

    def _reach(self, least: int, greatest: int) -> bool:
        import numpy as np

        high = self._low + len(self._flags) * self._per_item
        if len(self._flags) == 0:
            self._low = high = least
        low, end = min(self._low, least), max(high, greatest + 1)
        if end - low > MOST_FLAGS:
            return False
        spare = min(end - low, (MOST_FLAGS - (end - low)) // 2)  # so that no later key makes it grow again
        low, end = max(low - spare, _LEAST), end + spare
        before = -(-(self._low - low) // self._per_item)
        low = self._low - before * self._per_item
        grown = np.zeros(-(-(end - low) // self._per_item), self._flags.dtype)
        grown[before : before + len(self._flags)] = self._flags
        self._low, self._flags = low, grown
        return True


def _repeated(parts: Iterator[Images]) -> Images:
    """Return the images that come more than once, each once and in order."""
    import numpy as np

    held, count = bytearray(), 0
    for part in parts:
        if count + len(part) > MOST_IMAGES:
            return _repeated_over_files(held, part, parts)
        held += part.tobytes()
        count += len(part)
    return _repeated_in(np.frombuffer(held, np.int64))


def _repeated_in(images: Images) -> Images:
    import numpy as np

    if len(images) < 2:
        return images[:0]
    _sort(images)
    return np.unique(images[1:][images[1:] == images[:-1]])


def _sort(images: Images) -> None:
    """Sort in place: both sides of the median at once, as sorting leaves other threads alone."""
    if len(images) < LEAST_HALVED:
        images.sort()
        return
    middle = len(images) // 2
    images.partition(middle)
    with ThreadPoolExecutor(1) as beside:
        lower = beside.submit(images[:middle].sort)
        images[middle:].sort()
        lower.result()


def _repeated_over_files(held: bytearray, part: Images, rest: Iterator[Images]) -> Images:
    """Distribute all images over files, so that equal ones lie in one, and look into each file."""
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="pipeline_checks_spill_") as folder:
        files = [(Path(folder) / str(number)).open("w+b") for number in range(_FILES)]
        try:

            def distribute(images: Images) -> None:
                # The upper bits of a product with an odd number are mixed from all bits below.
                places = (images.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(58)
                order = np.argsort(places, kind="stable")
                ends = np.cumsum(np.bincount(places.astype(np.int64), minlength=_FILES))
                for file, group in zip(files, np.split(images[order], ends[:-1]), strict=True):
                    group.tofile(file)

            images = np.frombuffer(held, np.int64)
            for start in range(0, len(images), _CHUNK):
                distribute(images[start : start + _CHUNK])
            del images
            held.clear()
            distribute(part)
            for more in rest:
                distribute(more)
            found = []
            for file in files:
                file.seek(0)
                found.append(_repeated_in(np.fromfile(file, np.int64)))
            return np.sort(np.concatenate(found))
        finally:
            for file in files:
                file.close()


_ROWS = "__rows_of_key"
_OF_NULL = 0
_LEAST = -(2**63)
_CHUNK = 1 << 20
