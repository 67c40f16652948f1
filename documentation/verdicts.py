"""The page of verdicts, findings and exit codes."""

from __future__ import annotations

from typing import Final, get_args

from documentation.markdown import head, table, text
from pipeline_checks.cli.exits import code_of
from pipeline_checks.model.finding import FINDING_KINDS, DuplicateClass, SchemaDrift
from pipeline_checks.model.verdict import Verdict

_OF_VERDICT: Final = {
    "PASS": "the promise holds, and something was looked at to tell",
    "WARN": "it holds as far as can be told, or a soft limit was passed",
    "FAIL": "it is broken; the findings name keys, stage and position",
    "UNSETTLED": "the stage had not reached the cut by its deadline, so nothing is proved",
    "ERROR": "the check could not look: a service is down, a table cannot be read",
}
_OF_FINDING: Final = {
    "missing": "a row, an event or a file that must be there is not",
    "unexpected": "something is there that nothing before it explains",
    "stale": "a row has the values of an earlier version",
    "changed": "a row has values that it never had at the stage before",
    "duplicate": "a row or an event stands there more than once",
    "resurrected": "a deleted row is there again",
    "out_of_order": "events of a key, or numbers of a feed, do not rise",
    "gap": "a stretch of offsets, log positions or numbers is not explained",
    "schema_drift": "a column is not as promised, or not as at the stage before",
    "null": "a column that is promised to have no NULL has one",
    "out_of_range": "a value lies outside of its range, or a time in the future",
    "unaccepted_value": "a value is none of the accepted ones, does not match its pattern or breaks a rule of the row",
    "dangling_reference": "a row refers to one that is not there",
    "late": "data is older, or took longer, than is promised",
    "stalled": "a stage has been behind for longer than its `lag_limit`",
    "not_in_dead_letters": "a record that could not be processed is in no table of dead letters",
    "torn_transaction": "a transaction arrived in part",
    "rejected_response": "an API answered otherwise than it promises",
}
_INTRODUCTION = (
    "A check never passes by absence: what could not be looked at is ERROR, what was looked at too early is UNSETTLED.",
)


def page() -> str:
    """Return the page."""
    lines = head("Verdicts and findings", *_INTRODUCTION)
    rows = ((f"**{v}**", _OF_VERDICT[str(v)], str(code_of(v)), str(code_of(v, strict=True))) for v in Verdict)
    lines += table(("verdict", "says", "exit code", "with `--strict`"), rows)
    lines += ["Exit code 2 is a mistake of usage or configuration and goes before all others; 130 is an interruption."]
    lines += ["In JUnit a FAIL is a failure, ERROR and UNSETTLED are errors; none is a skipped test.", ""]
    lines += ["## Kinds of findings", "", *table(("kind", "says"), ((f"`{k}`", _OF_FINDING[k]) for k in FINDING_KINDS))]
    details = ", ".join(f"`{d}`" for d in get_args(SchemaDrift))
    classes = ", ".join(f"`{c}`" for c in get_args(DuplicateClass))
    lines += [f"`detail` of a `schema_drift` is one of {details}; of a `duplicate` one of {classes},"]
    lines += ["where that can be told. Of other kinds it names a column, or a word for what was expected.", ""]
    return text(lines)
