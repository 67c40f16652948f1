"""dead_letters: what could not be processed is kept as it was, says why in one of a few words, and is not too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from pipeline_checks.checks.judging import conclude, counted, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.conservation import RecordPlace
from pipeline_checks.model.dead_letters import DeadLetters, DeadLetterSample
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

Words = tuple[str, ...]


class DeadLettersConfiguration(CheckConfiguration):
    """``dead_letters: {types: [...], unreadable: [...], invalid: [...], valid: [...], share: 0.05, count: 100}``.

    ``original``, ``error_type``, ``errors``: the columns with the original message, the word for what went wrong, and
    the errors of validation. ``types``: the words that there are. ``unreadable``, ``invalid``, ``valid``: which of them
    a message may have that is none, that breaks the schema of its topic, and that does not; all by default. With
    ``keeps_invalid`` every message of the first two must be among the dead letters; ``keeps_unreadable`` says so of the
    first only. ``share``, ``count``: how many of the outputs, and how many at all, may be dead letters.
    """

    original: str = "original_message"
    error_type: str = "error_type"
    errors: str | None = None
    types: Words = ()
    unreadable: Words = ()
    invalid: Words = ()
    valid: Words = ()
    keeps_unreadable: bool = True
    keeps_invalid: bool = True
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    count: Annotated[int, Field(strict=True, ge=0)] | None = None

    @property
    def measure(self) -> DeadLetters:
        """What must be known to judge."""
        return DeadLetters(self.original, self.error_type, self.errors)


class DeadLettersCheck:
    """Dead letters against the records that they were made of."""

    kind = "dead_letters"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Stages whose contract promises it."""
        return bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> DeadLettersConfiguration:
        """Return what is promised; raises ConfigurationError for a stage without links or such columns."""
        found = promise_of(stage, self.kind, DeadLettersConfiguration)
        if not is_linked(stage):
            raise ConfigurationError(
                f"{stage.name} promises dead_letters and does not say what they were made of",
                next_step="Declare `links` of the stage.",
            )
        for column in (found.original, found.error_type, found.errors):
            if column is not None and stage.contract.columns and column not in stage.contract.columns:
                raise ConfigurationError(
                    f"dead_letters names {column!r}, which is not among the columns",
                    next_step=f"Known: {', '.join(stage.contract.columns)}.",
                    path=(self.kind,),
                )
        return found

    def measures(self, stage: StageDeclaration, configuration: DeadLettersConfiguration) -> frozenset[Measure]:
        """Return the dead letters with what they were made of."""
        return frozenset({configuration.measure})

    def judge(self, configuration: DeadLettersConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL for letters that are not what they must be, lack, or are too many."""
        sample: DeadLetterSample = evidence[configuration.measure]
        findings = tuple(_findings(configuration, evidence, sample))
        total = sum(int(f.extra.get("keys_total", 1)) for f in findings)
        total += max(0, sample.wrong_total - len(sample.wrong))
        told = ", ".join(f"{number:,} {name}" for name, number in sorted(sample.types.items()))
        message = f"{counted(sample.letters, 'dead letter')} of {counted(sample.outputs, 'output')}"
        return conclude(
            evidence,
            f"{message}{': ' if told else ''}{told}",
            {"outputs": sample.outputs},
            findings=findings,
            total=total,
            measures={
                "letters": sample.letters,
                "outputs": sample.outputs,
                "share": round(sample.letters / sample.outputs, 6) if sample.outputs else None,
                "types": dict(sample.types),
                "wrong": sample.wrong_total,
                "not_in_dead_letters": sample.not_dead_total,
            },
        )


def _findings(limits: DeadLettersConfiguration, evidence: Evidence, sample: DeadLetterSample) -> Iterator[Finding]:
    name = evidence.stage.name
    for (meaning, word), (number, places) in sorted(sample.by_input.items()):
        allowed = getattr(limits, meaning, ()) or limits.types
        if not allowed or word in allowed:
            continue
        for letter, source in places:
            why = f"{word!r}, of {_article(meaning)} message only {', '.join(allowed)}"
            yield _of_letter(name, "unaccepted_value", letter, source, limits.error_type, why, list(allowed), word)
        if number > len(places):
            yield Finding(
                "unaccepted_value",
                name,
                f"{number - len(places):,} more letters of {_article(meaning)} message say {word!r}",
                position=evidence.position,
                detail=limits.error_type,
                extra={"keys_total": number - len(places)},
            )
    for wrong in sample.wrong:
        source = wrong.source or wrong.letter
        yield _of_letter(name, "changed", wrong.letter, source, wrong.what, wrong.why, wrong.expected, wrong.seen)
    for source, output, meaning in sample.not_dead:
        if not (limits.keeps_unreadable if meaning == "unreadable" else limits.keeps_invalid):
            continue
        yield Finding(
            "not_in_dead_letters",
            name,
            f"the record at {source} is {_article(meaning)} message and stands in {output.stage} at {output}",
            key={"partition": source.partition, "offset": source.offset},
            position=output.position,
            detail=meaning,
            expected=name,
            seen=output.stage,
            extra={"input": source.to_json(), "output": output.to_json()},
        )
    yield from _too_many(limits, evidence, sample)


def _too_many(limits: DeadLettersConfiguration, evidence: Evidence, sample: DeadLetterSample) -> Iterator[Finding]:
    share = sample.letters / sample.outputs if sample.outputs else 0.0
    for word, limit, seen in (("share", limits.share, round(share, 6)), ("count", limits.count, sample.letters)):
        if limit is not None and seen > limit:
            yield Finding(
                "out_of_range",
                evidence.stage.name,
                f"{seen:g} is the {word} of dead letters, at most {limit:g} is promised",
                position=evidence.position,
                detail=word,
                expected=limit,
                seen=seen,
            )


def _of_letter(
    name: str, kind: Any, letter: RecordPlace, source: RecordPlace, detail: str, why: str, expected: Any, seen: Any
) -> Finding:
    return Finding(
        kind,
        name,
        f"the dead letter at {letter}, of {source}: {why}",
        key={"partition": source.partition, "offset": source.offset},
        position=letter.position,
        detail=detail,
        expected=expected,
        seen=seen,
        extra={"input": source.to_json()},
    )


def _article(meaning: str) -> str:
    words: Mapping[str, str] = {"unreadable": "no readable", "invalid": "an invalid", "valid": "a valid"}
    return words.get(meaning, meaning)


CHECK = DeadLettersCheck()
