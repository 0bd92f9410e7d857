"""Prompts as versioned files: ``templates/NAME.yaml`` has a frame, and instruction and input of every task.

Their wording moves FID from 0.19 to 4.2 (MotionGPT-2, Table IX), so a file is never changed: another wording
is another file, and its hash stands beside the model.
"""

import hashlib
import re
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lamp_core.config.prompt_files import TEMPLATES, no_such_prompts, template_names
from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml
from lamp_core.motion_language.tasks import TASKS, Task

CAPTION, MOTION, PART = "{caption}", "{motion}", "{part}"
_SLOT = re.compile(r"(\{caption\}|\{motion\})")


class TaskPrompt(BaseModel):
    """What a task is asked with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: str = Field(min_length=1, description="what is to be done")
    input: str = Field(description="with {caption} and {motion} where those stand")


class Template(BaseModel):
    """A prompt file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: str = Field(description="with {instruction} and {input}; what follows it is the answer")
    tasks: dict[str, TaskPrompt] = Field(description="of every task")
    part: str = Field(
        "",
        description="what a part of the body does, with {part} and behind it {caption}; it stands behind the "
        "caption of the whole body, or in its place; empty: parts cannot be told of",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> "Template":
        if set(self.tasks) != set(TASKS):
            raise ValueError(f"its tasks are not {', '.join(TASKS)}")
        if not ("{instruction}" in self.frame and "{input}" in self.frame):
            raise ValueError("its frame lacks {instruction} or {input}")
        if self.part and not (PART in self.part.partition(CAPTION)[0] and self.part.count(CAPTION) == 1):
            raise ValueError("what it says of a part lacks {part}, or {caption} behind it")
        for name, prompt in self.tasks.items():
            wanted = {CAPTION: TASKS[name].reads_text, MOTION: TASKS[name].shows_motion}
            for slot, is_wanted in wanted.items():
                if (prompt.input.count(slot) == 1) is not is_wanted:
                    raise ValueError(f"the input of {name} {'lacks' if is_wanted else 'has'} {slot}")
        return self

    def parts(self, task: Task) -> list[str]:
        """The prompt of a task in parts: texts, and the slots for caption and motion.

        A space in front of a caption goes with it, as in running text.
        """
        prompt = self.tasks[task.name]
        whole = self.frame.replace("{instruction}", prompt.instruction).replace("{input}", prompt.input)
        return [part for part in _SLOT.split(whole) if part]

    def around_part(self, part: str) -> tuple[str, str]:
        """What stands before and behind the caption of a part; ``left_arm`` is told as left arm.

        Raises:
            LampError: the prompt file does not say how.
        """
        if not self.part:
            raise LampError("the prompt file has no words for parts; take one that ends in -parts")
        before, _, behind = self.part.replace(PART, spoken_part(part)).partition(CAPTION)
        return before, behind


def spoken_part(part: str) -> str:
    """The name of a part in a text: ``left_arm`` is left arm."""
    return part.replace("_", " ")


@lru_cache
def load_template(name: str) -> Template:
    """Read a prompt file.

    Args:
        name: of the file, without its ending.

    Raises:
        LampError: there is none, or it is no prompt file.
    """
    path = _place(name)
    try:
        return Template.model_validate(parse_yaml(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise LampError(f"{path} is no prompt file: {told}") from error


def template_hash(name: str) -> str:
    """SHA-256 of a prompt file's content.

    Raises:
        LampError: there is none.
    """
    return hashlib.sha256(_place(name).read_bytes()).hexdigest()


def _place(name: str) -> Path:
    path = TEMPLATES / f"{name}.yaml"
    if name not in template_names():
        raise LampError(no_such_prompts(name))
    return path
