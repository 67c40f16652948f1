"""The folder of one run, ``<test>_<YYYYMMDD_HHMMSS>_<hex8>``."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline_checks.pipelines.sales.artifacts.schemas import names, require_valid


@dataclass(frozen=True)
class RunFolder:
    """Holds what one run leaves."""

    path: Path

    @classmethod
    def create(cls, root: Path, test: str, started_at: datetime) -> RunFolder:
        """Make a folder that is not there yet."""
        path = root.absolute() / f"{test}_{started_at:%Y%m%d_%H%M%S}_{uuid.uuid4().hex[:8]}"
        path.mkdir(parents=True)
        return cls(path)

    def write(self, name: str, document: Any) -> Path:
        """Write ``<name>.json``; raises TerminalError when it is not of its published form, if it has one."""
        if name in names():
            require_valid(document, name)
        path = self.path / f"{name}.json"
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
        return path

    def keep(self, source: Path, name: str) -> Path:
        """Copy a file into the folder."""
        return Path(shutil.copyfile(source, self.path / name))

    def files(self) -> dict[str, str]:
        """Return the files of the folder by what they are, as names in it."""
        return {path.stem: path.name for path in sorted(self.path.iterdir()) if path.is_file()}

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
