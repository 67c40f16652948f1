"""Two sides of a comparison set against each other: which rows differ, and where each of them first went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pipeline_checks.engines.row_hashes import HASH, differing_keys
from pipeline_checks.model.events import OP, ROW_OPERATIONS
from pipeline_checks.model.measure import KEY_SAMPLE, ChangedRow, RowDifference, Step
from pipeline_checks.values.canonical import presented
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.history import UNTOLD
from pipeline_checks.verification.row_forms import Forms
from pipeline_checks.verification.row_sides import Key, Row, Side
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars


def compare_sides(
    forms: Forms,
    found: Side,
    expected: Side,
    path: list[Side],
    *,
    earlier: polars.DataFrame | None = None,
    wrong_before: polars.DataFrame | None = None,
    by_fold: polars.DataFrame | None = None,
) -> RowDifference:
    """Set the rows found against those expected.

    ``path`` are the sides that the rows passed, first to last; the expected values are those of the last side that
    holds the key with the expected hash. ``earlier`` are the events in which an earlier state of a row is looked
    for. ``wrong_before`` are keys that went wrong at the last side of the path already. ``by_fold`` are keys whose
    expectation is the last side's; the others' is the first side's.
    """
    names = [c.name for c in forms.own.key]
    differing = differing_keys(found.hashes, expected.hashes, names)
    both = found.hashes.join(expected.hashes, on=names, how="semi", nulls_equal=True).height
    sample = differing.sort(names).head(KEY_SAMPLE)
    changed: list[ChangedRow] = []
    if sample.height:
        rows = found.values(sample)
        passed = [(side, side.values(sample)) for side in path]
        wrong = _keys(wrong_before, names)
        folded = _keys(by_fold, names)
        stale = _stale(found, path[-1], earlier, sample)
        for key in _ordered(sample, names):
            decided = path[-1] if len(path) == 1 or key in folded else path[0]
            wanted = next(values for side, values in passed if side is decided).get(key, [{}])[0]
            changed += _changed(key, names, rows.get(key, []), wanted, found, passed, wrong, key in stale)
    return RowDifference(
        rows=both,
        columns=forms.columns,
        changed_total=differing.height,
        changed=tuple(changed[:KEY_SAMPLE]),
        skipped=forms.skipped,
        against=tuple(side.stage for side in path),
    )


def _stale(found: Side, topic: Side, earlier: polars.DataFrame | None, sample: polars.DataFrame) -> set[Key]:
    """Return the keys whose row is that of an earlier event, and not that of the newest one."""
    import polars as pl

    if earlier is None:
        return set()
    form = topic.form
    names = [c.name for c in form.key]
    rows = earlier.filter(pl.col(OP).is_in(ROW_OPERATIONS) & ~pl.col(UNTOLD))
    former = form.hashed(rows.to_arrow())
    seen = found.hashes.join(sample, on=names, how="semi", nulls_equal=True)
    seen = seen.join(topic.hashes, on=[*names, HASH], how="anti", nulls_equal=True)
    return _keys(seen.join(former, on=[*names, HASH], how="semi", nulls_equal=True), names)


def _changed(
    key: Key,
    names: list[str],
    rows: Iterable[Row],
    wanted: Row,
    found: Side,
    passed: list[tuple[Side, dict[Key, list[Row]]]],
    wrong: set[Key],
    is_stale: bool,
) -> Iterator[ChangedRow]:
    """Yield the rows of one key that differ from what is wanted, with the way each went."""
    types = {c.name: c.type for c in (*found.form.key, *found.form.columns)}
    for row in rows:
        columns = [c for c in row if not _same(row[c], wanted.get(c))]
        if not columns:
            continue

        def shown(values: Row, columns: list[str] = columns) -> dict[str, Any]:
            return {c: to_json_value(presented(values.get(c), types[c])) for c in columns}

        steps = []
        for side, values in passed:
            there = values.get(key)
            told = None if not there else shown(there[0])
            steps.append(Step(side.stage, side.position_of(key), told))
        steps.append(Step(found.stage, found.position_of(key), shown(row)))
        first = steps[-2] if key in wrong else steps[-1]
        yield ChangedRow(
            key={n: to_json_value(v) for n, v in zip(names, key, strict=True)},
            expected=shown(wanted),
            seen=shown(row),
            stage=first.stage,
            position=first.position,
            is_stale=is_stale,
            steps=tuple(steps),
        )


@runtime_checkable
class HasFiles(Protocol):
    """A table that can tell in which of its data files values of a column stand."""

    def files_of(self, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]: ...


def with_files(difference: RowDifference, table: Settled, forms: Forms) -> RowDifference:
    """Return the difference with the data files of the rows that differ."""
    if not difference.changed or len(forms.own.key) != 1 or not isinstance(table.pinned, HasFiles):
        return difference
    column = forms.own.key[0]
    if column.type.name not in ("int64", "string"):  # others are told in another form than the files have them
        return difference
    files = table.pinned.files_of(column.source, [row.key[column.name] for row in difference.changed])
    told = (replace(row, files=files.get(row.key[column.name], ())) for row in difference.changed)
    return replace(difference, changed=tuple(told))


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # NaN is the value that is not itself


def _ordered(frame: polars.DataFrame, names: list[str]) -> list[Key]:
    return list(frame.select(names).iter_rows())


def _keys(frame: polars.DataFrame | None, names: list[str]) -> set[Key]:
    return set() if frame is None else set(_ordered(frame, names))
