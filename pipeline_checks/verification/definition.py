"""A pipeline as a user wrote it, made into the model: every field validated, every problem located.

What is written is said in ``docs``; where files lie is known by ``discovery``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from pipeline_checks.checks.registry import KINDS as CHECK_KINDS
from pipeline_checks.checks.registry import check
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.engine import EngineDeclaration
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.events import EVENT_TYPES
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.contracts import PlacedContract, contract_of, read_shared
from pipeline_checks.verification.for_each import RawStage, expand
from pipeline_checks.verification.places import Locate, Path, Problem, nearest, nowhere, refuse
from pipeline_checks.verification.pydantic_problems import fields_of, problems_of
from pipeline_checks.verification.reference_targets import reference_problems

TYPE: Final = "pipeline_checks.VerifiedPipeline"
"""The ``type`` of a document that declares a pipeline."""
FIELDS: Final = (
    "name",
    "description",
    "flow",
    "seed",
    "scenarios",
    "engine",
    "alerts",
    "owners",
    "contracts",
    "stages",
)
"""The fields of a pipeline's ``attributes``."""
_TEXTS: Final = ("name", "description", "flow", "seed", "scenarios")


def build_pipeline(attributes: Any, locate: Locate = nowhere, path: Path = ("attributes",)) -> Pipeline:
    """Return the pipeline that ``attributes`` declare.

    Parameters
    ----------
    attributes:
        Plain data as a YAML loader gives it; the fields are those of ``FIELDS``.
    locate:
        Tells file and line of a path, for messages.
    path:
        Where the attributes stand in their document.

    Raises
    ------
    ConfigurationError
        Telling every problem with file, line, field and the fix, all at once.
    """
    problems: list[Problem] = []
    if not isinstance(attributes, Mapping):
        refuse([Problem(path, "must be a mapping", f"Its fields are: {', '.join(FIELDS)}.")], locate, "the pipeline")
    for extra in (str(f) for f in attributes if f not in FIELDS):
        problems.append(Problem((*path, extra), f"a pipeline has no field {extra!r}", nearest(extra, FIELDS)))
    texts = {field: attributes[field] for field in _TEXTS if attributes.get(field) is not None}
    for field, value in texts.items():
        if not isinstance(value, str):
            problems.append(Problem((*path, field), f"must be text, not {value!r}"))
    if "name" not in texts:
        problems.append(Problem(path, "'name' is missing", "Add name."))
    engine = _engine(attributes.get("engine"), (*path, "engine"), problems)
    alerts = _alerts(attributes.get("alerts"), (*path, "alerts"), problems)
    shared = read_shared(attributes.get("contracts"), (*path, "contracts"), problems)
    raw = expand(attributes.get("stages"), (*path, "stages"), problems)
    stages = _Stages(shared, problems)
    for item in raw:
        stages.add(item)
    problems += reference_problems(stages.declared, stages.contract_paths, stages.failed)
    what = f"pipeline {texts.get('name', '')}".rstrip()
    refuse(problems, locate, what)
    try:
        owners = attributes.get("owners") or ()
        return Pipeline(**texts, engine=engine, alerts=alerts, owners=owners, stages=tuple(stages.declared.values()))
    except ValidationError as error:
        refuse(problems_of(error, path, FIELDS, attributes, "a pipeline"), locate, what)
        raise


def _engine(written: Any, path: Path, problems: list[Problem]) -> EngineDeclaration | None:
    if written is None:
        return None
    try:
        return EngineDeclaration.model_validate(written)
    except ValidationError as error:
        problems += problems_of(error, path, fields_of(EngineDeclaration), written, "an engine")
    return None


def _alerts(written: Any, path: Path, problems: list[Problem]) -> AlertsDeclaration | None:
    if written is None:
        return None
    try:
        return AlertsDeclaration.model_validate(written)
    except ValidationError as error:
        problems += problems_of(error, path, fields_of(AlertsDeclaration), written, "alerts")
    return None


def check_pipeline(pipeline: Pipeline) -> None:
    """Validate a pipeline that was built in Python; raises ConfigurationError telling every problem."""
    problems = [
        problem
        for index, stage in enumerate(pipeline.stages)
        for problem in _promise_problems(stage, ("stages", index), ("stages", index, "contract"))
    ]
    places: dict[str, Path] = {s.name: ("stages", i, "contract") for i, s in enumerate(pipeline.stages)}
    problems += reference_problems({s.name: s for s in pipeline.stages}, places)
    refuse(problems, nowhere, f"pipeline {pipeline.name}")


