"""Stages of kind ``files``: CSV files, whose rows are told by their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.stages.files_manifest import FilesReader


class Files(StageDeclaration):
    """The file ``path``; or the files of the folder that it is; or all those of a pattern with ``*``.

    Each begins with a line of column names. ``row_number`` is the column in which a row has its number: rows are
    counted from 0, and on through all files in the order of their names. ``source_file`` is the column with the name
    of its file. ``null`` is the text that stands for NULL in columns that are no text.
    """

    kind: Literal["files"] = "files"
    path: Annotated[SettingValue, Setting]
    format: Literal["csv"] = "csv"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    null: str = ""
    row_number: str | None = None
    source_file: str | None = None


def open_stage(declaration: Files) -> FilesReader:
    """Return the files as they can be asked."""
    from pipeline_checks.stages.files_manifest import FilesReader

    return FilesReader(declaration, resolve(declaration.path))
