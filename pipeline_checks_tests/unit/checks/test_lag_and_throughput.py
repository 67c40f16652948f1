"""lag: what is committed against what is there; throughput: records a second. Too little to tell is no pass."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.conservation import GroupLag, PartitionLag, Rates, RateSample
from pipeline_checks.model.measure import CoverageState, Facts
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.linked_cases import files, group, judge, made, plain

LAG, GROUP = GroupLag(), Facts("group")
AT_END = (PartitionLag("given", 0, 0, 10, 10, 0, 10), PartitionLag("given", 1, 0, 0, None, 0, 0))
BEHIND = (PartitionLag("given", 0, 0, 10, 7, 3, 10),)


def test_everything_committed_passes() -> None:
    judgement = judge("lag", group(), {LAG: AT_END})
    assert judgement.verdict is Verdict.PASS
    assert judgement.measures["lag"] == 0
    assert judgement.looked_at == {"partitions": 2}


def test_what_is_left_is_unsettled_and_stalled_beyond_the_limit() -> None:
    late = CoverageState(False, 40.0, 10, 5.0, "3 left")
    soon = CoverageState(False, 4.0, 10, 5.0, "3 left")
    assert judge("lag", group(), {LAG: BEHIND}, soon).verdict is Verdict.UNSETTLED
    (finding,) = judge("lag", group(), {LAG: BEHIND}, late).findings
    assert (finding.kind, finding.detail) == ("stalled", "behind")


def test_a_lag_within_the_promised_records_is_none() -> None:
    promised = group(contract={"lag": {"records": 3}})
    late = CoverageState(False, 40.0, 10, 5.0, "3 left")
    assert judge("lag", promised, {LAG: BEHIND}, late).verdict is Verdict.PASS


def test_a_commit_beyond_the_end_is_told() -> None:
    position = OffsetsPosition.of({"given": {0: 15}, "other": {0: 99}})
    (finding,) = judge("lag", group(), {LAG: AT_END}, position=position).findings
    assert (finding.kind, finding.detail, finding.seen) == ("unexpected", "beyond_end", 15)


def test_too_few_members_are_told_only_where_some_are_promised() -> None:
    promised = group(contract={"lag": {"members": 2}})
    gone = {"state": "EMPTY", "members": []}
    (finding,) = judge("lag", promised, {LAG: AT_END, GROUP: gone}).findings
    assert (finding.kind, finding.detail, finding.expected, finding.seen) == ("stalled", "members", 2, 0)
    there = {"state": "STABLE", "members": [{}, {}]}
    assert judge("lag", promised, {LAG: AT_END, GROUP: there}).verdict is Verdict.PASS


def test_a_group_of_no_partition_is_not_proved() -> None:
    assert judge("lag", group(), {LAG: ()}).verdict is Verdict.UNSETTLED


FAST = {"throughput": {"at_least": 100, "window": "1m", "least": 10}}
RATES = Rates(60.0)


def test_throughput_is_judged_where_it_is_promised() -> None:
    found = check("throughput")
    assert [found.applies_to(s) for s in (made(FAST), plain(FAST), made(), files(FAST))] == [True, True, False, False]
    with pytest.raises(ValidationError):
        found.configure(made({"throughput": {"at_least": 0}}))


def test_enough_records_a_second_pass_and_fewer_are_late() -> None:
    assert judge("throughput", made(FAST), {RATES: RateSample(1001, 10.0)}).measures["records_a_second"] == 100.0
    judgement = judge("throughput", made(FAST), {RATES: RateSample(1000, 10.0)})
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.seen) == ("late", "throughput", 99.9)


def test_too_few_records_or_no_time_between_them_are_no_pass() -> None:
    for sample in (RateSample(0, 0.0), RateSample(9, 5.0), RateSample(50, 0.0)):
        judgement = judge("throughput", made(FAST), {RATES: sample})
        assert (judgement.verdict, judgement.message.startswith("no data")) == (Verdict.WARN, True)
