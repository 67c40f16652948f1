"""Fates, totals, validators and delays over the rows of several stages, each with a fault that it must name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.run import run_checks

LINES = """file,n,order,day,amount
a,1,o1,2026-01-01,5.00
a,2,o2,2026-01-01,-1
a,3,o1,2026-01-02,7.50
a,4,o3,2026-01-02,2.25
"""
KEPT = "file,n,day,amount\na,1,2026-01-01,5.00\na,4,2026-01-02,2.25\n"
ASIDE = "file,n,why\na,2,negative\na,3,again\n"
DAILY = "day,amount,rows\n2026-01-01,5.00,1\n2026-01-02,2.25,1\n"
KEY = ["file", "n"]
TEXTS = {"file": "string", "n": "int64"}


def stage(folder: Path, name: str, columns: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    contract = {"key": fields.pop("key", KEY), "columns": dict(columns), **fields.pop("contract", {})}
    return {"name": name, "kind": "files", "path": str(folder / f"{name}.csv"), "contract": contract, **fields}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in (("lines", LINES), ("kept", KEPT), ("aside", ASIDE), ("daily", DAILY)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def pipeline(folder: Path, **promises: Any) -> Pipeline:
    typed = {**TEXTS, "day": "date", "amount": "decimal(10,2)"}
    totals = {"by": ["day"], "sum": ["amount"], "key": KEY}
    kept = {
        "fates": {
            "of": [{"stage": "lines", "key": KEY}],
            "key": KEY,
            "others": [{"stage": "aside", "key": KEY, "reason": "why"}],
            "rule": "CASE WHEN amount <= 0 THEN 'negative' END",
            "once": {"by": ["order"], "first": ["n"], "reason": "again"},
            "show": ["order"],
        },
        "totals": {**totals, "against": "lines", "kept": True},
        **promises,
    }
    sums = {"day": "date", "amount": "decimal(10,2)"}
    daily = {"totals": {"by": ["day"], "sum": ["amount"], "count": "rows", "against": "kept"}}
    stages = [
        stage(folder, "lines", {**typed, "order": "string"}, contract={"totals": totals}),
        stage(folder, "aside", {**TEXTS, "why": "string"}, contract={"fates": {"told_at": "kept"}}),
        stage(folder, "kept", typed, contract=kept),
        stage(folder, "daily", {**sums, "rows": "int64"}, key=["day"], contract=daily),
    ]
    return build_pipeline({"name": "shop", "stages": stages})


def judged(pipeline: Pipeline, check: str, stage: str = "kept") -> CheckResult:
    (result,) = run_checks(pipeline, [stage], [check]).checks
    return result


def found(result: CheckResult) -> list[tuple[str, str | None, Any]]:
    return [(f.kind, f.detail, f.key) for f in result.judgement.findings]


def test_every_row_has_one_fate_for_the_reason_that_the_rule_gives(shop: Path) -> None:
    result = judged(pipeline(shop), "fates")
    assert (str(result.verdict), found(result)) == ("PASS", []), result.judgement.message
    assert result.judgement.message == "4 rows = 2 kept + 1 again + 1 negative"


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        pytest.param("aside", ASIDE.replace("a,2,negative\n", ""), ("missing", {"file": "a", "n": 2}), id="lost"),
        pytest.param("aside", ASIDE + "a,4,again\n", ("duplicate", {"file": "a", "n": 4}), id="two fates"),
        pytest.param("kept", KEPT + "a,4,2026-01-02,2.25\n", ("duplicate", {"file": "a", "n": 4}), id="kept twice"),
        pytest.param("aside", ASIDE + "b,9,again\n", ("unexpected", {"file": "b", "n": 9}), id="of nothing"),
        pytest.param(
            "aside", ASIDE.replace("again", "negative"), ("changed", {"file": "a", "n": 3}), id="other reason"
        ),
    ],
)
def test_a_wrong_fate_is_told_with_the_row(shop: Path, file: str, text: str, expected: tuple[str, Any]) -> None:
    (shop / f"{file}.csv").write_text(text)
    result = judged(pipeline(shop), "fates")
    assert (str(result.verdict), found(result)) == ("FAIL", [(expected[0], "fate", expected[1])])


def test_what_the_rule_takes_for_good_must_be_kept_and_the_first_of_equal_rows_stays(shop: Path) -> None:
    (shop / "kept.csv").write_text(KEPT.replace("a,1,2026-01-01,5.00", "a,3,2026-01-02,7.50"))
    (shop / "aside.csv").write_text(ASIDE.replace("a,3", "a,1"))
    assert [(f.key, f.expected, f.seen) for f in judged(pipeline(shop), "fates").judgement.findings] == [
        ({"file": "a", "n": 1}, None, "again"),
        ({"file": "a", "n": 3}, "again", None),
    ]


def test_nothing_to_have_a_fate_is_no_pass(shop: Path) -> None:
    for name in ("lines", "kept", "aside"):
        (shop / f"{name}.csv").write_text((shop / f"{name}.csv").read_text().splitlines()[0] + "\n")
    assert str(judged(pipeline(shop), "fates").verdict) == "UNSETTLED"


def test_a_promise_about_a_stage_that_is_not_there_says_so(shop: Path) -> None:
    promise = {"of": [{"stage": "line", "key": KEY}], "key": KEY}
    result = judged(pipeline(shop, fates=promise), "fates")
    assert str(result.verdict) == "ERROR"
    assert "names 'line', which is no stage" in result.judgement.message
    with pytest.raises(ConfigurationError, match="told_at"):
        pipeline(shop, fates={"key": KEY})


def test_totals_are_those_of_the_stage_before(shop: Path) -> None:
    shown = [judged(pipeline(shop), "totals", name) for name in ("lines", "kept", "daily")]
    assert [str(r.verdict) for r in shown] == ["PASS"] * 3
    assert shown[1].judgement.measures == {"groups": 2, "rows": 2, "total_amount": "7.25", "total_count": 2}


def test_a_cent_is_found_in_its_row_and_where_rows_have_no_key_in_its_group(shop: Path) -> None:
    (shop / "kept.csv").write_text(KEPT.replace("2.25", "2.26"))
    (row,) = judged(pipeline(shop), "totals").judgement.findings
    assert (row.kind, row.key, row.expected, row.seen) == (
        "changed",
        {"file": "a", "n": 4},
        {"amount": "2.25"},
        {"amount": "2.26"},
    )
    (group,) = judged(pipeline(shop), "totals", "daily").judgement.findings
    assert (group.key, group.expected, group.seen) == ({"day": "2026-01-02"}, {"amount": "2.26"}, {"amount": "2.25"})


def test_a_row_that_one_side_lacks_is_missing_or_unexpected(shop: Path) -> None:
    (shop / "kept.csv").write_text(KEPT + "a,9,2026-01-02,1.00\n")
    (row,) = judged(pipeline(shop), "totals").judgement.findings
    assert (row.kind, row.key, row.expected) == ("unexpected", {"file": "a", "n": 9}, None)


def test_totals_by_other_names_cannot_be_compared(shop: Path) -> None:
    promise = {"by": {"on": "day"}, "sum": ["amount"], "key": KEY, "against": "lines"}
    assert "adds up by on, lines by day" in judged(pipeline(shop, totals=promise), "totals").judgement.message


def quality(**validators: Any) -> dict[str, Any]:
    return {"quality_score": {"validators": validators, "defaults": {"share": 0.5}, "at_least": 0.5}}


HALF = {"amount": "nullif(amount, 5)"}


@pytest.mark.parametrize(
    ("validator", "passed", "score"),
    [
        pytest.param({"columns": ["file", "amount"]}, True, 1.0, id="columns"),
        pytest.param({"columns": ["file", "price"]}, False, 0.5, id="a column less"),
        pytest.param({"nulls": HALF, "at_most": "share"}, True, 0.5, id="nulls"),
        pytest.param({"nulls": HALF, "filled": ["amount"], "at_most": 1}, False, 0.5, id="must be filled"),
        pytest.param({"rules": {"small": "amount < 3"}, "at_most": 0.4}, False, 0.5, id="rules"),
        pytest.param({"unique": ["file"], "at_most": 0.5}, True, 0.5, id="repeats"),
        pytest.param({"spread": ["amount"], "at_most": 0}, True, 1.0, id="outliers"),
        pytest.param({"share_of": "lines", "at_least": 0.6}, False, 0.5, id="share of another stage"),
    ],
)
def test_a_validator_scores_and_only_warns(shop: Path, validator: dict[str, Any], passed: bool, score: float) -> None:
    result = judged(pipeline(shop, **quality(one=validator)), "quality_score")
    (told,) = result.judgement.measures["validators"]
    assert (told["passed"], told["score"]) == (passed, score)
    assert (str(result.verdict), found(result)) == ("PASS" if passed else "WARN", [])


def test_limits_come_from_the_file_that_is_named(shop: Path) -> None:
    (shop / "limits.yaml").write_text("stages: {share: 0.1}\n")
    promised = quality(one={"nulls": HALF, "at_most": "share"})
    promised["quality_score"] |= {"limits": str(shop / "limits.yaml"), "section": "stages"}
    result = judged(pipeline(shop, **promised), "quality_score")
    assert result.judgement.measures["validators"][0]["limit"] == 0.1
    lost = judged(pipeline(shop, **quality(one={"columns": ["n"], "at_most": "none"})), "quality_score")
    assert "the limit 'none' of a validator stands nowhere" in lost.judgement.message


@pytest.mark.parametrize(
    ("limits", "verdict", "kinds"),
    [
        ({"max": "10s"}, "PASS", []),
        ({"p95": "3s"}, "WARN", []),
        ({"max": "4s"}, "FAIL", [("late", {"file": "a", "n": 1})]),
    ],
)
def test_the_slowest_row_is_named(shop: Path, limits: dict[str, str], verdict: str, kinds: list[Any]) -> None:
    result = judged(pipeline(shop, delay={"seconds": "amount", **limits}), "delay")
    assert (str(result.verdict), [(f.kind, f.key) for f in result.judgement.findings]) == (verdict, kinds)


def test_a_row_that_came_before_it_was_sent_is_told(shop: Path) -> None:
    result = judged(pipeline(shop, delay={"seconds": "amount - 3"}), "delay")
    assert found(result) == [("out_of_order", "early", None)]
