"""Write what follows from the catalogue: ``dvc.yaml``, the workers' deployments, the README's table.

By hand, after a change of the catalogue or of a stage's imports: ``python -m tasks.stages.generate``; it says
which files it wrote. A test asks that none of them differs from what this would write.
"""

import re
import sys
from pathlib import Path

from tasks.project import GRAPH_FILE, find_project
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.closure import Closures
from tasks.stages.declaration import Catalogue, Stage

DEPLOYMENTS, README = "flows/prefect.yaml", "README.md"
HAND_MADE = re.compile(r"(?s)^.*?# -- the stages, generated .*?\n")
TABLE = re.compile(r"(?m)^\| stage \| reads \|.*\n(?:\|.*\n)+")
GRAPH_HEAD = """\
# The graph of the stages: what each runs, reads and writes. `lamp run` and `dvc repro` both go by it.
# Every output is kept in DVC's cache, so that going back to other parameters computes nothing twice.
# Written by `python -m tasks.stages.generate` from tasks/stages/catalogue.py; edit that.

stages:
"""


def main() -> None:
    """Write the files that differ."""
    root = find_project().root
    for name, text in generated(root, CATALOGUE).items():
        path = root / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"{name} written", file=sys.stderr)


def generated(root: Path, catalogue: Catalogue) -> dict[str, str]:
    """Text of every generated file, by its name.

    Args:
        root: of the project.
        catalogue: of its stages.
    """
    return {
        GRAPH_FILE: graph_text(Closures(root), catalogue),
        DEPLOYMENTS: _deployments((root / DEPLOYMENTS).read_text(), catalogue),
        README: TABLE.sub(_table(catalogue), (root / README).read_text()),
    }


def graph_text(closures: Closures, catalogue: Catalogue) -> str:
    """The text of ``dvc.yaml``."""
    described = (_described(stage, closures, catalogue) for stage in catalogue.stages.values())
    return GRAPH_HEAD + "\n".join(described)


def _described(stage: Stage, closures: Closures, catalogue: Catalogue) -> str:
    """A stage's entry in ``dvc.yaml``, which also says to which systems the stage belongs."""
    reads = [f"data/{catalogue.folder(name)}" for name in (*stage.reads, *stage.shows)]
    reads += [f"data/${{{key}}}" for key in stage.chooses]
    reads += [f"${{{key}}}" for key in stage.chooses_code]
    lists = {
        "deps": [*stage.files, *reads, *closures.files(stage.module)],
        "params": [stage.section, *stage.params],
        "outs": [f"data/{stage.folder}"],
        "metrics": [f"data/metrics/{stage.name}.json"],
    }
    lines = [f"  {stage.name}:  # {stage.makes}", f"    cmd: {stage.command}"]
    for key, values in lists.items():
        lines += [f"    {key}:", *(f"      - {value}" for value in values)]
    lines.append("    meta:")
    systems = catalogue.systems_of(stage.name)
    if not systems:
        lines.append("      is_chosen: true  # by a parameter, for no system otherwise")
    for key, names in {"systems": systems, "shows": stage.shows}.items():
        lines += [f"      {key}:", *(f"        - {name}" for name in names)] if names else []
    return "\n".join(lines) + "\n"


def _deployments(present: str, catalogue: Catalogue) -> str:
    """``flows/prefect.yaml``: its head as it stands, then a deployment a stage."""
    head = HAND_MADE.match(present)
    assert head is not None, f"{DEPLOYMENTS} has no line '# -- the stages, generated'"
    return head[0] + "".join(map(_deployment, catalogue.stages.values()))


def _deployment(stage: Stage) -> str:
    return (
        f"  - name: {stage.name}\n"
        f'    description: "{stage.makes.replace("`", "")}"\n'
        "    entrypoint: flows/workers/stage.py:stage\n"
        "    tags: [lamp]\n"
        f"    parameters: {{name: {stage.name}}}\n"
        f"    work_pool: {{name: {stage.pool}}}\n"
    )


def _table(catalogue: Catalogue) -> str:
    """The README's table of the stages."""
    rows = ["| stage | reads | writes to `data/<stage>/` |", "|---|---|---|"]
    for stage in catalogue.stages.values():
        reads = ", ".join((*stage.reads, *stage.shows)) or "a registered source"
        rows.append(f"| `{stage.name}` | {reads} | {stage.makes} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
