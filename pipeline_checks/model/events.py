"""Names of the columns in which a topic stage hands out change events, beside the columns of the row itself.

The row's columns hold the image after the change (for a delete: the key, all else NULL); key columns are always filled.
"""

from __future__ import annotations

from typing import Final

PARTITION: Final = "__partition"
"""int32"""
OFFSET: Final = "__offset"
"""int64"""
OP: Final = "__op"
"""string: one of the operations below"""
TX_ID: Final = "__tx_id"
"""int64, the source transaction's id as the event tells it; NULL for tombstones and malformed records"""
LSN: Final = "__lsn"
"""int64"""
SNAPSHOT: Final = "__snapshot"
"""bool: the event was read by a snapshot, not from the log"""
COMMIT_TIME: Final = "__commit_time"
"""timestamp(us, UTC): when the source transaction was committed"""
CONNECTOR_TIME: Final = "__connector_time"
"""timestamp(us, UTC): when the connector handled the event"""
APPEND_TIME: Final = "__append_time"
"""timestamp(us, UTC): the record's timestamp"""

RECORD_KEY: Final = "__key"
"""bytes, the record's key; told by topics whose records are rows of their own, beside the other columns"""

EVENT_COLUMNS: Final = (PARTITION, OFFSET, OP, TX_ID, LSN, SNAPSHOT, COMMIT_TIME, CONNECTOR_TIME, APPEND_TIME)

EVENT_TYPES: Final = {
    OP: "string",
    TX_ID: "int64",
    LSN: "int64",
    SNAPSHOT: "bool",
    COMMIT_TIME: "timestamptz",
    CONNECTOR_TIME: "timestamptz",
    APPEND_TIME: "timestamptz",
}
"""Logical types of what an event tells beside its row and its place."""

CREATE: Final = "c"
UPDATE: Final = "u"
DELETE: Final = "d"
READ: Final = "r"
TRUNCATE: Final = "t"
TOMBSTONE: Final = "tombstone"
MALFORMED: Final = "malformed"

ROW_OPERATIONS: Final = (CREATE, UPDATE, READ)
"""Operations after which the key exists."""
CHANGE_OPERATIONS: Final = (CREATE, UPDATE, DELETE, READ)
"""Operations about one key."""
