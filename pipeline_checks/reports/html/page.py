"""The page: one file, which loads nothing and whose policy allows it to load nothing, whatever the data holds."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline_checks.model.verdict import overall
from pipeline_checks.reports.html.finding_cards import MOST_PACKED
from pipeline_checks.reports.html.section import section
from pipeline_checks.reports.html.subject import Subject

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES: Final = Path(__file__).parent / "templates"
SIGNS: Final = {"PASS": "✓", "WARN": "!", "FAIL": "✗", "UNSETTLED": "…", "ERROR": "?", "none": "–"}
"""What stands for a verdict where there is no room for its word: told apart without colours too."""


def render(subjects: Sequence[Subject]) -> str:
    """Return the page about one run, or about several of different pipelines, ending in a line feed."""
    sections = [section(s, f"p{i}", MOST_PACKED // max(1, len(subjects))) for i, s in enumerate(subjects)]
    script = (_TEMPLATES / "script.js").read_text(encoding="utf-8")
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            sections=sections,
            verdict=str(overall(s.result.verdict for s in subjects)),
            style=(_TEMPLATES / "style.css").read_text(encoding="utf-8"),
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            signs=SIGNS,
        )
    )
    return text.rstrip("\n") + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
