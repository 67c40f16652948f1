"""The detection matrix: which damage of which stage is found, by what, where it is blamed, and how exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = ("Fault", "At", "Found by", "Blamed", "Keys", "Exact", "Seconds")


def render(document: Mapping[str, Any]) -> str:
    """Return the document of ``scenario --json`` as Markdown."""
    outcomes: Sequence[Mapping[str, Any]] = document["scenarios"]
    found = [o for o in outcomes if o["found_by"]]
    repaired = [o for o in outcomes if o.get("recovery_seconds") is not None]
    unproved = [o for o in outcomes if not o["found_by"] and o not in repaired]
    exact = sum(1 for o in outcomes if o["exact"])
    lines = [
        f"# Detection matrix of `{document['pipeline']}`",
        "",
        f"Written by the tests; `pipeline-checks scenario {document['pipeline']} --all --markdown FILE` writes it too.",
        "",
        "Each line is a damage that was done to the running pipeline, verified with every check of every stage, and"
        " undone. *Exact* says that each finding was the expected one - check, stage, blamed stage, kind, key -, that"
        " there was no other anywhere, and that all checks passed again afterwards. *Keys* counts the keys that were"
        " named. Seconds are those of doing the damage and of the checks of its stages.",
        "",
        f"{exact} of {len(outcomes)} exact.",
        "",
        "## Damage that must be found",
        "",
        *_table(_HEAD, [_found(o) for o in found]),
    ]
    if unproved:
        lines += [
            "",
            "## Damage after which nothing may be found, and nothing passed that was not proved",
            "",
            *_table(("Fault", "At", "Verdicts", "Exact", "Seconds"), [_unproved(o) for o in unproved]),
        ]
    if repaired:
        lines += [
            "",
            "## Faults of the running pipeline, repaired",
            "",
            "Recovery is counted from the repair until everything was caught up; nothing was lost or doubled.",
            "",
            *_table(("Fault", "What was seen", "Exact", "Recovery in seconds"), [_recovered(o) for o in repaired]),
        ]
    return "\n".join(lines) + "\n"


def _found(outcome: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        outcome["fault"],
        outcome["target"],
        _listed(outcome["found_by"]),
        _listed(outcome["blamed"]),
        f"{outcome['keys']}" if outcome["keys_exact"] else f"{outcome['keys']}, not the expected ones",
        "yes" if outcome["exact"] else "**no**",
        f"{outcome['seconds']:.2f}",
    )


def _unproved(outcome: Mapping[str, Any]) -> tuple[str, ...]:
    exact = "yes" if outcome["exact"] else "**no**"
    return (
        outcome["fault"],
        outcome["target"],
        ", ".join(outcome["verdicts"]) or "-",
        exact,
        f"{outcome['seconds']:.2f}",
    )


def _recovered(outcome: Mapping[str, Any]) -> tuple[str, ...]:
    exact = "yes" if outcome["exact"] else "**no**"
    return outcome["fault"], outcome["injury"].replace("|", "/"), exact, f"{outcome['recovery_seconds']:.1f}"


def _listed(names: Sequence[str]) -> str:
    return "<br>".join(names) or "-"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join('---' for _ in head)}|"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]
