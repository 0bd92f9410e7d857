"""Prompt files as values of parameters: a wording is a file, and what is there may be named."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

TEMPLATES = Path(__file__).parents[1] / "motion_language" / "templates"


def template_names() -> list[str]:
    """Names of the prompt files."""
    return sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


def no_such_prompts(name: str) -> str:
    """What is said of a name that no prompt file has."""
    return f"there is no prompt file '{name}'; known: {', '.join(template_names())}"


def _known(name: str) -> str:
    if name not in template_names():
        raise ValueError(no_such_prompts(name))
    return name


PromptFile = Annotated[str, AfterValidator(_known)]
"""Name of a prompt file that is there."""
