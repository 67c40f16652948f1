"""What an earlier proof leaves out is right, and what could hide in it comes to light within one round of slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.engines.bucket_hashes import hashed_buckets
from pipeline_checks.engines.row_hashes import HASH, ComparedColumn, RowForm, batches
from pipeline_checks.model import events
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.position import OffsetsPosition, VersionPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.stages.lake_increment import changed_files, identity_of
from pipeline_checks.stages.registry import declaration_class, open_stage
from pipeline_checks.values.buckets import BucketPlan, Buckets, stretches
from pipeline_checks.verification import increment as increments
from pipeline_checks.verification.increment import (
    Increment,
    Sweep,
    events_since,
    finer,
    fingerprint,
    increment,
    open_buckets,
    rewritten_keys,
    settled_offsets,
)
from pipeline_checks.verification.row_forms import Forms
from pipeline_checks_tests.unit.verification.events import TOPIC, cut_before, event, history

INT, TEXT = LogicalType.parse("int64"), LogicalType.parse("string")
KEY = (ComparedColumn("id", "id", INT),)
FORM = RowForm(KEY, (*KEY, ComparedColumn("name", "name", TEXT)), ("id", "name"))
Rows = Mapping[int, str]


def frame(rows: Sequence[tuple[int, str]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"id": pl.Int64, "name": pl.String}, orient="row")


@dataclass
class Literal:
    """A stage whose rows are given, as source and as table."""

    held: list[tuple[int, str]]
    position: Any = None

    def rows(self, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        return frame(self.held).lazy().select(columns or ["id", "name"])

    def rows_in(self, columns: Sequence[str], key: str, ranges: Sequence[tuple[int, int]]) -> pa.RecordBatchReader:
        inside = [r for r in self.held if any(low <= r[0] <= high for low, high in ranges)]
        return frame(inside).select(columns).to_arrow().to_reader()

    def size(self) -> int:
        return 2**40

    def bucket_plan(self, key: str) -> BucketPlan | None:
        keys = [k for k, _ in self.held]
        return BucketPlan(2, min(keys) >> 2, (max(keys) >> 2) - (min(keys) >> 2) + 1) if keys else None

    def hashes_as_we_do(self, columns: Sequence[str]) -> bool:
        return True

    def hashed_buckets(
        self, key: str, columns: Sequence[str], plan: BucketPlan, ranges: Sequence[tuple[int, int]] | None = None
    ) -> Buckets:
        inside = self.rows_in(["id", "name"], key, [(-(2**62), 2**62)] if ranges is None else ranges)
        made = hashed_buckets(inside, key, columns, [], {}, plan)
        assert made is not None
        return made

    def schema(self) -> Schema:
        return Schema((SchemaField("id", INT, nullable=False), SchemaField("name", TEXT, nullable=True)))

    def answer(self, measures: frozenset[Any]) -> dict[Any, Any]:
        return {}


def differences(source: pl.DataFrame, table: pl.DataFrame) -> set[int]:
    """The keys whose rows differ, by a full outer join of what is looked at."""
    sides = [
        FORM.hashed(side.lazy()).group_by("id", HASH).len().with_columns(pl.col("len").cast(pl.Int64))
        for side in (source, table)
    ]
    joined = sides[0].join(sides[1], on=["id", HASH, "len"], how="full")
    wrong = joined.filter(pl.any_horizontal(pl.col("id").is_null(), pl.col("id_right").is_null()))
    return {k for row in wrong.select("id", "id_right").rows() for k in row if k is not None}


def looked_at(made: Increment | None, source: Literal, table: Literal) -> set[int]:
    """The keys found to differ in what an increment leaves to look at; in all rows without one."""
    if made is None:
        return differences(frame(source.held), frame(table.held))
    held = pl.concat(list(batches(made.of_source(source, ["id", "name"]), ["id", "name"])))
    found: Any = made.of_table(table, ["id", "name"])
    assert made.rows + found.collect().height == len(table.held)
    return differences(held, found.collect())


KEYS = st.integers(-40, 80)
STATE = st.dictionaries(KEYS, st.sampled_from("ab"), min_size=1, max_size=60)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Rows, Rows, list[tuple[int, str]], set[int], set[int]]:
    """What was proved, the source now, the table now, the keys with events, and those changed by other writers."""
    proved: dict[int, str] = draw(STATE)
    source, touched = dict(proved), draw(st.sets(KEYS, max_size=6))
    for key in touched:
        if draw(st.booleans()):
            source[key] = draw(st.sampled_from("abc"))
        else:
            source.pop(key, None)
    table = dict(source)
    for key in draw(st.sets(st.sampled_from(sorted(touched)), max_size=3)) if touched else set():
        # the mover did not apply an event, or did it wrongly
        if key in proved and draw(st.booleans()):
            table[key] = proved[key]
        else:
            table.pop(key, None)
    others = draw(st.sets(KEYS, max_size=4))
    for key in others:
        if draw(st.booleans()):
            table[key] = "z"
        else:
            table.pop(key, None)
    rows = (
        list(table.items()) + [(k, table[k]) for k in draw(st.sets(st.sampled_from(sorted(table)), max_size=2))]
        if table
        else []
    )
    return proved, source, rows, touched, others


@settings(max_examples=50, deadline=None)
@given(worlds(), st.integers(0, 3))
def test_an_increment_finds_what_a_full_comparison_finds(world: Any, slice_: int) -> None:
    proved, source_now, table_now, touched, _ = world
    source, table = Literal(list(source_now.items())), Literal(table_now)
    plan = source.bucket_plan("id")
    if plan is None:
        return
    rewritten = rewritten_keys(FORM, frame(list(proved.items())).lazy(), frame(table_now).lazy())
    keys = np.concatenate([np.array(sorted(touched), np.int64), rewritten])
    opened = open_buckets(plan, keys, Sweep(slice_, 4))
    totals = (len(source.held), len(table.held))
    made = increment(source, table, totals, ("id", "id"), plan, opened)
    assert looked_at(made, source, table) == differences(frame(source.held), frame(table.held))


@settings(max_examples=50, deadline=None)
@given(worlds(), st.integers(0, 3))
def test_long_stretches_are_closed_by_their_hashes_and_nothing_is_lost_by_it(world: Any, slice_: int) -> None:
    proved, source_now, table_now, touched, _ = world
    source, table = Literal(list(source_now.items())), Literal(table_now)
    coarse = source.bucket_plan("id")
    if coarse is None:
        return
    rewritten = rewritten_keys(FORM, frame(list(proved.items())).lazy(), frame(table_now).lazy())
    plan = finer(coarse)
    assert plan.shift == 0
    opened = open_buckets(plan, np.concatenate([np.array(sorted(touched), np.int64), rewritten]), Sweep(slice_, 2))
    totals = (len(source.held), len(table.held))
    with pytest.MonkeyPatch.context() as small:
        small.setattr(increments, "LEAST_HASHED", 1)
        made = increment(source, table, totals, ("id", "id"), plan, opened, (Forms(FORM, FORM, {}), coarse))
    assert looked_at(made, source, table) == differences(frame(source.held), frame(table.held))


def test_of_a_long_stretch_that_agrees_no_row_is_read() -> None:
    side = Literal([(k, "a") for k in range(64)])
    other = Literal([(k, "b" if k == 17 else "a") for k in range(64)])
    coarse = BucketPlan(2, 0, 16)
    opened = open_buckets(finer(coarse), np.array([55], np.int64), Sweep(0, 4))
    with pytest.MonkeyPatch.context() as small:
        small.setattr(increments, "LEAST_HASHED", 1)
        made = increment(side, other, (64, 64), ("id", "id"), finer(coarse), opened, (Forms(FORM, FORM, {}), coarse))
    assert made is not None
    kept: Any = made.of_table(other, ["id"])
    assert kept.collect().get_column("id").to_list() == [16, 17, 18, 19, 55]


@settings(max_examples=50, deadline=None)
@given(STATE, st.data())
def test_what_no_log_tells_of_is_found_at_once_by_its_number_or_within_one_round_of_slices(
    proved: dict[int, str], data: st.DataObject
) -> None:
    table = dict(proved)
    for key in data.draw(st.sets(st.sampled_from(sorted(proved)), min_size=1, max_size=3)):
        if data.draw(st.booleans()):
            table[key] = "z"
        else:
            table.pop(key)
    source, copy = Literal(list(proved.items())), Literal(list(table.items()))
    wrong = differences(frame(source.held), frame(copy.held))
    plan = source.bucket_plan("id")
    assert plan is not None
    nothing, found, sweep = np.array([], np.int64), set(), Sweep(0, 4)
    rounds = []
    for _ in range(4):
        opened = open_buckets(plan, nothing, sweep)
        made = increment(source, copy, (len(source.held), len(copy.held)), ("id", "id"), plan, opened)
        rounds.append(looked_at(made, source, copy))
        found |= rounds[-1]
        sweep = Sweep.after(sweep.to_json(), 4)
    assert found == wrong
    if len(table) != len(proved):
        assert rounds[0]  # a number of rows that differs is seen in the first round


@given(st.integers(0, 20), st.integers(-(10**12), 10**12), st.integers(1, 5000), st.integers(1, 20))
def test_every_bucket_is_in_exactly_one_slice(shift: int, least: int, count: int, of: int) -> None:
    plan = BucketPlan(shift, least, count)
    together = np.sum([Sweep(number, of).buckets(plan) for number in range(of)], axis=0)
    assert (together == 1).all()


@given(st.integers(0, 12), st.integers(0, 10**9), st.integers(33, 64), st.integers(33, 64))
def test_a_bucket_stays_in_its_slice_while_the_range_of_keys_does_not_double(
    shift: int, least: int, before: int, after: int
) -> None:
    for number in range(16):
        one, other = (Sweep(number, 16).buckets(BucketPlan(shift, least, count)) for count in (before, after))
        shared = min(before, after)
        assert (one[:shared] == other[:shared]).all()


def test_a_slice_is_few_stretches_of_neighbours() -> None:
    plan = BucketPlan(9, 0, 19532)  # ten million rows
    for number in range(16):
        open_ = Sweep(number, 16).buckets(plan)
        assert 2 <= len(stretches(open_, plan)) <= 4
        assert 0.5 / 16 <= open_.mean() <= 1.5 / 16


@given(st.integers(0, 12), st.integers(-1000, 1000), st.integers(1, 50), st.integers(-(10**6), 10**6))
def test_finer_buckets_hold_the_same_keys(shift: int, least: int, count: int, key: int) -> None:
    plan = BucketPlan(shift, least, count)
    small = finer(plan)
    inside = [0 <= (key >> p.shift) - p.least < p.count for p in (plan, small)]
    assert inside[0] == inside[1]


def test_slices_follow_each_other_and_begin_anew_with_another_number() -> None:
    assert [Sweep.after({"slice": n, "of": 3}, 3).slice for n in range(3)] == [1, 2, 0]
    assert Sweep.after({"slice": 1, "of": 3}, 4) == Sweep(0, 4)


def test_too_many_open_buckets_are_no_increment() -> None:
    side = Literal([(k, "a") for k in range(64)])
    plan = side.bucket_plan("id")
    assert plan is not None
    opened = np.ones(plan.count, bool)
    assert increment(side, side, (64, 64), ("id", "id"), plan, opened) is None
    opened[: plan.count // 2] = False
    assert increment(side, side, (64, 64), ("id", "id"), plan, opened) is not None


def test_a_row_that_was_only_written_anew_is_not_touched_and_one_written_twice_is() -> None:
    gone, added = frame([(1, "a"), (2, "b")]), frame([(1, "a"), (2, "b"), (2, "b"), (3, "c")])
    assert sorted(rewritten_keys(FORM, gone.lazy(), added.lazy())) == [2, 3]
    assert sorted(rewritten_keys(FORM, None, added.lazy())) == [1, 2, 3]
    assert sorted(rewritten_keys(FORM, gone.lazy(), None)) == [1, 2]
    assert rewritten_keys(FORM, None, None).size == 0


EVENTS = [
    event(0, 0, "c", 1, 10),
    event(0, 1, "u", 1, 11),
    event(0, 2, "c", 2, 30),
    event(1, 0, "c", 3, 12),
    event(1, 1, "d", 3, 31),
]


def test_keys_of_events_behind_the_proved_offsets_are_touched() -> None:
    told = history(EVENTS, cut=cut_before(100))
    found = events_since(told, {0: 2, 1: 1})
    assert found is not None
    assert sorted(found.to_series(0)) == [2, 3]
    unknown_partition = events_since(told, {0: 3})
    assert unknown_partition is not None
    assert unknown_partition.to_series(0).to_list() == [3]


def test_a_truncate_touches_every_key() -> None:
    told = history([*EVENTS, event(0, 3, events.TRUNCATE, None, 40)], cut=cut_before(100))
    assert events_since(told, {0: 3, 1: 2}) is None
    assert events_since(told, {0: 4, 1: 2}) is not None


def test_events_that_the_cut_does_not_have_are_not_proved_by_the_table_that_applied_them() -> None:
    told = history(EVENTS, cut=cut_before(30))
    covers = OffsetsPosition.of({TOPIC: {0: 3, 1: 2}})
    assert settled_offsets(told, covers) == {0: 2, 1: 1}
    assert settled_offsets(history(EVENTS, cut=cut_before(100)), covers) == {0: 3, 1: 2}


def test_a_topic_is_told_from_another_of_its_name_and_from_itself_after_retention() -> None:
    told = fingerprint(history(EVENTS, cut=cut_before(100)), {0: 2, 1: 1})
    more = [*EVENTS, event(0, 3, "u", 1, 50)]
    assert fingerprint(history(more, cut=cut_before(100)), {0: 2, 1: 1}) == told
    another = [event(0, 0, "c", 1, 10), event(0, 1, "u", 1, 99), *EVENTS[2:]]
    assert fingerprint(history(another, cut=cut_before(100)), {0: 2, 1: 1}) != told
    assert fingerprint(history(EVENTS[2:], cut=cut_before(100), begin={0: 2}), {0: 2, 1: 1}) != told


def delta(path: Path) -> Any:
    return declaration_class("delta_table").model_validate({"name": "t", "kind": "delta_table", "path": str(path)})


def test_the_files_of_a_delta_table_tell_what_came_and_went(tmp_path: Path) -> None:
    write_deltalake(tmp_path, frame([(1, "a"), (2, "b")]).to_arrow())
    write_deltalake(tmp_path, frame([(3, "c")]).to_arrow(), mode="append")
    DeltaTable(tmp_path).update(updates={"name": "'z'"}, predicate="id = 2")
    DeltaTable(tmp_path).optimize.compact()
    declared = delta(tmp_path)
    until = VersionPosition(DeltaTable(tmp_path).version())
    found = changed_files(declared, 0, until, FORM.reads)
    assert found is not None
    keys = rewritten_keys(FORM, found.rows_gone(FORM.reads), found.rows_added(FORM.reads))
    assert sorted(keys) == [2, 3]
    assert (found.share, found.files) == (1.0, 1)
    same = changed_files(declared, until.version, until, FORM.reads)
    assert same is not None
    assert same.rows_added(FORM.reads) is None


def test_a_table_that_was_made_anew_is_another(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "one", frame([(1, "a")]).to_arrow())
    write_deltalake(tmp_path / "other", frame([(1, "a")]).to_arrow())
    assert identity_of(delta(tmp_path / "one")) != identity_of(delta(tmp_path / "other"))


@pytest.mark.parametrize("partition", ["id", "name"])
def test_files_that_do_not_hold_every_column_tell_nothing(tmp_path: Path, partition: str) -> None:
    write_deltalake(tmp_path, frame([(1, "a"), (2, "b")]).to_arrow(), partition_by=[partition])
    assert changed_files(delta(tmp_path), 0, VersionPosition(0), FORM.reads) is None


@settings(max_examples=15, deadline=None)
@given(
    keys=st.lists(st.none() | st.integers(-40, 80), max_size=30),
    opened=st.sets(st.integers(0, 12)),
)
def test_a_delta_table_leaves_out_exactly_the_rows_of_closed_buckets(
    tmp_path_factory: pytest.TempPathFactory, keys: list[int | None], opened: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("t") / "t"
    for part in (keys[::2], keys[1::2]):
        names = [f"{key}" for key in part]
        table = pa.table({'i"d': pa.array(part, pa.int64()), "name": pa.array(names, pa.string())})
        write_deltalake(folder, table, mode="append")
    reader = open_stage(delta(folder))
    plan = BucketPlan(2, -3, 13)
    equal = np.array([n not in opened for n in range(plan.count)])
    made = Increment(plan, equal, np.zeros(plan.count, np.int64), 'i"d', "id")
    found = batches(made.of_table(reader.at(reader.reached().position), ["name", 'i"d']), ["name", 'i"d'])
    closed = [n for n in range(plan.count) if equal[n]]
    expected = [key for key in keys if key is None or (key >> 2) + 3 not in closed]
    assert sorted(pl.concat(list(found)).get_column("name")) == sorted(map(str, expected))
