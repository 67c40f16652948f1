"""The pytest plugin in a project of somebody else, run as its developer runs it: automatic, manual, with workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.testing.modes import SKIP_VARIABLE
from pipeline_checks_tests.testing.projects import Project

pytestmark = pytest.mark.timeout(900)  # each session imports and starts anew, which a busy machine makes long

TESTS = """
def test_the_service_answers(pipeline_checks_stack):
    import urllib.request
    assert urllib.request.urlopen(pipeline_checks_stack.setting("SHOP_WEB_URL") + "/file.json").status == 200
    assert [s.state for s in pipeline_checks_stack.services] == ["ready"]

def test_the_customers_are_right(pipeline_checks_stack):
    result = pipeline_checks_stack.prove("shop.customers", only=["nulls"])
    assert [c["looked_at"]["rows"] for c in result.to_json()["checks"]] == [2]

def test_the_leads_are_right(pipeline_checks_stack):
    pipeline_checks_stack.prove("shop.leads", only=["nulls"])
"""
GOOD = ("-k", "not leads")
ALONE = """
def test_of_nothing():
    pass
"""


@pytest.fixture
def project(tmp_path: Path, own_home: Path) -> Project:
    """A project with a table that is as promised and one that is not, and nothing running."""
    return Project(tmp_path, own_home)


def test_services_are_started_for_the_tests_and_stopped_behind_them_and_a_finding_fails_its_test(
    project: Project,
) -> None:
    session = project.pytest(TESTS, "--pipelines", "shop", "-v")
    assert session.code == 1, session.output
    assert "1 failed, 2 passed" in session.output
    assert "AssertionError: shop.leads is FAIL" in session.output
    assert "leads, nulls:" in session.output
    assert "starts and stops what it needs: provider embedded" in session.output
    assert "shop_web: ready" in session.output
    assert project.running == []


def test_what_ran_before_runs_on_with_and_without_management(project: Project) -> None:
    session = project.pytest(TESTS, "--keep-pipelines", *GOOD)
    assert session.code == 0, session.output
    assert project.running == ["shop_web"]
    session = project.pytest(TESTS, *GOOD)
    assert session.code == 0, session.output
    assert project.running == ["shop_web"]
    session = project.pytest(TESTS, "--pipelines", "shop", *GOOD, **{SKIP_VARIABLE: "0"})
    assert session.code == 0, session.output
    assert f"only asks whether the services answer: {SKIP_VARIABLE} is set" in session.output
    assert project.running == ["shop_web"]


def test_without_management_nothing_is_started_and_a_missing_service_is_an_error(project: Project) -> None:
    session = project.pytest(TESTS, **{SKIP_VARIABLE: "true"})
    assert session.code == 1, session.output
    assert "3 errors" in session.output
    assert " skipped" not in session.output.splitlines()[-1]
    assert "SHOP_WEB_URL" in session.output and "`pipeline-checks up`" in session.output
    assert not (project.home / "stack.env").exists()


def test_a_session_that_asks_for_no_service_starts_none(project: Project) -> None:
    session = project.pytest(ALONE)
    assert session.code == 0, session.output
    assert not (project.home / "stack.env").exists()
    assert "pipeline_checks_stack: " not in session.output


@pytest.mark.soak
def test_workers_share_one_stack_which_the_first_to_end_does_not_take_from_the_others(project: Project) -> None:
    session = project.pytest(TESTS, "-n", "2", "--dist", "each", *GOOD)
    assert session.code == 0, session.output
    assert "4 passed" in session.output
    assert project.running == []
