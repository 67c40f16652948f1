"""The environment of the peers: made once below the home folder, apart from the project's own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline_checks.clients.settings import home

FOLDER = Path(__file__).parent
_PATIENCE = 600.0


def peers_python() -> tuple[Path, dict[str, str]]:
    """Return the interpreter of the peers, and by requirement why it could not be installed."""
    requirements = (FOLDER / "requirements.txt").read_bytes()
    folder = home() / "bench-peers" / hashlib.sha256(requirements).hexdigest()[:12]
    python = folder / "bin" / "python"
    stamp = folder / ".complete"
    if stamp.exists():
        return python, {}
    shutil.rmtree(folder.parent, ignore_errors=True)
    print("installing the peers (about 1 GB, once)", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    wanted = [line for line in requirements.decode().splitlines() if line and not line.startswith("#")]
    if _install(python, wanted) is None:
        stamp.touch()
        return python, {}
    problems = {one: _install(python, [one]) for one in wanted}
    return python, {one: problem for one, problem in problems.items() if problem is not None}


def _install(python: Path, requirements: list[str]) -> str | None:
    """Install requirements together; return what went wrong, None when nothing did."""
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        command = [str(uv), "pip", "install", "--quiet", "--python", str(python)]
    else:
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run([*command, *requirements], capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return f"not installed within {_PATIENCE:g} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return "not installable" if not lines else "not installable: " + lines[0].partition("://")[0][:120]
