"""``python time_peer.py PEER TABLE ROWS``: let one tool check a Delta table again and again; prints one line of JSON.

Run in the environment of the peers, which has none of this project. Imports are not timed.
"""

import importlib
import json
import resource
import statistics
import sys
import time

RUNS, PATIENCE = 5, 45.0
"""Runs behind a first that is not counted, and seconds after which no other is begun."""


def main() -> None:
    """Print ``{"seconds", "runs", "checks", "memory"}`` (memory in GiB); exit code 1 when a check did not pass."""
    name, table, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    check = importlib.import_module(name).check
    started = time.perf_counter()
    checks, failed = check(table, rows)
    if failed:
        sys.exit(f"{name} found fault with the table: {failed}")
    seconds = [time.perf_counter() - started]
    while len(seconds) <= RUNS and time.perf_counter() - started < PATIENCE:
        begun = time.perf_counter()
        check(table, rows)
        seconds.append(time.perf_counter() - begun)
    counted = seconds[1:] or seconds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": statistics.median(counted), "runs": len(counted), "checks": checks, "memory": memory}))


if __name__ == "__main__":
    main()
