"""What the documents point to is there."""

import re
from pathlib import Path

import pytest

from flows.cli import app
from flows.commands.catalogue import COMMANDS, Command
from flows.lazy_commands import loaded
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import load_skeleton
from tests.workspace import REPOSITORY

DOCS = REPOSITORY / "docs"
DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "data").glob("*.md")]
)
FOLDERS = ("flows", "tasks", "lamp_core", "tests", "benchmarks", "docs", "examples", "experiments")
CODE = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)#\s:]+)(#[\w-]+)?\)")
PLACEHOLDER = re.compile(r"[A-Z]{3,}")
"""NAME, FOLDER: what the reader puts in."""
MADE = {"benchmarks/results.json"}
"""What a command writes."""


def named(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_and_paths_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    linked = [document.parent / path for path, _ in LINK.findall(text)]
    in_code = [
        REPOSITORY / path for path in CODE.findall(text) if not PLACEHOLDER.search(path) and path not in MADE
    ]
    assert [str(path) for path in (*linked, *in_code) if not path.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_to_a_heading_find_it(document: Path) -> None:
    missing = [
        f"{path}{anchor}"
        for path, anchor in LINK.findall(document.read_text())
        if anchor and anchor[1:] not in anchors(document.parent / path)
    ]
    assert missing == []


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_is_described() -> None:
    groups = [group.name for group in app.registered_groups]
    commands = [*groups, *(command.name for command in app.registered_commands)]
    text = (REPOSITORY / "docs" / "commands.md").read_text()
    assert [name for name in commands if f"`lamp {name}" not in text] == []


def test_every_command_has_its_page_and_the_site_shows_every_page() -> None:
    assert {command.name for command in COMMANDS} == {path.stem for path in (DOCS / "commands").glob("*.md")}
    site = set(re.findall(r"[\w/-]+\.md", (REPOSITORY / "mkdocs.yml").read_text().partition("\nnav:")[2]))
    made_at_build = {"index.md", "contributing.md", "changes.md", "reference/index.md"}
    assert site - made_at_build == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_commands_page_lists_all_its_options(command: Command) -> None:
    pytest.importorskip("mkdocs", reason="MkDocs (extra docs) is not installed")
    from docs.hooks import options

    text = options(command.name)
    assert (DOCS / "commands" / f"{command.name}.md").read_text().startswith(f"# lamp {command.name}\n")
    todo = [loaded(command)]
    while todo:
        one = todo.pop()
        todo += getattr(one, "commands", {}).values()
        flags = [flag for option in one.params if option.name != "help" for flag in option.opts]
        assert [flag for flag in flags if flag.startswith("-") and f"`{flag}`" not in text] == []


@pytest.mark.parametrize(
    ("target", "page"),
    [
        ("docs/export.md", "[x](../export.md)"),
        ("CONTRIBUTING.md", "[x](../contributing.md)"),
        ("lamp_core/t2m/sampler.py", "[x](../reference/lamp_core.t2m.md#lamp_core.t2m.sampler)"),
        ("flows/commands", "[x](../reference/flows.commands.md)"),
        ("dvc.yaml", "`x`"),
        ("tests/test_documents.py", "`x`"),
    ],
)
def test_links_out_of_the_documents_lead_somewhere_on_the_site(target: str, page: str) -> None:
    pytest.importorskip("mkdocs", reason="MkDocs (extra docs) is not installed")
    from docs.hooks import link

    assert link("x", target, "", "commands/run.md") == page


@pytest.mark.parametrize("name", ["smpl22", "kit21", "smplx52"])
def test_the_page_of_the_features_has_the_slices_of_the_code(name: str) -> None:
    (header, *rows) = next(table for table in tables_of((DOCS / "features.md").read_text()))
    layout = FeatureLayout.of(load_skeleton(name))
    for row in rows:
        first, _, last = row[header.index(name)].partition(" to ")
        block = layout[row[0].strip("`")]
        assert (int(first), int(last or first) + 1) == (block.start, block.stop), row


@pytest.mark.parametrize(
    ("page", "described_in"),
    [("results", "runs"), ("trials", "runs"), ("earlier-results", "runs"), ("speed", "speed")],
)
def test_every_measured_row_names_a_run_that_is_described(page: str, described_in: str) -> None:
    runs, *rest = tables_of((DOCS / f"{described_in}.md").read_text())
    tables = rest if page == described_in else tables_of((DOCS / f"{page}.md").read_text())
    assert tables
    names = [row[0] for row in runs[1:]]
    known = set(names)
    assert len(known) == len(names), "a name stands for two runs"
    assert {"commit", "profile"} <= set(runs[0])
    unnamed = [
        row
        for header, *rows in tables
        for row in rows
        if header[-1] not in {"run", "runs"} or not set(row[-1].split(", ")) <= known
    ]
    assert unnamed == []


def tables_of(text: str) -> list[list[list[str]]]:
    """Rows of cells of every table, without the line under its header."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        if not re.fullmatch(r"[|-]+", line):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return found
