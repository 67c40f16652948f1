"""balance: what came to a stage became something, each of it once; and the writer counts as it is."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_checks.checks.judging import conclude, promise_of
from pipeline_checks.model.balance import Balance, Sums
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict


class BalanceConfiguration(CheckConfiguration):
    """``balance: {dead_letters: trades_dead_letters}``: the stage that holds what could not be used, where one does."""

    dead_letters: str | None = None


class BalanceCheck:
    """Of a topic, what its feed has sent; of a table, the records of its topic; of an API, the rows of its table."""

    kind = "balance"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises a balance, but the first."""
        return stage.holds_rows and bool(stage.from_) and stage.contract.promises.get(self.kind) is not None

    def configure(self, stage: StageDeclaration) -> BalanceConfiguration:
        """Return where the dead letters are."""
        return promise_of(stage, self.kind, BalanceConfiguration)

    def measures(self, stage: StageDeclaration, configuration: BalanceConfiguration) -> frozenset[Measure]:
        """Return the numbers."""
        return frozenset({Balance(configuration.dead_letters)})

    def judge(self, configuration: BalanceConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL when the sides differ or the writer says otherwise, UNSETTLED when one is not known."""
        sums: Sums = evidence[Balance(configuration.dead_letters)]
        looked_at = {"rows": sum(sums.given.values())}
        measures = {
            **{f"given_{n}": v for n, v in sums.given.items()},
            **{f"made_{n}": v for n, v in sums.made.items()},
        }
        measures |= {f"claimed_{n}": v for n, v in sums.claimed.items()}
        if sums.problem:
            return Judgement(Verdict.UNSETTLED, sums.problem, looked_at, measures)
        if sums.expired:
            return conclude(evidence, "it cannot add up", looked_at, doubts=(sums.expired,), measures=measures)
        equation = f"{_told(sums.given)} = {_told(sums.made)}"
        findings = []
        if sums.difference:
            word = "more came than" if sums.difference > 0 else "less came than"
            findings.append(
                Finding(
                    "missing" if sums.difference > 0 else "unexpected",
                    evidence.stage.name,
                    f"{word} became something: {_told(sums.given)} is not {_told(sums.made)},"
                    f" by {abs(sums.difference):,}",
                    position=evidence.position,
                    detail="balance",
                    expected=sum(sums.given.values()),
                    seen=sum(sums.made.values()),
                )
            )
        for name, claimed in sums.claimed.items():
            if claimed != sums.counted.get(name):
                findings.append(_claim(evidence, name, claimed, sums.counted.get(name)))
        message = f"it adds up: {equation}" if not findings else "; ".join(f.message for f in findings)
        return conclude(evidence, message, looked_at, findings=findings, measures=measures)


def _claim(evidence: Evidence, name: str, claimed: int, found: int | None) -> Finding:
    noun = name.replace("_", " ")
    return Finding(
        "changed",
        evidence.stage.name,
        f"its writer counts {claimed:,} {noun}, there are {0 if found is None else found:,}",
        position=evidence.position,
        detail=f"claimed:{name}",
        expected=found,
        seen=claimed,
    )


def _told(side: Mapping[str, int]) -> str:
    return " + ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in side.items()) or "0"


CHECK = BalanceCheck()
