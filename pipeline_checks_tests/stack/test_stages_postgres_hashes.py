"""Row hashes of Postgres and ours: the same for every type that is pushed down, and narrowing by them loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.engines.row_hashes import differing_keys
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.stages.postgres import PostgresTable
from pipeline_checks.stages.postgres_cut import PostgresCut, open_cut
from pipeline_checks.stages.registry import declaration_class, open_stage
from pipeline_checks.values.buckets import stretches
from pipeline_checks.verification import increment as increments
from pipeline_checks.verification.increment import finer, increment
from pipeline_checks.verification.narrowing import BucketSource, narrow
from pipeline_checks.verification.row_forms import forms_between
from pipeline_checks_tests.conftest import RunningStack

ROWS = 6000
COLUMNS = {
    "id": ("bigint PRIMARY KEY", "int64", pa.int64()),
    "small": ("smallint", "int16", pa.int16()),
    "whole": ("integer", "int32", pa.int64()),
    "name": ("text", "string", pa.string()),
    "short": ("varchar(40)", "string", pa.string()),
    "raw": ("bytea", "bytes", pa.binary()),
    "flag": ("boolean", "bool", pa.bool_()),
    "money": ("numeric(12,2)", "decimal(12,2)", pa.decimal128(12, 2)),
    "precise": ("numeric(18,7)", "decimal(18,7)", pa.decimal128(18, 7)),
    "units": ("numeric(10,0)", "decimal(10,0)", pa.decimal128(10, 0)),
    "ratio": ("double precision", "float64", pa.float64()),
    "single": ("real", "float32", pa.float32()),
    "day": ("date", "date", pa.date32()),
    "at": ("timestamp", "timestamp", pa.timestamp("us")),
    "instant": ("timestamptz", "timestamptz", pa.timestamp("us", "UTC")),
}
LETTERS = 'aäbß€ 😀xyz,"\n'


def value(name: str, random: Random, row: int) -> Any:
    """Return a value for a column, NULL now and then."""
    if name == "id":
        return row * 3 - 5000
    if random.random() < 0.1:
        return None
    text = "".join(random.choices(LETTERS, k=random.randint(0, 30)))
    cents = random.choice([0, 1, -1, random.randint(-(10**12) + 1, 10**12 - 1)])
    instant = datetime(1900, 1, 1) + timedelta(microseconds=random.randint(0, 10**16))
    return {
        "small": random.randint(-(2**15), 2**15 - 1),
        "whole": random.randint(-(2**31), 2**31 - 1),
        "name": text,
        "short": text,
        "raw": text.encode(),
        "flag": random.random() < 0.5,
        "money": Decimal(cents).scaleb(-2),
        "precise": Decimal(random.randint(-(10**18) + 1, 10**18 - 1)).scaleb(-7),
        "units": Decimal(random.randint(-(10**6), 10**6)),
        "ratio": random.choice([0.0, -0.0, float("nan"), float("inf"), random.gauss(0, 1e30)]),
        "single": random.choice([0.0, -0.0, 0.5, -2.25]),
        "day": date(1, 1, 1) + timedelta(random.randint(0, 3_600_000)),
        "at": instant,
        "instant": instant,
    }[name]


CONTRACT = Contract.model_validate({"key": ["id"], "columns": {name: type_ for name, (_, type_, _) in COLUMNS.items()}})


@pytest.fixture(scope="module")
def held(base_stack: RunningStack) -> Iterator[tuple[PostgresTable, pa.Table]]:
    """A table of every type, and its rows."""
    random, name = Random(7), f"hashes_{uuid4().hex[:8]}"
    rows = {c: [value(c, random, i) for i in range(ROWS)] for c in COLUMNS}
    with connect(setting("POSTGRES_URL")) as connection:
        declared = ", ".join(f"{c} {sql}" for c, (sql, _, _) in COLUMNS.items())
        connection.execute(f"CREATE TABLE {name} ({declared})")
        connection.execute("SET TimeZone = 'UTC'")
        with connection.cursor().copy(f"COPY {name} FROM STDIN") as copy:
            for row in zip(*rows.values(), strict=True):
                copy.write_row(row)
    table = pa.table({c: pa.array(rows[c], COLUMNS[c][2]) for c in COLUMNS})
    declaration = PostgresTable.model_validate(
        {
            "name": "source",
            "connection": {"url": {"env": "POSTGRES_URL"}},
            "table": f"public.{name}",
            "contract": CONTRACT,
        }
    )
    yield declaration, table
    with connect(setting("POSTGRES_URL")) as connection:
        connection.execute(f"DROP TABLE {name}")


@pytest.fixture
def cut(held: Any) -> Iterator[PostgresCut]:
    opened = open_cut(setting("POSTGRES_URL"))
    yield opened
    opened.close()


def delta(path: Path, rows: pa.Table, **fields: Any) -> tuple[StageDeclaration, PinnedStage]:
    write_deltalake(path, rows)
    declaration = declaration_class("delta_table").model_validate(
        {"name": "copy", "kind": "delta_table", "path": str(path), "from": "source", "contract": CONTRACT, **fields}
    )
    reader = open_stage(declaration)
    return declaration, reader.at(reader.reached().position)


def test_rows_that_are_the_same_are_proved_so_without_being_read(
    held: tuple[PostgresTable, pa.Table], cut: PostgresCut, tmp_path: Path
) -> None:
    source, rows = held
    declaration, table = delta(tmp_path / "copy", rows)
    narrowed = narrow(cut.table(source), table, forms_between(declaration, source), least_bytes=0)
    assert narrowed is not None
    assert (narrowed.rows, narrowed.ranges, bool(narrowed.equal.all())) == (ROWS, [], True)


def test_only_the_rows_around_a_difference_are_read_again_and_every_damaged_one_is_among_them(
    held: tuple[PostgresTable, pa.Table], cut: PostgresCut, tmp_path: Path
) -> None:
    source, rows = held
    frame = pl.DataFrame(rows)
    changed, lost, doubled = 10, 4000, 5500
    for column in ("money", "name", "flag"):
        other = {
            "money": pl.col("money").fill_null(0) + Decimal("0.01"),
            "name": pl.lit("other"),
            "flag": ~pl.col("flag").fill_null(True),
        }
        damaged = frame.with_row_index("i").with_columns(
            pl.when(pl.col("i") == changed)
            .then(other[column])
            .otherwise(pl.col(column))
            .cast(frame.schema[column])
            .alias(column)
        )
        damaged = pl.concat([damaged.filter(pl.col("i") != lost), damaged.filter(pl.col("i") == doubled)]).drop("i")
        declaration, table = delta(tmp_path / column, damaged.to_arrow().cast(rows.schema))
        forms = forms_between(declaration, source)
        origin = cut.table(source)
        narrowed = narrow(origin, table, forms, least_bytes=0)
        assert narrowed is not None
        assert isinstance(origin, BucketSource)
        keys = forms.above.hashed(narrowed.of_source(origin, forms.above.reads)).get_column("id").to_list()
        wanted = {rows.column("id")[i].as_py() for i in (changed, lost, doubled)}
        assert wanted <= set(keys)
        assert len(keys) < ROWS / 2
        again = forms.own.hashed(narrowed.of_table(table, forms.own.reads)).get_column("id").to_list()
        assert sorted(again) == sorted(
            [*(k for k in keys if k != rows.column("id")[lost].as_py()), rows.column("id")[doubled].as_py()]
        )


def test_buckets_of_some_ranges_hold_the_rows_of_these_and_no_other(
    held: tuple[PostgresTable, pa.Table], cut: PostgresCut
) -> None:
    origin = cut.table(held[0])
    assert isinstance(origin, BucketSource)
    plan = origin.bucket_plan("id")
    assert plan is not None
    whole = origin.hashed_buckets("id", list(COLUMNS), plan)
    some = np.arange(plan.count) % 3 == 0
    part = origin.hashed_buckets("id", list(COLUMNS), plan, stretches(some, plan))
    assert (part.counts == np.where(some, whole.counts, 0)).all()
    assert (part.folded == np.where(some, whole.folded, np.uint64(0))).all()
    one = origin.hashed_buckets("id", ["name"], plan, [(-5000, -5000)])
    assert one.counts.sum() == 1


@pytest.mark.parametrize("changed", [(), (3,), tuple(range(0, ROWS, 2))])
def test_an_increment_of_long_stretches_reads_only_the_buckets_that_differ(
    held: tuple[PostgresTable, pa.Table], cut: PostgresCut, tmp_path: Path, changed: tuple[int, ...]
) -> None:
    source, rows = held
    names = rows.column("name").to_pylist()
    for row in changed:
        names[row] = "other"
    damaged = rows.set_column(rows.schema.get_field_index("name"), "name", pa.array(names, pa.string()))
    declaration, table = delta(tmp_path / "copy", damaged)
    origin, forms = cut.table(source), forms_between(declaration, source)
    assert isinstance(origin, BucketSource)
    coarse = origin.bucket_plan("id")
    assert coarse is not None
    plan = finer(coarse)
    opened = np.arange(plan.count) < plan.count * 0.4
    with pytest.MonkeyPatch.context() as small:
        small.setattr(increments, "LEAST_HASHED", 1)
        made = increment(origin, table, (ROWS, ROWS), ("id", "id"), plan, opened, (forms, coarse))
    assert made is not None
    found = forms.own.hashed(made.of_table(table, forms.own.reads))
    wanted = forms.above.hashed(made.of_source(origin, forms.above.reads))
    ids, last = rows.column("id").to_pylist(), (plan.least + int(opened.sum())) << plan.shift
    damage = {ids[row] for row in changed if ids[row] < last and rows.column("name")[row].as_py() != "other"}
    assert set(differing_keys(found, wanted, ["id"]).get_column("id")) == damage
    assert made.rows + found.height == ROWS
    assert changed or found.height < ROWS * 0.3


def test_a_row_beyond_the_keys_of_the_source_is_read_too(
    held: tuple[PostgresTable, pa.Table], cut: PostgresCut, tmp_path: Path
) -> None:
    source, rows = held
    foreign = rows.slice(0, 1).set_column(0, "id", pa.array([10**9]))
    declaration, table = delta(tmp_path / "copy", pa.concat_tables([rows, foreign]))
    forms = forms_between(declaration, source)
    narrowed = narrow(cut.table(source), table, forms, least_bytes=0)
    assert narrowed is not None
    assert forms.own.hashed(narrowed.of_table(table, forms.own.reads)).get_column("id").to_list() == [10**9]


def test_a_derived_column_that_is_not_as_declared_is_read_too(
    held: tuple[PostgresTable, pa.Table], cut: PostgresCut, tmp_path: Path
) -> None:
    source, rows = held
    shout = [("" if n is None else n) + "!" for n in rows.column("name").to_pylist()]
    wrong = [*shout[:77], "whisper", *shout[78:]]
    derived = {
        **CONTRACT.model_dump(),
        "columns": {**CONTRACT.columns, "shout": {"type": "string", "computed": "concat(name, '!')"}},
    }
    declaration, table = delta(tmp_path / "copy", rows.append_column("shout", pa.array(wrong)), contract=derived)
    forms = forms_between(declaration, source)
    narrowed = narrow(cut.table(source), table, forms, least_bytes=0)
    assert narrowed is not None
    keys = forms.own.hashed(narrowed.of_table(table, forms.own.reads)).get_column("id").to_list()
    assert rows.column("id")[77].as_py() in keys


def test_what_cannot_be_narrowed_is_read_whole(
    held: tuple[PostgresTable, pa.Table], cut: PostgresCut, tmp_path: Path
) -> None:
    source, rows = held
    declaration, table = delta(tmp_path / "copy", rows)
    forms = forms_between(declaration, source)
    assert narrow(cut.table(source), table, forms) is None, "a small table"
    millis = rows.set_column(
        rows.schema.get_field_index("at"), "at", rows.column("at").cast(pa.timestamp("ms"), safe=False)
    )
    assert narrow(cut.table(source), _Held(millis), forms, least_bytes=0) is None, "a type that is hashed otherwise"


class _Held:
    """Rows in hand."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    def rows(self, columns: list[str]) -> pa.Table:
        return self._rows.select(columns)
