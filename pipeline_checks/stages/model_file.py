"""Stages of kind ``model_file``: a fitted scikit-learn pipeline and the sidecar that describes it. It holds no rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import Facts, Measure, Measured, StageSchema
from pipeline_checks.model.position import FilesPosition, Position
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, Rows, StageDeclaration, exact


class ModelFile(StageDeclaration):
    """The model in the file ``path``; its sidecar, of the same name and ending in ``.json``, lies beside it."""

    kind: Literal["model_file"] = "model_file"
    path: Annotated[SettingValue, Setting]

    @property
    def holds_rows(self) -> bool:
        return False


class ModelFileReader:
    """Reads the file and its sidecar; the model in it is never loaded here."""

    def __init__(self, declaration: ModelFile) -> None:
        self.declaration = declaration

    @property
    def path(self) -> Path:
        """The file."""
        return Path(resolve(self.declaration.path))

    def reached(self) -> Reached:
        """Return the file by its SHA-256; raises TerminalError when it is not there."""
        return Reached(FilesPosition(((self.path.name, digest_of(self.path)),)))

    def at(self, position: Position) -> PinnedModelFile:
        """Return the model at a digest."""
        if not isinstance(position, FilesPosition):
            raise TerminalError(f"{self.declaration.name} is a file, not at a position of kind {position.kind!r}.")
        return PinnedModelFile(self, position)

    def close(self) -> None:
        """Nothing is held."""


class PinnedModelFile:
    """Answers facts about the model; it has neither columns nor rows."""

    def __init__(self, reader: ModelFileReader, position: FilesPosition) -> None:
        self.position = position
        self._reader = reader

    @property
    def path(self) -> Path:
        """The file, which may have been replaced since; see ``digest``."""
        return self._reader.path

    @property
    def digest(self) -> str:
        """The SHA-256 of the file at this position."""
        return self.position.files[0][1]

    def schema(self) -> Schema:
        """Return no columns."""
        return Schema(())

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return facts: ``model`` (``sha256`` of the file, ``sidecar`` as it stands beside it, None without one,
        ``libraries`` that are installed here)."""
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, Facts):
                if measure.topic != "model":
                    raise ConfigurationError(
                        f"a model tells nothing of {measure.topic!r}.", next_step="It tells: model."
                    )
                answers[measure] = exact(self._facts())
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> Rows:
        """Raise ConfigurationError: there are none."""
        raise ConfigurationError(f"{self._reader.declaration.name} is a model and has no rows.")

    def _facts(self) -> dict[str, Any]:
        from pipeline_checks.clients import fitted_model

        try:
            sidecar = dict(vars(fitted_model.read_sidecar(self.path)))
        except FileNotFoundError:
            sidecar = None
        return {"sha256": self.digest, "sidecar": sidecar, "libraries": fitted_model.installed_libraries()}


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; raises TerminalError when it cannot be read."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
    except OSError as problem:
        raise TerminalError(
            f"the file {path.name} cannot be read: {problem.strerror or problem}.",
            next_step="See that it is there, and that the path of the stage is right.",
        ) from None
    return found.hexdigest()


def open_stage(declaration: ModelFile) -> ModelFileReader:
    """Return the model as it can be asked."""
    return ModelFileReader(declaration)
