"""distribution: the values of a column are spread as those of a reference window were."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from pipeline_checks.checks.drift_statistics import chi_square, kolmogorov_smirnov, population_stability
from pipeline_checks.checks.judging import conclude, counted
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.row_promises import BinCounts, BinnedValues
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

Share = Annotated[float, Field(ge=0)]
_MOST_BINS = 1000


class Reference(CheckConfiguration):
    """How the values of the reference window were spread, in one of three forms.

    - ``{edges: [10, 50], shares: [120, 300, 80]}``: rising edges, and how many values (or which share) lie up to each,
      and above the last;
    - ``{quantiles: {0.1: 5, 0.5: 20, 0.9: 90}}``: the value below which each share of the values lies;
    - ``{categories: {new: 0.2, paid: 0.7}, other: 0.1}``: how many values (or which share) each category has.
    """

    edges: tuple[float, ...] = ()
    shares: tuple[Share, ...] = ()
    quantiles: dict[Annotated[float, Field(gt=0, lt=1)], float] = Field(default_factory=dict)
    categories: dict[str, Share] = Field(default_factory=dict)
    other: Share = 0.0

    @model_validator(mode="after")
    def _is_one_form(self) -> Self:
        given = [name for name in ("edges", "quantiles", "categories") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("a reference has either edges with shares, or quantiles, or categories")
        if bool(self.edges) != bool(self.shares) or (self.edges and len(self.shares) != len(self.edges) + 1):
            raise ValueError("shares has one number more than edges: the last is what lies above all edges")
        edges = self.bins(given[0]).edges
        if any(low >= high for low, high in pairwise(edges)):
            raise ValueError(f"{given[0]} do not rise")
        if sum(self.expected) <= 0 or len(self.expected) > _MOST_BINS:
            raise ValueError(f"the shares of 2 to {_MOST_BINS} bins, not all of them 0, make a reference")
        return self

    def bins(self, column: str) -> BinCounts:
        """Return the measure of the column in the reference's bins."""
        if self.categories:
            return BinCounts(column, categories=tuple(self.categories))
        return BinCounts(column, self.edges or tuple(v for _, v in sorted(self.quantiles.items())))

    @property
    def expected(self) -> tuple[float, ...]:
        """The share of each bin."""
        written: tuple[float, ...] = self.shares or (*self.categories.values(), self.other)
        if self.quantiles:
            shares = (0.0, *sorted(self.quantiles), 1.0)
            written = tuple(high - low for low, high in pairwise(shares))
        total = sum(written)
        return tuple(share / total for share in written) if total else written


class ColumnDistribution(CheckConfiguration):
    """The reference of one column and the limits of each statistic.

    ``psi``: the greatest population stability index, 0.25 by default. ``ks``: the greatest Kolmogorov-Smirnov distance
    (not of categories). ``chi_square``: the least probability of Pearson's statistic. ``least``: with fewer values
    nothing can be said, 100 by default.
    """

    reference: Reference
    psi: Annotated[float, Field(gt=0)] | None = 0.25
    ks: Annotated[float, Field(gt=0, le=1)] | None = None
    chi_square: Annotated[float, Field(gt=0, lt=1)] | None = None
    least: Annotated[int, Field(strict=True, ge=1)] = 100

    @model_validator(mode="after")
    def _has_an_order(self) -> Self:
        if self.ks is not None and self.reference.categories:
            raise ValueError("ks is for values that have an order; of categories give psi or chi_square")
        return self


class DistributionConfiguration(CheckConfiguration):
    """``distribution: {columns: ...}``: the columns by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, ColumnDistribution] = Field(default_factory=dict)


class DistributionCheck:
    """Drift of columns against a reference window."""

    kind = "distribution"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage of rows whose contract promises a distribution."""
        promised = bool(stage.contract.promises.get(self.kind))
        return promised and stage.holds_rows and stage.row_meaning != "dead_letters"

    def configure(self, stage: StageDeclaration) -> DistributionConfiguration:
        """Return the columns with their references; raises ConfigurationError for one that the contract has not."""
        written = stage.contract.promises.get(self.kind) or {}
        configuration = DistributionConfiguration.model_validate({"columns": written})
        for column in configuration.columns:
            if stage.contract.columns and column not in stage.contract.columns:
                raise ConfigurationError(
                    f"distribution names {column!r}, which is not among the columns",
                    next_step=f"Known: {', '.join(stage.contract.columns)}.",
                    path=(self.kind, column),
                )
        return configuration

    def measures(self, stage: StageDeclaration, configuration: DistributionConfiguration) -> frozenset[Measure]:
        """Return the counts of each column in the bins of its reference."""
        return frozenset(c.reference.bins(name) for name, c in configuration.columns.items())

    def judge(self, configuration: DistributionConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding for each statistic of a column that is beyond its limit."""
        findings: list[Finding] = []
        doubts: list[str] = []
        table: dict[str, Any] = {}
        values = 0
        for name, column in configuration.columns.items():
            found: BinnedValues = evidence[column.reference.bins(name)]
            total = sum(found.counts)
            values += total
            told = _statistics(column, found)
            table[name] = {"values": total, "without": found.without, **told}
            if total < column.least:
                doubts.append(f"{name} has {counted(total, 'value')}, too few to tell: {column.least} are needed")
                continue
            findings += _findings(evidence, name, column, found, told)
        message = f"{counted(len(table), 'column')} spread as the reference"
        if findings:
            message = "; ".join(f.message for f in findings)
        return conclude(
            evidence,
            message,
            {"values": values},
            findings=findings,
            doubts=doubts,
            measures={"drifted": len({f.detail for f in findings}), "columns": table},
        )


def _statistics(column: ColumnDistribution, found: BinnedValues) -> dict[str, float]:
    expected = column.reference.expected
    told = {"psi": population_stability(found.counts, expected), "chi_square": chi_square(found.counts, expected)[1]}
    if not column.reference.categories:
        told["ks"] = kolmogorov_smirnov(found.counts, expected)
    return {name: round(value, 6) for name, value in told.items()}


def _findings(
    evidence: Evidence, name: str, column: ColumnDistribution, found: BinnedValues, told: dict[str, float]
) -> Iterator[Finding]:
    total = sum(found.counts)
    for word, is_least in (("psi", False), ("ks", False), ("chi_square", True)):
        limit, value = getattr(column, word), told.get(word)
        if limit is None or value is None or (value >= limit if is_least else value <= limit):
            continue
        meaning = f"{word} {value:g} is {'below' if is_least else 'above'} {limit:g}"
        yield Finding(
            "out_of_range",
            evidence.stage.name,
            f"the values of {name} are spread otherwise than in the reference: {meaning}",
            position=evidence.position,
            detail=name,
            expected={word: limit},
            seen={word: value},
            extra={
                "statistic": word,
                "expected_shares": [round(share, 6) for share in column.reference.expected],
                "seen_shares": [round(count / total, 6) for count in found.counts],
            },
        )


CHECK = DistributionCheck()
