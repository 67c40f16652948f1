"""The console program as a user runs it, and its JSON read back."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Command:
    """A finished command."""

    code: int
    output: str
    errors: str


def run_command(*arguments: str, timeout: float = 300) -> Command:
    """Run ``pipeline-checks`` with these arguments in a process of its own."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pipeline-checks")), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Command(done.returncode, done.stdout, done.stderr)


def check(*arguments: str, timeout: float = 300) -> tuple[int, dict[str, Any]]:
    """Run ``pipeline-checks check`` and return its exit code and its JSON document."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdicts.json"
        command = run_command("check", *arguments, "--json", str(file), timeout=timeout)
        assert file.exists(), command.errors
        return command.code, json.loads(file.read_text())


def findings(document: dict[str, Any]) -> set[tuple[str, str, str, str | None]]:
    """Return the findings of all checks as (kind, stage, key as text, detail), each once."""
    return {
        (f["kind"], f["stage"], json.dumps(f["key"], sort_keys=True), f.get("detail"))
        for c in document["checks"]
        for f in c["findings"]
    }


def not_passed(document: dict[str, Any]) -> list[str]:
    """Return the checks that did not pass, readably."""
    return [
        f"{c['stage']}.{c['check']} {c['verdict']}: {c['message']}"
        for c in document["checks"]
        if c["verdict"] != "PASS"
    ]


def verdicts(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return stage and check to verdict."""
    return {(c["stage"], c["check"]): c["verdict"] for c in document["checks"]}
