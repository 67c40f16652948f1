"""Tables of Iceberg's hadoop catalog, which knows nothing but folders: the newest metadata is found by number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline_checks.clients.lake import iceberg_properties, translated
from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table

_HINT = "version-hint.text"
_NUMBERED = re.compile(r"v(\d+)(?:\.gz)?\.metadata\.json")
_FORMS = ("v{}.metadata.json", "v{}.gz.metadata.json")


def load_hadoop_table(warehouse: str, identifier: str) -> Table:
    """Load a table, ``namespace.name`` below the folder ``warehouse``, with its newest metadata.

    Raises TerminalError, with ``absent=True`` among its data, when there is no such table.
    """
    from pyiceberg.io import load_file_io
    from pyiceberg.table import StaticTable

    location = "/".join((warehouse.rstrip("/"), *identifier.split(".")))
    what = f"loading the Iceberg table {identifier}"
    with translated(what):
        properties = iceberg_properties(warehouse)
        newest = _newest(load_file_io(properties, location), f"{location}/metadata")
        if newest is None:
            raise TerminalError(
                f"{what}: there is no such table.",
                next_step="See that the flow has made it and that the warehouse is right.",
                absent=True,
            )
        return StaticTable.from_metadata(newest, properties)


def _newest(io: FileIO, folder: str) -> str | None:
    """Return the newest metadata file. The hint may be behind: it is written when the metadata is there already."""
    number = _hinted(io, f"{folder}/{_HINT}")
    if number is None or _of(io, folder, number) is None:
        number = max(_listed(io, folder), default=0)
    newest = _of(io, folder, number) if number else None
    while newest is not None and (later := _of(io, folder, number + 1)) is not None:
        newest, number = later, number + 1
    return newest


def _listed(io: FileIO, folder: str) -> Iterator[int]:
    """Yield the numbers of the metadata files that are there; the oldest may have been removed."""
    from pyarrow.fs import FileSelector
    from pyiceberg.io.pyarrow import PyArrowFileIO

    if not isinstance(io, PyArrowFileIO):
        return
    scheme, place, path = PyArrowFileIO.parse_location(folder)
    for found in io.fs_by_scheme(scheme, place).get_file_info(FileSelector(path, allow_not_found=True)):
        match = _NUMBERED.fullmatch(found.base_name)
        if match is not None:
            yield int(match[1])


def _hinted(io: FileIO, path: str) -> int | None:
    file = io.new_input(path)
    if not file.exists():
        return None
    with file.open() as stream:
        text = stream.read().decode("utf-8", "replace").strip()
    return int(text) if text.isdigit() else None


def _of(io: FileIO, folder: str, number: int) -> str | None:
    names = (f"{folder}/{form.format(number)}" for form in _FORMS)
    return next((name for name in names if io.new_input(name).exists()), None)
