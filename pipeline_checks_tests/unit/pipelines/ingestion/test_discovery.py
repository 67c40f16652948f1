"""What a run does with each file that it finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion
from pipeline_checks.pipelines.ingestion.flow.running.discovery import Decision, Known, decide, since

THEN = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "this-run"


def version(name: str, etag: str = "1", *, size: int = 10, days: int = 0) -> FileVersion:
    return FileVersion(f"s3://b/{name}", etag, size, THEN + timedelta(days=days))


def record(
    file: FileVersion,
    status: str,
    *,
    error_type: str | None = None,
    retries: int = 0,
    run_id: str = "an-earlier-run",
    replaced: bool = False,
) -> Known:
    return Known(f"{file.path}@{file.etag}", run_id, file, status, error_type, retries, THEN, replaced)


def decided(
    listed: list[FileVersion], known: list[Known], on_change: str = "report", only: set[str] | None = None
) -> Decision:
    return decide(listed, known, on_change=on_change, run_id=RUN, only=only)


def etags(decision: Decision) -> tuple[list[str], list[str], int]:
    return [t.file.etag for t in decision.load], [t.file.etag for t in decision.report], decision.skipped


def test_what_is_new_is_loaded_in_the_order_of_the_listing() -> None:
    decision = decided([version("a"), version("b"), version("c")], [record(version("b"), "SUCCESS")])
    assert [t.file.path for t in decision.load] == ["s3://b/a", "s3://b/c"]
    assert decision.skipped == 1


@pytest.mark.parametrize("status", ["SUCCESS", "SKIPPED"])
def test_what_is_done_is_left_out(status: str) -> None:
    assert etags(decided([version("a")], [record(version("a"), status)])) == ([], [], 1)


@pytest.mark.parametrize("status", ["DISCOVERED", "PROCESSING"])
def test_what_a_dead_run_left_is_taken_up(status: str) -> None:
    assert etags(decided([version("a")], [record(version("a"), status)])) == (["1"], [], 0)


@pytest.mark.parametrize(("retries", "loaded"), [(0, ["1"]), (2, ["1"]), (3, []), (7, [])])
def test_a_file_that_failed_is_tried_three_times_more(retries: int, loaded: list[str]) -> None:
    known = [record(version("a"), "FAILED", error_type="MALFORMED_RECORD", retries=retries)]
    assert etags(decided([version("a")], known))[0] == loaded


def test_somebody_who_asks_has_it_tried_again_and_nothing_else() -> None:
    failed = record(version("a"), "FAILED", error_type="MALFORMED_RECORD", retries=9)
    decision = decided([version("a"), version("new")], [failed], only={failed.id})
    assert [t.file.path for t in decision.load] == ["s3://b/a"]
    assert decision.skipped == 1


def test_a_changed_file_is_reported_once() -> None:
    loaded = record(version("a"), "SUCCESS")
    changed = version("a", "2", days=1)
    assert etags(decided([changed], [loaded])) == ([], ["2"], 0)
    reported = record(changed, "FAILED", error_type="FILE_CHANGED")
    assert etags(decided([changed], [loaded, reported])) == ([], [], 1)


def test_the_same_path_and_etag_of_another_size_is_another_version() -> None:
    loaded = record(version("a", size=10), "SUCCESS")
    assert etags(decided([version("a", size=11)], [loaded])) == ([], ["1"], 0)


def test_a_changed_file_is_appended_or_replaces_where_that_is_wished() -> None:
    loaded = record(version("a"), "SUCCESS")
    changed = version("a", "2", days=1)
    (appended,) = decided([changed], [loaded], "append").load
    assert appended.old is None
    (replacing,) = decided([changed], [loaded], "replace").load
    assert replacing.old == loaded


def test_a_version_that_comes_back_replaces_the_one_that_had_replaced_it() -> None:
    first = record(version("a", "1"), "SUCCESS", replaced=True)
    second = record(version("a", "2", days=1), "SUCCESS")
    (task,) = decided([version("a", "1", days=2)], [first, second], "replace").load
    assert (task.known, task.old) == (first, second)


def test_a_corrected_file_that_was_never_loaded_is_simply_new() -> None:
    failed = record(version("a"), "FAILED", error_type="MALFORMED_RECORD", retries=3)
    (task,) = decided([version("a", "2", days=1)], [failed], "replace").load
    assert task.old is None


def test_the_same_version_with_a_newer_time_is_seen_and_nothing_else() -> None:
    loaded = record(version("a"), "SUCCESS")
    decision = decided([version("a", days=3)], [loaded])
    assert (decision.load, decision.report, decision.skipped, decision.moved) == ([], [], 1, [loaded.id])


def test_a_run_that_is_taken_over_does_not_do_again_what_it_has_done() -> None:
    known = [record(version("a"), "SUCCESS", run_id=RUN), record(version("b"), "FAILED", run_id=RUN)]
    assert etags(decided([version("a"), version("b"), version("c", "3")], known)) == (["3"], [], 0)


def test_files_before_the_start_of_a_backfill_are_left_out() -> None:
    files = [version("a", days=-1), version("b"), version("c", days=1)]
    assert since(files, THEN) == files[1:]
    assert since(files, None) == files
