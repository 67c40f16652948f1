"""sequence: gaps with their numbers and size, order, restarts; WARN where nobody promises that there is no gap."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.sequences import Gap, Misplaced, Sequences, SequenceState
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks_tests.unit.checks.cases import judge, source, stage, topic

CONTRACT = {
    "key": ["symbol", "number"],
    "columns": {"symbol": "string", "number": "int64"},
    "sequence": {"number": "number", "by": ["symbol"]},
}
STATE = SequenceState(("symbol",), "number")
BTC = {"symbol": "BTC"}


def judged(**fields: Any) -> Judgement:
    found = Sequences(**{"rows": 100, "groups": 2, "is_ordered": True, **fields})
    return judge("sequence", stage("kafka_topic", CONTRACT, **{"from": ("feed",)}), {STATE: found})


def test_it_applies_where_a_sequence_is_promised() -> None:
    found = check("sequence")
    declared = [stage("kafka_topic", CONTRACT), source(), topic()]
    assert [found.applies_to(s) for s in declared] == [True, False, False]


@pytest.mark.parametrize("named", [{"number": "nothing"}, {"number": "number", "by": ["nothing"]}])
def test_a_column_that_is_not_there_is_refused(named: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="'nothing', which is not a column"):
        check("sequence").configure(stage("kafka_topic", {**CONTRACT, "sequence": named}))


def test_numbers_without_a_gap_pass_and_repeated_ones_are_counted() -> None:
    judgement = judged(repeated=20, ranges={"BTC": (1, 50)})
    assert judgement.verdict is Verdict.PASS
    assert judgement.message == "100 rows in 2 sequences without a gap, 20 repeated"
    assert (judgement.measures["duplicates"], judgement.measures["ranges"]) == (20, {"BTC": [1, 50]})


@pytest.mark.parametrize(("last", "size", "severity"), [(14, "small", "warning"), (15, "large", "critical")])
def test_a_gap_is_told_with_its_numbers_and_is_critical_above_ten(last: int, size: str, severity: str) -> None:
    judgement = judged(missing_total=last - 4, gaps=(Gap(BTC, 5, last, "orders"),))
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.stage) == ("gap", size, "orders")
    assert finding.key == {"symbol": "BTC", "first": 5, "last": last}
    assert finding.extra["numbers"] == list(range(5, last + 1))
    assert finding.extra["severity"] == severity
    assert judgement.measures["largest_gap"] == last - 4


def test_a_gap_that_began_before_is_blamed_there() -> None:
    (finding,) = judged(missing_total=1, gaps=(Gap(BTC, 5, 5, "feed"),)).findings
    assert (finding.stage, finding.extra["seen_at"]) == ("feed", "orders")
    assert finding.message == "symbol BTC: number 5 missing from orders, 1 number, first at feed"


def test_a_gap_of_a_feed_that_promises_none_is_a_warning_with_its_place() -> None:
    judgement = judged(missing_total=3, gaps=(Gap(BTC, 5, 7, "orders"),), promised=False)
    assert judgement.verdict is Verdict.WARN
    assert judgement.findings == ()
    assert "3 numbers missing, which the feed does not promise" in judgement.message
    assert judgement.measures["unpromised_gaps"] == [{"symbol": "BTC", "first": 5, "last": 7}]


def test_disorder_is_found_even_where_gaps_are_not_promised() -> None:
    row = Misplaced({"symbol": "BTC", "number": 4}, 5, "orders", OffsetsPosition.of({"t": {0: 9}}))
    judgement = judged(misplaced_total=1, misplaced=(row,), promised=False)
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.seen) == ("out_of_order", "sequence", 4)
    assert finding.position == OffsetsPosition.of({"t": {0: 9}})


def test_a_restart_is_told() -> None:
    judgement = judged(restarts=(Misplaced({"symbol": "BTC", "number": 1}, 900, "orders"),))
    (finding,) = judgement.findings
    assert (finding.detail, finding.expected) == ("reset", "> 900")


def test_no_rows_prove_nothing() -> None:
    assert judged(rows=0, groups=0).verdict is Verdict.UNSETTLED


def test_a_stage_without_an_order_tells_no_disorder() -> None:
    judgement = judged(is_ordered=False)
    assert (judgement.measures["out_of_order"], judgement.measures["resets"]) == (None, None)
