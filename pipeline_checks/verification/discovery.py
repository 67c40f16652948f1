"""Where pipelines are declared: in this package, and in the ``defs`` folder of the project a command is run in."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.definition import TYPE, build_pipeline
from pipeline_checks.verification.places import nearest
from pipeline_checks.verification.yaml_document import Document, read_documents

FILE_NAME = "defs.yaml"
"""The name of a file that declares pipelines."""


@dataclass(frozen=True)
class Source:
    """A document that declares a pipeline, not yet validated."""

    name: str
    document: Document
    ours: bool

    def build(self) -> Pipeline:
        """Return the pipeline; raises ConfigurationError telling every problem of the document."""
        return build_pipeline(self.document.value.get("attributes"), self.document.locate)


def sources(project: Path | None = None) -> list[Source]:
    """Return every declared pipeline: ours, then those of the project (the working directory when None).

    Raises ConfigurationError when a file is not YAML or two pipelines have one name.
    """
    found: dict[str, Source] = {}
    for source in (*_ours(), *_of_project(project)):
        if source.name in found:
            raise ConfigurationError(
                f"two pipelines are named {source.name!r}: in {found[source.name].document.file} and in "
                f"{source.document.file}",
                next_step="Give one of them another name.",
            )
        found[source.name] = source
    return list(found.values())


def project_sources(project: Path | None = None) -> list[Source]:
    """Return the pipelines declared in the project, without ours."""
    return [s for s in sources(project) if not s.ours]


def load_pipeline(name: str, project: Path | None = None) -> Pipeline:
    """Return the pipeline of that name; raises ConfigurationError naming the known ones when there is none."""
    known = {s.name: s for s in sources(project)}
    if name not in known:
        raise ConfigurationError(f"there is no pipeline {name!r}.", next_step=nearest(name, known))
    return known[name].build()


def load_pipelines(project: Path | None = None) -> list[Pipeline]:
    """Return every pipeline."""
    return [source.build() for source in sources(project)]


def defs_folder(project: Path | None = None) -> Path | None:
    """Return the folder of the project's own definitions, None when it has none.

    That is ``defs`` in the project, or the folder of ``defs_module`` of ``[tool.dg.project]`` in its pyproject.toml.
    A ``project`` that was named and has none is a ConfigurationError.
    """
    root = (project or Path.cwd()).absolute()
    for folder in (*_configured(root), root / "defs"):
        if folder.is_dir() and folder.resolve() != _our_folder().resolve():
            return folder
    if project is not None and not root.is_dir():
        raise ConfigurationError(f"there is no folder {project}", next_step="Name the folder of your project.")
    return None


def _configured(root: Path) -> Iterator[Path]:
    try:
        settings: Any = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return
    project = settings.get("tool", {}).get("dg", {}).get("project", {})
    module = project.get("defs_module") or (f"{project['root_module']}.defs" if project.get("root_module") else None)
    if module:
        for base in (root, root / "src"):
            yield base.joinpath(*str(module).split("."))


def _our_folder() -> Path:
    return Path(__file__).parent.parent / "pipelines"


def _ours() -> Iterator[Source]:
    folder = _our_folder()
    for file in sorted(folder.glob(f"*/{FILE_NAME}")):
        yield from _in_file(file, f"pipeline_checks/pipelines/{file.relative_to(folder)}", ours=True)


def _of_project(project: Path | None) -> Iterator[Source]:
    folder = defs_folder(project)
    if folder is None:
        return
    root = str((project or Path.cwd()).absolute())
    if root not in sys.path:
        sys.path.append(root)  # modules that its pipelines name (flow, seed, pandera schemas) lie beside its defs
    for file in sorted(folder.rglob(FILE_NAME)):
        yield from _in_file(file, str(file.relative_to(folder.parent)), ours=False)


def _in_file(file: Path, shown_as: str, *, ours: bool) -> Iterator[Source]:
    for document in read_documents(file, shown_as):
        if not isinstance(document.value, Mapping) or document.value.get("type") != TYPE:
            continue  # another component of a Dagster project
        attributes = document.value.get("attributes")
        name = attributes.get("name") if isinstance(attributes, Mapping) else None
        yield Source(str(name or file.parent.name), document, ours)
