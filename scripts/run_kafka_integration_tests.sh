#!/usr/bin/env bash
# Runs the integration tests of the message flow on a broker of their own; --help tells the options.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
test -x "$python" || python=$(bash scripts/find-python)
exec "$python" -m pipeline_checks_tests.churn.integration_runner "$@"
