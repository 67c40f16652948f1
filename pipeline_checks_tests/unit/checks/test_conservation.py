"""conservation: one output of each input; lost, doubled and invented ones are told with both places."""

from __future__ import annotations

from pipeline_checks.checks.registry import check, checks_of
from pipeline_checks.model.conservation import Conservation, ConservationDifference
from pipeline_checks.model.measure import CoverageState, KeyRange
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.linked_cases import files, given_at, group, judge, made, made_at, plain

MADE = Conservation()
BEHIND = CoverageState(False, 1.0, 10, 5.0, "3 records of the cut are not committed")


def test_it_applies_to_consumer_groups_in_place_of_counts_and_duplicates_of_what_they_write() -> None:
    assert [check("conservation").applies_to(s) for s in (group(), made(), plain(), files())] == [
        True,
        False,
        False,
        False,
    ]
    assert [c.kind for c in checks_of(made())] == ["schema", "freshness", "latency", "accounting", "ordering"]
    assert [c.kind for c in checks_of(group())] == ["conservation", "lag"]


def test_every_input_in_one_of_the_outputs_passes() -> None:
    judgement = judge("conservation", group(), {MADE: ConservationDifference(10, {"made": 8, "dead": 2}, later=3)})
    assert judgement.verdict is Verdict.PASS
    assert judgement.message == "10 inputs: 8 in made, 2 in dead"
    assert judgement.looked_at == {"events": 10}


def test_an_input_without_output_is_missing_with_its_place_and_key() -> None:
    lost = ConservationDifference(10, {"made": 9}, missing_total=1, missing=(given_at(4, 2),))
    (finding,) = judge("conservation", group(), {MADE: lost}).findings
    assert (finding.kind, finding.stage, finding.detail) == ("missing", "scorer", "no_output")
    assert finding.key == {"partition": 2, "offset": 4}
    assert finding.position == OffsetsPosition.of({"given": {2: 4}})
    assert finding.extra["input"]["key"] == "k4"


def test_a_stretch_of_lost_inputs_is_one_finding() -> None:
    stretch = KeyRange("given", "given", 0, 3, 42, 40, ({"offset": 3, "key": "k3"},))
    judgement = judge("conservation", group(), {MADE: ConservationDifference(50, {"made": 10}, 40, ranges=(stretch,))})
    (finding,) = judgement.findings
    assert (finding.detail, finding.expected, judgement.total) == ("range", 40, 40)
    assert finding.extra["events"] == {"topic": "given", "partition": 0, "first": 3, "last": 42}


def test_a_second_output_is_replayed_and_blamed_on_where_it_stands() -> None:
    twice = ConservationDifference(
        10, {"made": 11}, repeated_total=1, repeated=((given_at(1), (made_at(1), made_at(9))),)
    )
    (finding,) = judge("conservation", group(), {MADE: twice}).findings
    assert (finding.kind, finding.stage, finding.detail, finding.seen) == ("duplicate", "made", "replayed", 2)
    assert finding.position == OffsetsPosition.of({"made": {0: 9}})
    assert [place["offset"] for place in finding.extra["outputs"]] == [1, 9]


def test_an_output_of_nothing_is_unexpected() -> None:
    stray = ConservationDifference(10, {"made": 10}, unexpected_total=1, unexpected=((made_at(5), "there is none"),))
    (finding,) = judge("conservation", group(), {MADE: stray}).findings
    assert (finding.kind, finding.stage, finding.detail) == ("unexpected", "made", "no_input")


def test_while_the_group_is_behind_a_lost_input_proves_nothing_but_a_second_output_does() -> None:
    lost = ConservationDifference(10, {"made": 7}, missing_total=3, missing=(given_at(7),))
    judgement = judge("conservation", group(), {MADE: lost}, BEHIND)
    assert (judgement.verdict, judgement.findings) == (Verdict.UNSETTLED, ())
    assert "not decided: 3 records" in judgement.message
    twice = ConservationDifference(10, {"made": 8}, 3, repeated_total=1, repeated=((given_at(1), (made_at(1),)),))
    assert [f.kind for f in judge("conservation", group(), {MADE: twice}, BEHIND).findings] == ["duplicate"]


def test_what_has_expired_is_no_proof_and_nothing_at_all_is_none_either() -> None:
    judgement = judge("conservation", group(), {MADE: ConservationDifference(10, {"made": 7}, unknown=3)})
    assert (judgement.verdict, judgement.message.split("; ")[-1]) == (
        Verdict.WARN,
        "nothing can be said of 3 records, whose other side has expired",
    )
    assert judge("conservation", group(), {MADE: ConservationDifference(0, {"made": 0})}).verdict is Verdict.UNSETTLED
