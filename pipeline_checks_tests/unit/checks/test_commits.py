"""commits: what is committed and covered by no table would be lost."""

from __future__ import annotations

from pipeline_checks.checks.registry import check
from pipeline_checks.model.balance import TableCommit, TableCommits
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks_tests.unit.checks.cases import AnyStage, judge, stage


class WritingGroup(AnyStage):
    """A consumer group that writes what ``writes`` says."""

    writes: str = "tables"
    group: str = "writers"


GROUP = WritingGroup.model_validate(
    {"name": "writers", "kind": "consumer_group", "from": ("topic",), "has_rows": False}
)


def judged(*commits: tuple[int, int]) -> Judgement:
    told = tuple(TableCommit("table", "t", p, done, covered) for p, (done, covered) in enumerate(commits))
    return judge("commits", GROUP, {TableCommits(): told})


def test_it_applies_to_groups_that_write_tables() -> None:
    found = check("commits")
    others = (GROUP.model_copy(update={"writes": "topics"}), stage("kafka_topic"))
    assert [found.applies_to(s) for s in (GROUP, *others)] == [True, False, False]
    assert [check("conservation").applies_to(s) for s in (GROUP, others[0])] == [False, True]


def test_commits_up_to_what_is_covered_pass() -> None:
    judgement = judged((10, 10), (7, 9))
    assert judgement.verdict is Verdict.PASS
    assert judgement.measures["covered_and_not_committed"] == 2


def test_a_commit_beyond_what_is_covered_is_found_with_its_partition() -> None:
    judgement = judged((10, 10), (12, 9))
    (finding,) = judgement.findings
    assert (judgement.verdict, finding.kind, finding.detail) == (Verdict.FAIL, "unexpected", "beyond_table")
    assert finding.key == {"topic": "t", "partition": 1}
    assert finding.message == "offset 12 of t partition 1 is committed, table covers 9"


def test_a_group_that_has_committed_nothing_proves_nothing() -> None:
    assert judged().verdict is Verdict.UNSETTLED
