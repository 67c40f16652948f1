"""Every fault, by name."""

from __future__ import annotations

from typing import Final

from pipeline_checks.faults import row_damage as rows
from pipeline_checks.faults import table_damage as tables
from pipeline_checks.faults import topic_faults as records
from pipeline_checks.faults.connector_faults import HaltedConnector, Reconfigured, SecondSlot
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.lake_faults import RowFault, TableFault
from pipeline_checks.faults.service_faults import ConnectionsCut, Crashed, Frozen
from pipeline_checks.faults.source_faults import Unpublished, UnseenWrite
from pipeline_checks.faults.topic_faults import ExpiredRecords, RecordFault

_STATE = ("current",)

LOST_ROWS = RowFault("lost_rows", "Rows are deleted behind the mover's back", rows.some_rows(3), "gone")
LOST_IN_BATCH = RowFault(
    "lost_in_batch",
    "Rows are left out by a commit that says that they are covered",
    rows.some_rows(3),
    "gone",
    in_the_movers_name=True,
)
LOST_STRETCH = RowFault(
    "lost_stretch",
    "A batch is skipped: all rows of a stretch of a partition are left out, and said to be covered",
    tables.lost_stretch,
    "gone",
    in_the_movers_name=True,
    modes=_STATE,
)
EMPTIED = RowFault("emptied", "All rows are deleted", tables.every_row, "gone", modes=_STATE)
DOUBLED_ROWS = RowFault("doubled_rows", "Rows are written a second time", rows.some_rows(2), "again")
CENT_OFF = RowFault("cent_off", "An amount is changed by 0.01", rows.changed(rows.cent_more, "decimal"), "instead")
TRUNCATED_AMOUNT = RowFault(
    "truncated_amount", "An amount loses what stands behind the point", rows.changed(rows.whole, "decimal"), "instead"
)
CHANGED_CASE = RowFault("changed_case", "A text is written in capitals", rows.changed(str.upper, "string"), "instead")
TRAILING_BLANK = RowFault(
    "trailing_blank", "A text gets a blank at its end", rows.changed(lambda text: f"{text} ", "string"), "instead"
)
NULLED = RowFault("nulled", "A text becomes NULL", rows.changed(lambda text: None, "string"), "instead")
HOUR_OFF = RowFault(
    "hour_off", "A time is written in another time zone", rows.changed(rows.hour_later, "timestamp"), "instead"
)
WRONG_OPERATION = RowFault(
    "wrong_operation",
    "A change is told as one of another kind",
    rows.other_operation,
    "instead",
    modes=("changes",),
)
STALE_ROW = RowFault("stale_row", "A row is put back to an earlier state", rows.earlier_state, "instead", modes=_STATE)
RESURRECTED_ROW = RowFault("resurrected_row", "A deleted row comes back", rows.deleted_row, "again", modes=_STATE)
UNKNOWN_ROW = RowFault("unknown_row", "A row is written that no one knows", rows.invented_row, "again")
DROPPED_COLUMN = TableFault("dropped_column", "A column is dropped", tables.drop_column)
RENAMED_COLUMN = TableFault("renamed_column", "A column is renamed", tables.rename_column)
RETYPED_COLUMN = TableFault("retyped_column", "Amounts are written as floating point numbers", tables.retype_column)
ADDED_COLUMN = TableFault("added_column", "A column is added that no one promised", tables.add_column)
REWRITTEN = TableFault("rewritten", "The same rows are written again by a stranger", tables.rewrite)
COVERS_BACK = TableFault("covers_back", "A commit says that it covers less than those before it", tables.covers_back)

MALFORMED_RECORD = RecordFault("malformed_record", "A record is written that is no event", records.malformed)
REPLAYED_EVENT = RecordFault("replayed_event", "The newest event of a row is written again", records.replayed)
REPLAYED_EARLIER_EVENT = RecordFault(
    "replayed_earlier_event", "An event is written again that others have followed", records.replayed_earlier
)
FORGED_UPDATE = RecordFault("forged_update", "An update is written that the source never made", records.forged_update)
FORGED_CREATE = RecordFault(
    "forged_create", "A row is created that the source never had", records.forged_create, is_deleted_again=True
)
FORGED_DELETE = RecordFault("forged_delete", "A row is deleted that the source still has", records.forged_delete)
TOMBSTONE = RecordFault("tombstone", "A tombstone is written for a row that lives", records.tombstone)
EXPIRED_RECORDS = ExpiredRecords("expired_records", "Records expire, so that of half of the rows no event is left")
UNSEEN_INSERT = UnseenWrite("unseen_insert", "Rows are inserted that the connector does not see", "insert")
UNSEEN_UPDATE = UnseenWrite("unseen_update", "Rows are updated and the connector does not see it", "update")
UNSEEN_DELETE = UnseenWrite("unseen_delete", "Rows are deleted and the connector does not see it", "delete")
UNPUBLISHED = Unpublished("unpublished", "A table is taken out of the publication")
CONNECTOR_PAUSED = HaltedConnector("connector_paused", "The connector is paused", "PAUSED")
CONNECTOR_STOPPED = HaltedConnector("connector_stopped", "The connector is stopped", "STOPPED")
RECONFIGURED = Reconfigured("reconfigured", "A declared setting of the connector is changed", "tombstones.on.delete")
SECOND_SLOT = SecondSlot("second_slot", "A second slot reads the captured database")
FROZEN = Frozen("frozen", "A service stands still and does not answer")
CRASHED = Crashed("crashed", "A service is killed (SIGKILL) and stays down")
CONNECTIONS_CUT = ConnectionsCut("connections_cut", "Postgres ends all connections of its clients")

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault
    for fault in (
        *(LOST_ROWS, LOST_IN_BATCH, LOST_STRETCH, EMPTIED, DOUBLED_ROWS, CENT_OFF, TRUNCATED_AMOUNT, CHANGED_CASE),
        *(TRAILING_BLANK, NULLED, HOUR_OFF, WRONG_OPERATION, STALE_ROW, RESURRECTED_ROW, UNKNOWN_ROW),
        *(DROPPED_COLUMN, RENAMED_COLUMN, RETYPED_COLUMN, ADDED_COLUMN, REWRITTEN, COVERS_BACK),
        *(MALFORMED_RECORD, REPLAYED_EVENT, REPLAYED_EARLIER_EVENT, FORGED_UPDATE, FORGED_CREATE, FORGED_DELETE),
        *(TOMBSTONE, EXPIRED_RECORDS, UNSEEN_INSERT, UNSEEN_UPDATE, UNSEEN_DELETE, UNPUBLISHED),
        *(CONNECTOR_PAUSED, CONNECTOR_STOPPED, RECONFIGURED, SECOND_SLOT, FROZEN, CRASHED, CONNECTIONS_CUT),
    )
}
