"""What the pages say can be done: commands, targets of make, links, pipelines and Python, without running them."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import click
import pytest
import yaml

from pipeline_checks.cli.main import cli
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.verification.definition import TYPE, build_pipeline
from pipeline_checks_tests.documentation.pages import Block, blocks, pages
from pipeline_checks_tests.syntax import ROOT

PAGES = pages()
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def of_language(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert not broken, broken


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual viewers make them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    heads = (line.lstrip("#").strip().lower() for line in text.splitlines() if line.startswith("#"))
    named = re.findall(r'<a id="([^"]+)">', text)
    return {re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in heads} | set(named)


def test_commands_that_are_not_run_say_why() -> None:
    assert [b.place for b in of_language("bash", "console", "sh") if b.mark == "not run" and len(b.value) < 10] == []


def test_every_command_of_ours_exists_with_the_options_that_are_shown() -> None:
    wrong, seen = [], 0
    for block in of_language("bash", "console", "sh"):
        for words in block.commands():
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words and words[0] == "pipeline-checks":
                seen += 1
                problem = usage_problem(words[1:])
                if problem:
                    wrong.append(f"{block.place}: {' '.join(words)}: {problem}")
    assert not wrong, "\n".join(wrong)
    assert seen > 10


def usage_problem(arguments: list[str]) -> str | None:
    """Return what the command line says of the arguments, None when it takes them."""
    cut = next((i for i, word in enumerate(arguments) if word in ("|", ">", "&&", "||", ";")), len(arguments))
    command: click.Command = cli
    context = click.Context(cli, info_name="pipeline-checks")
    rest = arguments[:cut]
    try:
        while isinstance(command, click.Group):
            context = command.make_context(context.info_name, rest, context.parent)
            name, found, rest = command.resolve_command(context, [*context.protected_args, *context.args])
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.make_context(context.info_name, rest, context.parent)
    except click.exceptions.Exit:
        return None  # --help and --version
    except (click.ClickException, PipelineChecksError) as problem:
        return str(problem)
    return None


def test_a_command_that_does_not_exist_would_be_told() -> None:
    assert usage_problem(["check", "cdc", "--json", "report.json"]) is None
    assert "No such option" in str(usage_problem(["check", "cdc", "--jsonn", "report.json"]))
    assert "there is no command 'chekc'" in str(usage_problem(["chekc", "cdc"]))


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {
        word
        for block in of_language("bash", "console", "sh")
        for words in block.commands()
        if words[0] == "make"
        for word in words[1:]
        if "=" not in word
    }
    assert used <= targets, used - targets


def test_every_pipeline_that_is_shown_is_valid() -> None:
    shown = 0
    for block in (b for b in of_language("yaml") if TYPE in b.text):
        for document in yaml.safe_load_all(block.text):
            if isinstance(document, dict) and document.get("type") == TYPE:
                pipeline = build_pipeline(document["attributes"])
                assert pipeline.stages, block.place
                shown += 1
    assert shown >= 3


def test_python_that_is_shown_with_its_answers_gives_them() -> None:
    shown = [page for page in PAGES if ">>> " in page.read_text(encoding="utf-8")]
    assert shown
    for page in shown:
        failed, attempted = doctest.testfile(str(page), module_relative=False)
        assert attempted > 0 and failed == 0, page


def test_python_that_is_shown_compiles() -> None:
    for block in of_language("python"):
        if not block.text.lstrip().startswith(">>>"):
            compile(block.text, block.place, "exec")
