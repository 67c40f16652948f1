"""More objects than the store lists at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files
from pipeline_checks_tests.ingestion.engine.loading import Loading


@pytest.mark.parametrize("count", [1_100, pytest.param(10_000, marks=pytest.mark.soak)])
def test_the_files_of_a_source_are_listed_over_every_page(loading: Loading, count: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: loading.place.put(f"{n:05}.json", b"{}"), range(count)))
    found = list_files(loading.job("*.json").source)
    assert [file.path.rsplit("/", 1)[-1] for file in found] == [f"{n:05}.json" for n in range(count)]
    assert {file.size for file in found} == {2}
    assert len(list_files(loading.job("000*.json").source)) == 100
