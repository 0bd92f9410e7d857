"""The Jinja2 templates and the plain files (CSS, JS) that they embed."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

LIBRARY = Path(__file__).parent.parent
TEMPLATES = (LIBRARY / "viz" / "templates", LIBRARY / "viz" / "three", LIBRARY / "report" / "templates")


def asset(name: str) -> str:
    """The text of a file in one of the folders `templates`, as it stands."""
    found = next(folder / name for folder in TEMPLATES if (folder / name).is_file())
    return found.read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_template(name: str, **values: Any) -> str:
    """Fill a template; every value is escaped unless it is `Markup`."""
    return _environment().get_template(name).render(**values)
