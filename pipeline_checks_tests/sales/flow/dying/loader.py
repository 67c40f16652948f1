"""The loader, dying."""

from __future__ import annotations

import os

from pipeline_checks.pipelines.sales.flow import loader
from pipeline_checks_tests.sales.flow.dying.arming import arm

if __name__ == "__main__":
    arm()
    os._exit(loader.main())