class _Stages:
    """The stages read so far, by name, in the order of the file."""

    def __init__(self, shared: Mapping[str, PlacedContract], problems: list[Problem]) -> None:
        self.declared: dict[str, StageDeclaration] = {}
        self.contract_paths: dict[str, Path] = {}
        self.failed: set[str] = set()
        self._shared = shared
        self._problems = problems
        self._contracts: dict[str, PlacedContract] = {}

    def add(self, raw: RawStage) -> None:
        """Validate a stage and keep it, or add what is wrong with it to the problems."""
        before = len(self._problems)
        declaration = self._declaration(raw)
        name = raw.value.get("name")
        if declaration is None:
            self.failed.add(str(name))
            return
        self._upstream_problems(declaration, raw.path)
        contract = self._contract(declaration, raw)
        if len(self._problems) > before:
            self.failed.add(declaration.name)
            return
        stage = declaration.model_copy(update={"contract": contract.contract})
        self._problems += _promise_problems(stage, raw.path, contract.path or (*raw.path, "contract"))
        self.declared[stage.name] = stage
        self._contracts[stage.name] = contract
        self.contract_paths[stage.name] = contract.path or (*raw.path, "contract")

    def _declaration(self, raw: RawStage) -> StageDeclaration | None:
        kind = raw.value.get("kind")
        if not isinstance(kind, str):
            self._problems.append(Problem(raw.path, "'kind' is missing", "Add kind, such as delta_table."))
            return None
        try:
            model = declaration_class(kind)
            return model.model_validate({k: v for k, v in raw.value.items() if k != "contract"})
        except ConfigurationError as error:
            self._problems.append(Problem((*raw.path, "kind"), error.message, error.next_step))
        except ValidationError as error:
            known = fields_of(declaration_class(kind))
            self._problems += problems_of(error, raw.path, known, raw.value, f"a {kind}")
        return None

    def _upstream_problems(self, declaration: StageDeclaration, path: Path) -> None:
        if declaration.name in self.declared or declaration.name in self.failed:
            fix = "Names of stages are unique in a pipeline."
            self._problems.append(Problem((*path, "name"), f"a second stage {declaration.name!r}", fix))
        for name in declaration.from_:
            if name not in self.declared and name not in self.failed:
                message = f"there is no stage {name!r} before {declaration.name!r}, which is made from it"
                self._problems.append(Problem((*path, "from"), message, nearest(name, self.declared)))

    def _contract(self, declaration: StageDeclaration, raw: RawStage) -> PlacedContract:
        upstream = next(
            (self._contracts[n] for n in declaration.from_ if n in self._contracts and self._has_rows(n)), None
        )
        path = (*raw.path, "contract")
        return contract_of(declaration, raw.value.get("contract"), path, self._shared, upstream, self._problems)

    def _has_rows(self, name: str) -> bool:
        return self.declared[name].holds_rows


def _promise_problems(stage: StageDeclaration, path: Path, contract_path: Path) -> Iterator[Problem]:
    """What is wrong with the promises about a stage whose fields are right."""
    contract = stage.contract
    if stage.holds_rows and not contract.key and not contract.says_no_key:
        message = f"the contract of {stage.name!r} names no key, so its rows cannot be told apart"
        yield Problem(
            (*path, "contract"), message, "Add key: [the columns that identify a row]; key: [] where none do."
        )
    for column, origin in stage.columns.items() if contract.columns else ():
        # A change log may have columns beside the row's, of what its event tells.
        of_event = stage.row_meaning == "changes" and any(name in origin for name in EVENT_TYPES)
        if column not in contract.columns and not of_event:
            message = f"{column!r} is not a column of the contract of {stage.name!r}"
            yield Problem((*path, "columns", column), message, nearest(column, contract.columns))
    known = (*CHECK_KINDS, *getattr(type(stage), "contract_fields", ()))  # a kind may read fields of its own
    parted_by = None if stage.partitions is None else stage.partitions.column
    if parted_by is not None and contract.columns and parted_by not in contract.columns:
        message = f"{parted_by!r} is not a column of the contract of {stage.name!r}"
        yield Problem((*path, "partitions", "column"), message, nearest(parted_by, contract.columns))
    for name in contract.promises:
        if name not in known:
            message = f"there is no promise {name!r}"
            yield Problem((*contract_path, name), message, nearest(name, (*Contract.model_fields, *known)))
    for kind in CHECK_KINDS:
        yield from _configuration_problems(stage, kind, contract_path)


def _configuration_problems(stage: StageDeclaration, kind: str, contract_path: Path) -> Iterator[Problem]:
    found = check(kind)
    if not found.applies_to(stage):
        return
    try:
        found.configure(stage)
    except ValidationError as error:
        promise = stage.contract.promises.get(kind)
        base = (*contract_path, kind) if promise is not None else contract_path
        yield from problems_of(error, base, written=promise, what=f"the promise {kind}")
    except ConfigurationError as error:
        where: Sequence[str | int] = error.data.get("path") or ((kind,) if kind in stage.contract.promises else ())
        yield Problem((*contract_path, *where), error.message, error.next_step)
