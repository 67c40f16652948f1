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

    ``pattern`` names those of the folder that are meant, where not all are.
    Each begins with a line of column names. ``row_number`` is the column in which a row has its number: rows are
    counted from ``first_row``, and on through all files in the order of their names, or anew in each with
    ``numbered_by_file``. ``source_file`` is the column with the name of its file. ``null`` is the text that stands for
    NULL in columns that are no text, with ``null_texts`` in those too. With ``blank_files`` a file without content, not
    even column names, is one without rows.
    """

    kind: Literal["files"] = "files"
    path: Annotated[SettingValue, Setting]
    pattern: str | None = None
    format: Literal["csv"] = "csv"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    null: str = ""
    null_texts: bool = False
    blank_files: bool = False
    row_number: str | None = None
    first_row: int = Field(default=0, ge=0)
    numbered_by_file: bool = False
    source_file: str | None = None


def open_stage(declaration: Files) -> FilesReader:
    """Return the files as they can be asked."""
    from pipeline_checks.stages.files_manifest import FilesReader

    path = resolve(declaration.path)
    return FilesReader(declaration, path if declaration.pattern is None else f"{path}/{declaration.pattern}")
