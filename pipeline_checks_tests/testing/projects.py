"""A project of somebody else with one pipeline: a web server of its own, and two Delta tables that nothing feeds."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.providers import VARIABLE
from pipeline_checks.testing.modes import SKIP_VARIABLE
from pipeline_checks_tests.stack.small_services import web

_DEFS = """\
type: pipeline_checks.VerifiedPipeline
attributes:
  name: shop
  flow: shop_services
  stages:
    - name: customers
      kind: delta_table
      path: {folder}/lake/customers
      contract: &contract
        {{key: [customer_id], columns: {{customer_id: int64, email: {{type: string, nullable: false}}}}}}
    - {{name: leads, kind: delta_table, path: {folder}/lake/leads, contract: *contract}}
"""
_SERVICES = """\
from pipeline_checks_tests.stack.small_services import web

def services():
    return [web("shop_web")]
"""
_ROOT = str(Path(__file__).parents[2])


@dataclass(frozen=True)
class Session:
    """A finished pytest session."""

    code: int
    output: str


class Project:
    """A folder with a pipeline and tests that use the plugin."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        (folder / "defs" / "shop").mkdir(parents=True)
        (folder / "defs" / "shop" / "defs.yaml").write_text(_DEFS.format(folder=folder))
        (folder / "shop_services.py").write_text(_SERVICES)
        (folder / "pytest.ini").write_text("[pytest]\n")
        self._write("customers", "a@b", "c@d")
        self._write("leads", "e@f", None)

    def _write(self, table: str, *emails: str | None) -> None:
        rows = {
            "customer_id": pa.array(range(1, len(emails) + 1), pa.int64()),
            "email": pa.array(emails, pa.string()),
        }
        write_deltalake(str(self.folder / "lake" / table), pa.table(rows))

    def pytest(self, tests: str, *arguments: str, **environment: str) -> Session:
        """Run these tests as a developer does, in a process of its own."""
        (self.folder / "test_shop.py").write_text(tests)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Session(done.returncode, done.stdout + done.stderr)

    @property
    def running(self) -> list[str]:
        """The services that answer."""
        return [s.name for s in EmbeddedProvider(self.home).status([web("shop_web")]) if s.ready]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a developer with a home of its own and no other services."""
        hidden = (SKIP_VARIABLE, VARIABLE, "SHOP_WEB_URL", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST")
        inherited = {k: v for k, v in os.environ.items() if k not in hidden and not k.startswith("PYTEST_XDIST")}
        return {**inherited, HOME_VARIABLE: str(self.home), "PYTHONPATH": _ROOT, **more}
