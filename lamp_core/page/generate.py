"""Panel Generate: motions of a text."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from lamp_core.features.bones import Decoding
from lamp_core.inference import generate as api
from lamp_core.inference.prompts import familiarity
from lamp_core.inference.sampling import MOST_STEPS, STRONGEST, SamplingChange
from lamp_core.page.workshop import Answer, Workshop

MOST_MOTIONS = 12
LARGEST_SEED = 2**53 - 1
"""What JavaScript counts to."""

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Count = Annotated[int, Field(ge=1, le=MOST_MOTIONS)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Text = Annotated[str, Field(max_length=2000)]


class Request(BaseModel):
    """What every panel asks for in JSON; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampled(Request):
    """A model and how it draws; None is its own way."""

    model: str | None = None
    guidance: Annotated[float, Field(ge=0, le=STRONGEST)] | None = None
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None

    @property
    def sampling(self) -> SamplingChange:
        """As the library takes it."""
        return SamplingChange(self.guidance, self.steps)


class Making(Sampled):
    """How many motions are made, how long, and from which seed."""

    seconds: Seconds | None = None
    seed: Seed = 0
    count: Count = 1
    decode: Decoding = "bones"

    @property
    def how(self) -> dict[str, Any]:
        """As the functions of `lamp_core.inference.generate` take it."""
        return {
            "count": self.count,
            "seconds": self.seconds,
            "seed": self.seed,
            "model": self.model,
            "decoding": self.decode,
            "sampling": self.sampling,
        }


class GenerateRequest(Making):
    """As `lamp_core.inference.generate.generate`."""

    text: Text


def generate(workshop: Workshop, asked: GenerateRequest) -> Answer:
    """Motions of a text, with their tokens; a note where words of it are rare or unknown."""
    made = api.generate(workshop.data, asked.text, **asked.how)
    title = "variant" if asked.count > 1 else "generated"
    motions = workshop.keep_all(title, made.joints, made.features, asked.text)
    return {"motions": [motion.answer for motion in motions], "warning": warning_of(workshop, asked.text)}


def warning_of(workshop: Workshop, text: str) -> str:
    """What of a text the training captions hardly know; empty where all of it is known."""
    clips = workshop.clips
    train = [
        captions for captions, split in zip(clips.captions, clips.splits, strict=True) if split == "train"
    ]
    return familiarity(text, train).warning
