"""A second opinion on what happened in the source: a logical slot of the tests' own, read without Debezium."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline_checks_tests.cdc.truth import KEYS, source

_NAME = "independent_slot"
_CHANGES = (
    "SELECT data FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, "
    "'proto_version', '1', 'publication_names', 'dbz_publication')"
)


@contextmanager
def independent_slot() -> Iterator[None]:
    """Keep a logical slot from here to the end of the block."""
    with source() as connection:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (_NAME,))
    try:
        yield
    finally:
        with source() as connection:
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (_NAME,)
            )


def slot_operations() -> dict[str, dict[int, list[str]]]:
    """Return by table and key what a topic must hold since the slot was made, in order, tombstones included.

    A change of key is a delete of the old key and a create of the new one.
    """
    found: dict[str, dict[int, list[str]]] = {table: {} for table in KEYS}
    relations: dict[int, tuple[str, int]] = {}
    with source() as connection:
        messages = [bytes(data) for (data,) in connection.execute(_CHANGES, (_NAME,)).fetchall()]
    for message in messages:
        kind = chr(message[0])
        if kind == "R":
            identity, table, columns = _relation(message)
            relations[identity] = table, columns.index(KEYS[table])
        elif kind in "IUD":
            (identity,) = struct.unpack_from(">I", message, 1)
            table, at = relations[identity]
            _note(found[table], kind, [tuple_[at] for tuple_ in _tuples(message, 5)])
    return found


def _note(found: dict[int, list[str]], kind: str, keys: list[str | None]) -> None:
    old, new = int(keys[0] or 0), int(keys[-1] or 0)
    if kind == "I":
        found.setdefault(new, []).append("c")
    elif kind == "U" and old == new:
        found.setdefault(new, []).append("u")
    else:
        found.setdefault(old, []).extend(("d", "tombstone"))
        if kind == "U":
            found.setdefault(new, []).append("c")


def _relation(message: bytes) -> tuple[int, str, list[str]]:
    (identity,) = struct.unpack_from(">I", message, 1)
    _, at = _text(message, 5)
    name, at = _text(message, at)
    (count,) = struct.unpack_from(">H", message, at + 1)
    at, columns = at + 3, []
    for _ in range(count):
        column, at = _text(message, at + 1)
        columns.append(column)
        at += 8
    return identity, name, columns


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(b"\0", at)
    return message[at:end].decode(), end + 1


def _tuples(message: bytes, at: int) -> Iterator[list[Any]]:
    """The tuples of a change: the old key when it is told, the new row when there is one."""
    while at < len(message):
        (count,) = struct.unpack_from(">H", message, at + 1)
        at, values = at + 3, []
        for _ in range(count):
            kind, at = chr(message[at]), at + 1
            if kind != "t":
                values.append(None)
                continue
            (size,) = struct.unpack_from(">I", message, at)
            values.append(message[at + 4 : at + 4 + size].decode())
            at += 4 + size
        yield values
