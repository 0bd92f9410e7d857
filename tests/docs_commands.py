"""The commands that the documentation shows, read from its shell blocks."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = {"", "sh", "shell", "bash", "console"}
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
PROGRAMS = {
    "lamp",
    "make",
    "dvc",
    "git",
    "mlflow",
    "prefect",
    "python",
    "pip",
    "torchrun",
    "sbatch",
    "export",
    "cd",
}
"""Programs by which a line of a block without a language is known as a command."""


@dataclass(frozen=True)
class Command:
    """One command.

    Args:
        page: it stands on.
        words: program and arguments, behind assignments of variables.
        variables: set before it.
    """

    page: str
    words: tuple[str, ...]
    variables: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def documented_commands() -> list[Command]:
    """Every command of every page, once a page."""
    found = [command for page in PAGES for command in _of_page(page)]
    return list(dict.fromkeys(found))


def _of_page(page: Path) -> Iterator[Command]:
    name = page.relative_to(REPOSITORY).as_posix()
    for language, block in BLOCK.findall(page.read_text()):
        if language not in SHELL:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            yield from _of_line(name, line.removeprefix("$ "))


def _of_line(page: str, line: str) -> Iterator[Command]:
    first = re.sub(rf"^(?:{ASSIGNMENT.pattern}\s+)*", "", line).split(" ")[0]
    words = shlex.split(line, comments=True) if _is_program(first) else []
    while words:
        end = next((place for place, word in enumerate(words) if word in {"&&", "|", ";"}), len(words))
        part, words = words[:end], words[end + 1 :]
        variables = []
        while part and ASSIGNMENT.fullmatch(part[0]):
            variables.append(part.pop(0))
        if part:
            yield Command(page, tuple(part), tuple(variables))


def _is_program(word: str) -> bool:
    return Path(word).name in PROGRAMS or "/bin/" in word
