"""Stages of kind ``s3_files``: objects of a store, each a file of records that a service loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.stages.s3_manifest import S3FilesReader


class S3Files(StageDeclaration):
    """The objects of ``bucket`` whose key, below ``prefix``, fits the glob ``pattern`` (``*`` crosses ``/``).

    What lies in a folder that is called as one of ``except_folders`` is left out.

    ``format`` says what a file is made of: a JSON object on each line, rows of CSV (with a line of names where
    ``header`` says so), Parquet, Avro or ORC. ``source_file`` and ``source_line`` are the columns in which a row has
    its file and its line, counted from 1. Endpoint and keys are S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY.
    """

    kind: Literal["s3_files"] = "s3_files"
    bucket: Annotated[SettingValue, Setting]
    prefix: str = ""
    pattern: str = "*"
    except_folders: tuple[str, ...] = ()
    format: Literal["json", "csv", "parquet", "avro", "orc"] = "json"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: bool = True
    source_file: str = "source_file"
    source_line: str = "source_line"


def open_stage(declaration: S3Files) -> S3FilesReader:
    """Return the objects as they can be asked."""
    from pipeline_checks.stages.s3_manifest import S3FilesReader

    return S3FilesReader(declaration, resolve(declaration.bucket))
