"""The package as a stranger installs it: the library alone in a bare environment, and what its files say."""

import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Collection
from importlib.metadata import Distribution, distribution
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.workspace import REPOSITORY

PACKAGED = ("flows", "tasks", "lamp_core")
NOT_INSTALLED = {"spacy", "quantised"}
"""Extras that the environment leaves out: constraints.txt does not pin them."""
IMPORT_EVERYTHING = """
import importlib, pkgutil
import lamp_core
for name in ("prefect", "dvc", "mlflow"):
    assert importlib.util.find_spec(name) is None, name
for module in pkgutil.walk_packages(lamp_core.__path__, "lamp_core."):
    importlib.import_module(module.name)
print(lamp_core.__file__)
"""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return dict(tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left in the project."""
    copy, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGED:
        copytree(REPOSITORY / name, copy / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).write_bytes((REPOSITORY / name).read_bytes())
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(made)!r})"
    run(sys.executable, "-c", build, cwd=copy)
    return next(made.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin`` of an environment that holds the wheel and what it requires without an extra, and nothing else.

    Pip installs the wheel there without a package index, so a requirement that were not met would fail it.
    """
    root = tmp_path_factory.mktemp("bare")
    venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
    packages = root / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for found in required_by(wheel).values():
        link_into(packages, found)
    pip = (sys.executable, "-m", "pip", "--isolated", "--python", root / "bin" / "python")
    run(*pip, "install", "--quiet", "--no-index", "--no-compile", wheel)
    return root / "bin"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def wanted_by(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        file = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(file).decode().splitlines()
    key = "Requires-Dist: "
    return [Requirement(line.removeprefix(key)) for line in lines if line.startswith(key)]


def required_by(wheel: Path) -> dict[str, Distribution]:
    """The distributions of this environment that a wheel requires without an extra, by name, to the last."""
    waiting = [
        each for each in wanted_by(wheel) if each.marker is None or each.marker.evaluate({"extra": ""})
    ]
    found: dict[str, Distribution] = {}
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        found[name] = distribution(name)
        for line in found[name].requires or []:
            further = Requirement(line)
            extras = {"", *requirement.extras}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return found


def link_into(packages: Path, found: Distribution) -> None:
    """Let an environment see an installed distribution."""
    for top in {file.parts[0] for file in found.files or [] if file.parts[0] not in {"..", "__pycache__"}}:
        target = packages / top
        if not target.exists():
            target.symlink_to(Path(str(found.locate_file(top))).resolve())


def named_by(project: dict[str, Any], without: Collection[str] = ()) -> list[Requirement]:
    """What the library and its extras ask for."""
    extras = project["optional-dependencies"]
    lines = [line for name in extras.keys() - without for line in extras[name]]
    return [Requirement(line) for line in (*project["dependencies"], *lines)]


def pins() -> dict[str, str]:
    """Version of every package that constraints.txt pins."""
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if "==" in line]
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_wheel_holds_every_file_of_the_library(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "lamp_core").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - held == set()
    assert "lamp_core/py.typed" in held
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in held)
    assert {name.partition("/")[0] for name in held if ".dist-info/" not in name} == set(PACKAGED)


def test_the_library_alone_imports_to_its_last_module(bare: Path, tmp_path: Path) -> None:
    assert "site-packages" in run(bare / "python", "-c", IMPORT_EVERYTHING, cwd=tmp_path)


def test_the_library_alone_runs_an_example(bare: Path, tmp_path: Path) -> None:
    printed = run(bare / "python", REPOSITORY / "examples" / "features_of_a_clip.py", cwd=tmp_path)
    assert re.search(r"features \(\d+, 263\)", printed)


def test_the_command_of_the_library_alone_says_which_extra_it_wants(bare: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [bare / "lamp", "status"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    wanted = r"error: lamp needs ([\w., -]+): pip install 'lamp-motion\[pipeline\]'\n"
    assert {"prefect", "dvc", "mlflow"} <= set(re.fullmatch(wanted, ended.stderr)[1].split(", "))


def test_every_package_that_is_named_is_pinned(project: dict[str, Any]) -> None:
    named = {canonicalize_name(each.name) for each in named_by(project, without=NOT_INSTALLED)}
    assert named - pins().keys() == set()


def test_the_pins_meet_what_is_asked_for(project: dict[str, Any]) -> None:
    pinned = pins()
    unmet = [
        f"{wanted} but {pinned[name]}"
        for wanted in named_by(project)
        if (name := canonicalize_name(wanted.name)) in pinned and pinned[name] not in wanted.specifier
    ]
    assert unmet == []


def test_the_pythons_are_the_same_everywhere(project: dict[str, Any]) -> None:
    versions = [each for line in project["classifiers"] for each in re.findall(r"Python :: (3\.\d+)", line)]
    makefile = (REPOSITORY / "Makefile").read_text()
    assert re.search(r"^PYTHONS \?= (.+)$", makefile, flags=re.MULTILINE)[1].split() == versions
    assert project["requires-python"] == f">={versions[0]}"


def test_the_citation_is_of_this_version(project: dict[str, Any]) -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert all(reference["title"] and reference["authors"] for reference in citation["references"])
    changes = (REPOSITORY / "CHANGELOG.md").read_text()
    assert f"## {project['version']}" in changes


def test_the_hooks_are_the_environments_own_tools() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    checks = re.findall(r"^\t\$\(BIN\)/(.+)$", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE)
    tools = {hook["entry"].split()[0] for hook in hooks[0]["hooks"] if hook["entry"].startswith(".venv/")}
    assert tools == {f".venv/bin/{tool}" for tool in ("ruff", "mypy", "lint-imports")}
    assert {Path(tool).name for tool in tools} <= {check.split()[0] for check in checks}
