"""Rounds: scenarios that cannot disturb each other share one verification."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_checks.faults.scenario import Scenario


def in_rounds(scenarios: Iterable[Scenario]) -> list[list[Scenario]]:
    """Return the scenarios in rounds: in each no stage is in the area of two, and who must be alone is.

    Those with a deadline of their own come behind the others, and those that are alone last.
    """
    rounds: list[list[Scenario]] = []
    taken: list[set[str]] = []
    lonely: list[list[Scenario]] = []
    for scenario in scenarios:
        if scenario.alone:
            lonely.append([scenario])
            continue
        area = set(scenario.area)
        for members, stages in zip(rounds, taken, strict=True):
            if not stages & area and members[0].deadline == scenario.deadline:
                members.append(scenario)
                stages |= area
                break
        else:
            rounds.append([scenario])
            taken.append(set(area))
    return [*(r for r in rounds if r[0].deadline is None), *(r for r in rounds if r[0].deadline is not None), *lonely]
