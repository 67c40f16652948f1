"""What a refresh loads anew, and what its caller is told beforehand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pipeline_checks.pipelines.ingestion.flow.cost import RefreshCost, refresh_cost
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion
from pipeline_checks.pipelines.ingestion.flow.running.discovery import DONE, Known

Mode = Literal["full", "new_only"]
COST_TO_WARN_USD: Final = 10.0
_STEPS: Final[dict[str, tuple[str, ...]]] = {
    "full": ("table_dropped", "processed_files_cleared"),
    "new_only": ("table_dropped",),
}
TRIGGER: Final = "run_triggered"


@dataclass(frozen=True)
class Impact:
    """Files and bytes that the next run loads, how many it leaves out, and between which times they were modified."""

    files_to_process: int
    files_skipped: int
    estimated_bytes: int
    oldest: datetime | None
    newest: datetime | None

    @property
    def cost(self) -> RefreshCost:
        """What that costs and takes."""
        return refresh_cost(self.files_to_process, self.estimated_bytes)

    def to_json(self) -> dict[str, Any]:
        """Return the impact as the API tells it."""
        cost = self.cost
        return {
            "files_to_process": self.files_to_process,
            "files_skipped": self.files_skipped,
            "estimated_data_size_gb": cost.size_gb,
            "estimated_cost_usd": cost.usd,
            "estimated_duration_minutes": cost.minutes,
            "estimated_bytes": self.estimated_bytes,
            "oldest_file_date": self.oldest.isoformat() if self.oldest else None,
            "newest_file_date": self.newest.isoformat() if self.newest else None,
        }


def impact_of(mode: Mode, listed: Iterable[FileVersion], known: Iterable[Known]) -> Impact:
    """Return what a refresh means for the files that are there now."""
    files = list(listed)
    done = {(k.version.path, k.version.etag, k.version.size) for k in known if k.status in DONE and not k.replaced}
    todo = files if mode == "full" else [f for f in files if (f.path, f.etag, f.size) not in done]
    times = [f.modified for f in todo]
    return Impact(
        files_to_process=len(todo),
        files_skipped=len(files) - len(todo),
        estimated_bytes=sum(f.size for f in todo),
        oldest=min(times, default=None),
        newest=max(times, default=None),
    )


def steps_of(mode: str, auto_run: bool) -> tuple[str, ...]:
    """Return the operations of a refresh in their order."""
    return (*_STEPS[mode], TRIGGER) if auto_run else _STEPS[mode]


def warnings_of(mode: Mode, impact: Impact) -> list[str]:
    """Return what the caller should think of before."""
    told = []
    cost = impact.cost
    if mode == "full":
        told.append(f"{impact.files_to_process} files ({cost.size_gb} GB) will be loaded again.")
    if cost.usd > COST_TO_WARN_USD:
        told.append(f"The estimated cost is {cost.usd} USD.")
    return told


def notes_of(mode: Mode, impact: Impact, table: str, *, auto_run: bool, done: bool) -> list[str]:
    """Return what happened to the table, or would, and which files the next run loads."""
    dropped = "was dropped" if done else "would be dropped"
    which = "all files of the source" if mode == "full" else "files that are not yet loaded only"
    starts = "The run" if auto_run else "The next run"
    notes = [
        f"The table {table} {dropped} with its data files; the next load makes it anew.",
        f"{starts} loads {which}: {impact.files_to_process}.",
    ]
    if mode == "new_only":
        notes.append(f"{impact.files_skipped} files stay marked as loaded and are not in the new table.")
    return notes
