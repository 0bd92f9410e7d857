"""What the documentation site makes at build time, by MkDocs' hooks: pages of the repository's own documents,
the API reference, the options of the commands, and links that lead out of `docs/`.

A page of the reference shows the modules of a package by their docstrings. A link to a source file leads
there, so that the same Markdown reads well in the repository and on the site.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("lamp_core", "tasks", "flows")
DOCUMENTS = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}
"""Documents beside `docs/`, and the pages that they are on the site."""
REFERENCE = "reference"
COMMANDS = "commands/"
WALK, WALKS = "a person walks forward", REPOSITORY / "docs" / "pictures" / "walks.npy"
"""A text, and the joints of motions of it that `make pictures` has generated."""
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s:]+)(#[\w-]+)?\)")
CODE_BLOCK = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand nowhere in `docs/`, and the player of the motions that do."""
    files.append(File.generated(config, "pictures/walks.html", content=walks_page()))
    for document, page in DOCUMENTS.items():
        files.append(File.generated(config, page, abs_src_path=str(REPOSITORY / document)))
    for package in packages():
        files.append(File.generated(config, reference_page(package), content=reference(package)))
    index = "\n".join(f"- [{name}]({name}.md): {docstring(name)}" for name in packages())
    files.append(File.generated(config, f"{REFERENCE}/index.md", content=f"# Reference\n\n{index}\n"))
    return files


def walks_page() -> str:
    """Motions of a text side by side, as `lamp generate -o walks.html` writes them."""
    from lamp_core.skeleton.skeleton import load_skeleton
    from lamp_core.viz.player import PlayerMotion, player_page

    skeleton = load_skeleton("smpl22")
    motions = np.load(WALKS)
    shown = [PlayerMotion(joints_TJ3, skeleton, skeleton.frames_per_second) for joints_TJ3 in motions]
    return player_page(shown, title=WALK)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where they are on the site, and append a command's options to its page."""
    source = page.file.src_uri
    if source.startswith(COMMANDS):
        markdown = f"{markdown.rstrip()}\n\n{options(source.removeprefix(COMMANDS).removesuffix('.md'))}"
    if source.startswith(f"{REFERENCE}/"):
        return markdown
    folder = "" if source in DOCUMENTS.values() else posixpath.join("docs", posixpath.dirname(source))

    def lead(match: re.Match[str]) -> str:
        text, target, anchor = match.groups(default="")
        return link(text, posixpath.normpath(posixpath.join(folder, target)), anchor, source)

    parts = CODE_BLOCK.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(lead, part) for part in parts)


def link(text: str, target: str, anchor: str, source: str) -> str:
    """A link to a path of the repository as the page ``source`` of the site has it; its text without one."""
    place = page_of(target)
    if place is None:
        return text if text.startswith("`") or " " in text else f"`{text}`"
    path, own_anchor = place
    return f"[{text}]({posixpath.relpath(path, posixpath.dirname(source) or '.')}{anchor or own_anchor})"


def page_of(target: str) -> tuple[str, str] | None:
    """The page of the site that shows a path of the repository, and the place on it."""
    if target in DOCUMENTS:
        return DOCUMENTS[target], ""
    if target.startswith("docs/") and not target.endswith(".py") and (REPOSITORY / target).is_file():
        return target.removeprefix("docs/"), ""
    if target == "docs/sources":
        return "data.md", ""
    package, _, module = target.removesuffix(".py").replace("/", ".").rpartition(".")
    if target.endswith(".py") and package in packages():
        return reference_page(package), f"#{package}.{module}"
    name = target.replace("/", ".")
    return (reference_page(name), "") if name in packages() else None


def packages() -> list[str]:
    """Names of all packages of the project, each before its own packages."""
    found = (init.parent for top in PACKAGES for init in (REPOSITORY / top).rglob("__init__.py"))
    return sorted(folder.relative_to(REPOSITORY).as_posix().replace("/", ".") for folder in found)


def modules(package: str) -> Iterator[str]:
    """Names of a package's modules."""
    for path in sorted((REPOSITORY / package.replace(".", "/")).glob("*.py")):
        if path.stem not in {"__init__", "__main__"}:
            yield f"{package}.{path.stem}"


def reference_page(package: str) -> str:
    """The page of a package's reference."""
    return f"{REFERENCE}/{package}.md"


def reference(package: str) -> str:
    """The text of a package's page."""
    shown = "\n\n".join(f"::: {module}" for module in modules(package))
    return f"# {package}\n\n{docstring(package)}\n\n{shown}\n"


def docstring(package: str) -> str:
    """What a package says of itself."""
    text = (REPOSITORY / package.replace(".", "/") / "__init__.py").read_text()
    return " ".join((ast.get_docstring(ast.parse(text)) or "").split())


def options(name: str) -> str:
    """Usage, arguments and options of a command, and of each of its subcommands, as ``--help`` has them."""
    from flows.lazy_commands import BY_NAME, loaded

    return "\n".join(_described(loaded(BY_NAME[name]), f"lamp {name}"))


def _described(command: Any, called: str) -> Iterator[str]:
    """A command's part of its page, and those of its subcommands."""
    below = getattr(command, "commands", {})
    parameters = [
        parameter
        for parameter in command.params
        if not getattr(parameter, "hidden", False) and parameter.name != "help"
    ]
    arguments = [_value(parameter) for parameter in parameters if _is_argument(parameter)]
    heading = "Options" if called.count(" ") == 1 else called
    yield f"## {heading}\n\n{command.help or ''}\n"
    yield f"    {' '.join([called, '[OPTIONS]', *arguments, *(['COMMAND ...'] if below else [])])}\n"
    if parameters:
        yield "| option | value | what |\n|---|---|---|"
        yield from (f"| {' | '.join(_row(parameter))} |" for parameter in parameters)
        yield ""
    for name, inner in below.items():
        yield from _described(inner, f"{called} {name}")


def _row(parameter: Any) -> tuple[str, str, str]:
    """Its flags, its value, and its line of help with the default."""
    said = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    if _is_argument(parameter):
        return f"`{_value(parameter)}`", "", said
    flags = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
    if getattr(parameter, "is_flag", False):
        return flags, "", said
    default = parameter.default
    if default not in (None, "", (), []) and not callable(default):
        said += f" Default: {default}."
    return flags, f"`{_value(parameter)}`", said


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())
