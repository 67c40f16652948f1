"""The templates for CI systems are well formed, and run the commands that are documented."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from pygments.lexers.jvm import GroovyLexer
from pygments.token import Comment, Error, String, Text

ROOT = Path(__file__).parents[4]
CI = ROOT / "docs" / "ci"
MINUTES = 15


def documented() -> list[str]:
    """Return the commands of the page about CI."""
    (block,) = re.findall(r"```bash\n(.*?)```", (CI / "README.md").read_text(), re.S)
    return block.strip().splitlines()


def read(name: str) -> Any:
    return yaml.safe_load((CI / name).read_text())


def test_the_documented_script_is_there() -> None:
    setup, tests = documented()
    assert setup == "make setup" and "setup:" in (ROOT / "Makefile").read_text()
    script = ROOT / tests.split()[0]
    assert script.exists() and script.stat().st_mode & 0o111


@pytest.mark.parametrize("file", [CI / "github-actions.yml", ROOT / ".github" / "workflows" / "integration-tests.yml"])
def test_github_actions(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    triggers = document[True]  # YAML reads `on` as a truth value
    assert triggers == {"push": {"branches": ["main"]}, "pull_request": {"branches": ["main"]}}
    (job,) = document["jobs"].values()
    assert job["timeout-minutes"] == MINUTES and job["runs-on"].startswith("ubuntu")
    steps = job["steps"]
    assert [s["run"] for s in steps if "run" in s] == documented()
    assert any(s.get("with", {}).get("python-version") == "3.11" for s in steps)
    assert steps[-1]["if"] == "always()" and steps[-1]["uses"].startswith("actions/upload-artifact@")
    assert steps[-1]["with"]["path"] == "reports/"


def test_gitlab() -> None:
    document = read("gitlab-ci.yml")
    assert document["stages"] == ["test"]
    job = document["integration tests"]
    assert job["stage"] == "test" and job["timeout"] == f"{MINUTES} minutes"
    assert [*job["before_script"], *job["script"]] == documented()
    assert any("dind" in (s if isinstance(s, str) else s["name"]) for s in job["services"])
    artifacts = job["artifacts"]
    assert (artifacts["when"], artifacts["expire_in"], artifacts["paths"]) == ("always", "7 days", ["reports/"])
    assert artifacts["reports"]["junit"] == "reports/test-results.xml"


def test_azure() -> None:
    document = read("azure-pipelines.yml")
    assert document["pool"]["vmImage"].startswith("ubuntu")
    (job,) = document["jobs"]
    assert job["timeoutInMinutes"] == MINUTES
    assert [s["script"] for s in job["steps"] if "script" in s] == documented()
    tasks = {s["task"].split("@")[0]: s for s in job["steps"] if "task" in s}
    assert tasks["UsePythonVersion"]["inputs"]["versionSpec"] == "3.11"
    assert tasks["PublishTestResults"]["inputs"]["testResultsFiles"] == "reports/test-results.xml"
    for name in ("PublishTestResults", "PublishPipelineArtifact"):
        assert tasks[name]["condition"] == "always()"


@dataclass
class Block:
    """A block of a Jenkinsfile: its head, the statements in it, the blocks in it."""

    head: str
    statements: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def inner(self, head: str) -> Block:
        """Return the only block with that head; raises ValueError when there is none or are several."""
        (found,) = [b for b in self.blocks if b.head == head]
        return found


def parse(text: str) -> Block:
    """Return the blocks of a Jenkinsfile; raises ValueError when it is not well formed."""
    stack, line = [Block("file")], ""
    closing = {")": "(", "]": "["}
    depth: list[str] = []

    def end() -> None:
        nonlocal line
        if depth:
            raise ValueError(f"{depth[-1]} is not closed: {line}")
        if line.strip():
            stack[-1].statements.append(line.strip())
        line = ""

    for kind, value in GroovyLexer().get_tokens(text):
        if kind in Error:
            raise ValueError(f"no Groovy: {value!r}")
        if kind in Comment:
            continue
        if kind not in String and kind not in Text:
            if value in ("(", "["):
                depth.append(value)
            elif value in closing and (not depth or depth.pop() != closing[value]):
                raise ValueError(f"{value} was not opened: {line}")
            elif value == "{":
                stack[-1].blocks.append(Block(line.strip()))
                stack.append(stack[-1].blocks[-1])
                line = ""
                continue
            elif value == "}":
                end()
                stack.pop()
                if not stack:
                    raise ValueError("a block is closed that was not opened")
                continue
        if "\n" in value and kind not in String:
            end()
        else:
            line += value
    end()
    if len(stack) != 1:
        raise ValueError(f"the block {stack[-1].head!r} is not closed")
    return stack[0]


def test_jenkins() -> None:
    pipeline = parse((CI / "Jenkinsfile").read_text()).inner("pipeline")
    assert pipeline.statements == ["agent any"]
    assert [b.head for b in pipeline.blocks] == ["options", "stages", "post"]
    assert pipeline.inner("options").statements == [f"timeout(time: {MINUTES}, unit: 'MINUTES')"]
    stages = pipeline.inner("stages").blocks
    assert [s.head for s in stages] == ["stage('Setup')", "stage('Integration Tests')"]
    assert [s.inner("steps").statements for s in stages] == [[f"sh '{command}'"] for command in documented()]
    always = pipeline.inner("post").inner("always").statements
    assert always == [
        "archiveArtifacts artifacts: 'reports/**', allowEmptyArchive: true",
        "junit 'reports/test-results.xml'",
    ]


@pytest.mark.parametrize(
    ("old", "new"), [("agent any", "agent any }"), ("steps {", "steps"), ("unit: 'MINUTES')", "unit: 'MINUTES'")]
)
def test_a_broken_jenkinsfile_is_told(old: str, new: str) -> None:
    text = (CI / "Jenkinsfile").read_text()
    assert old in text
    with pytest.raises(ValueError, match=r"opened|closed"):
        parse(text.replace(old, new, 1))


def test_the_compose_file_of_the_tests_publishes_one_broker_here() -> None:
    document = yaml.safe_load((ROOT / "pipeline_checks_tests" / "churn" / "kafka.compose.yaml").read_text())
    (service,) = document["services"].values()
    assert service["ports"] == ["127.0.0.1:19093:19093"]
    assert {"image", "healthcheck", "environment"} <= set(service)
