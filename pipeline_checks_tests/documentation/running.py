"""Running the commands of a page as its reader does: in a folder of their own, one block behind the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.stack.providers import VARIABLE
from pipeline_checks.testing.modes import SKIP_VARIABLE
from pipeline_checks_tests.documentation.pages import Block


class Reader:
    """Somebody who does what a page says.

    Parameters
    ----------
    folder:
        The reader's project, where commands are run and files are written.
    home:
        The home of the reader's stack.
    seconds:
        How long one block may take.
    """

    def __init__(self, folder: Path, home: Path, seconds: float) -> None:
        self.ran = 0
        self._folder, self._home, self._seconds = folder, home, seconds
        self._output = ""

    def follow(self, block: Block) -> None:
        """Write the file, run the commands, or compare what is shown with what they have written."""
        if block.mark == "file":
            file = self._folder / block.value
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        elif block.is_run:
            self._run(block, int(block.value) if block.mark == "exits" else 0)
        elif block.mark == "output":
            written = [_words(line) for line in self._output.splitlines()]
            missing = [line for line in block.text.splitlines() if _words(line) not in written]
            assert not missing, f"{block.place} shows what was not written: {missing}\n{self._output}"

    def _run(self, block: Block, expected: int) -> None:
        script = "\n".join(block.typed())
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=self._seconds,
            check=False,
        )
        self._output = done.stdout + done.stderr
        self.ran += len(block.commands())
        assert done.returncode == expected, f"{block.place} exits {done.returncode}, not {expected}\n{self._output}"

    def _environment(self) -> dict[str, str]:
        hidden = (SKIP_VARIABLE, VARIABLE, "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER")
        inherited = {k: v for k, v in os.environ.items() if k not in hidden}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**inherited, HOME_VARIABLE: str(self._home), "PATH": path}


def _words(line: str) -> list[str]:
    """Return what a line says without what differs from run to run: the time a run took, and the width of columns."""
    words = line.split()
    behind = [*words[1:], ""]
    return ["<seconds>" if unit == "s" and _is_number(w) else w for w, unit in zip(words, behind, strict=False)]


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()
