"""The code that a stage computes with: all that its module imports, near or far, and their data files.

Left out are three kinds of modules, whose change does not change what a stage computes:

- ``lamp_core.config``: DVC tracks the values of the parameters themselves, key by key.
- ``lamp_core.errors``: the text of an error is no output.
- ``tasks`` outside of ``tasks.stages``: the process around a stage decides where and when it runs and where
  its output goes. What a stage takes from the catalogue stands in ``dvc.yaml`` (command, inputs, parameters),
  so the catalogue is left out as well: naming a new stage makes no other stale.

Imports inside a function count; those for types alone (``if TYPE_CHECKING``) do not.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp

LIBRARY, STAGES = "lamp_core", "tasks.stages"
NO_INPUT = (
    "lamp_core.config",
    "lamp_core.errors",
    "tasks.stages.catalogue",
    "tasks.stages.declaration",
)
DATA_OF_MODULE = {
    "lamp_core.datasets.preprocessing.tagging": ("lamp_core/datasets/preprocessing/tag_words.yaml",),
    "lamp_core.evaluators.guo_words": ("lamp_core/evaluators/word_groups.yaml",),
    "lamp_core.exports.robot_map": ("lamp_core/exports/robots",),
    "lamp_core.lexical.words": ("lamp_core/lexical/stop_words.yaml",),
    "lamp_core.motion_language.prompts": ("lamp_core/motion_language/templates",),
    "lamp_core.page.files": ("lamp_core/page/static",),
    "lamp_core.report.published": ("lamp_core/report/published.yaml",),
    "lamp_core.skeleton.mapping": ("lamp_core/skeleton/maps",),
    "lamp_core.skeleton.skeleton": ("lamp_core/skeleton/tables",),
    "lamp_core.viz.templating": (
        "lamp_core/viz/templates",
        "lamp_core/viz/three",
        "lamp_core/report/templates",
    ),
}
"""Files of the package, or folders of them, that a module reads."""


class Closures:
    """The import graph of a project's code, asked stage by stage.

    Args:
        root: of the project; the packages are found as Python finds them.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._imports = grimp.build_graph(
            LIBRARY, "tasks", exclude_type_checking_imports=True, cache_dir=None
        )

    def modules(self, stage_module: str) -> set[str]:
        """Names of the modules that a module of ``tasks.stages`` computes with, its own among them."""
        found: set[str] = set()
        waiting = [f"{STAGES}.{stage_module}"]
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += filter(_counts, self._imports.find_modules_directly_imported_by(module))
        return found

    def files(self, stage_module: str) -> list[str]:
        """Files of those modules, and the data that they read, relative to the project, sorted."""
        modules = self.modules(stage_module)
        return sorted({*map(self._file, modules), *_data_of(modules)})

    def _file(self, module: str) -> str:
        path = Path(*module.split("."))
        file = path.with_suffix(".py")
        return str(file if (self._root / file).is_file() else path / "__init__.py")


def _counts(module: str) -> bool:
    inside = module.startswith((f"{LIBRARY}.", f"{STAGES}."))
    return inside and not any(module == name or module.startswith(f"{name}.") for name in NO_INPUT)


def _data_of(modules: Iterable[str]) -> Iterator[str]:
    for module in modules:
        yield from DATA_OF_MODULE.get(module, ())
