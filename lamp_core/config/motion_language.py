"""Sections of the motion language model: alignment of motion and text, and instruction tuning."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lamp_core.config.base import Count, Fraction, NonNegative, Optimisation, Positive, Section
from lamp_core.config.captioning import CaptionSearch
from lamp_core.config.prompt_files import PromptFile


class LanguageTuning(Section):
    """How a language model is tuned: LoRA and the words of motion, or all of it."""

    tuning: Literal["lora", "full"] = Field(
        "lora", description="LoRA and the rows of the words of motion, or every weight"
    )
    lora_rank: Count = Field(32, description="of LoRA")
    lora_alpha: Positive = Field(16.0, description="LoRA's update is scaled by lora_alpha / lora_rank")
    lora_dropout: Fraction = Field(0.05, description="in front of LoRA's matrices")
    target_modules: tuple[str, ...] = Field(
        (), description="layers that LoRA adapts; empty: every linear layer but the output"
    )
    loss_on: Literal["answer", "all"] = Field(
        "answer", description="words that are predicted: those of the answer, or the instruction's too"
    )
    bucket_batches: Count = Field(
        16, description="batches whose sequences are sorted by length together; 1: batches of any lengths"
    )
    gradient_checkpointing: bool = Field(
        False, description="states are computed twice instead of kept: less memory, more time"
    )
    decoded: int = Field(
        32, ge=0, description="items of the val split that a validation decodes for each task"
    )


class Mixture(Section):
    """Weights, not all of them 0."""

    @model_validator(mode="after")
    def _draws_something(self) -> "Mixture":
        if not any(self.model_dump().values()):
            raise ValueError("every weight is 0; nothing is left to train on")
        return self


class AlignmentMixture(Mixture):
    """How often the alignment draws what, as weights."""

    text_to_motion: NonNegative = Field(1.0, description="a caption and its motion")
    motion_to_text: NonNegative = Field(1.0, description="a motion and its caption")
    motion: NonNegative = Field(0.5, description="a motion alone")
    text: NonNegative = Field(0.5, description="a sentence alone, so that the model keeps its language")


class Alignment(LanguageTuning):
    """Alignment of motion and text in one language model (MotionGPT-2, stage 2)."""

    layout: Literal["auto", "interleaved", "blocks"] = Field(
        "auto",
        description="channels of a motion token side by side, or one block a channel; auto: blocks for body "
        "parts",
    )
    residual_layers: Count = Field(
        1, description="leading layers of a residual tokenizer that a motion says; other kinds say all"
    )
    length_every: int = Field(
        0,
        ge=0,
        description="motion tokens behind which a motion says again how many are still to come; 0: at its "
        "beginning alone (paper: nowhere)",
    )
    max_frames: Annotated[int, Field(ge=4, multiple_of=4)] = Field(
        196, description="frames of the longest motion; longer ones are cut"
    )
    max_text_tokens: Annotated[int, Field(ge=2)] = Field(
        64, description="word pieces of a caption, its end included; longer ones are cut"
    )
    mixture: AlignmentMixture = AlignmentMixture()
    training: Optimisation = Optimisation(
        steps=100_000,
        batch_size=32,
        learning_rate=2e-4,
        final_learning_rate=1e-6,
        beta_2=0.999,
        weight_decay=0.01,
        validate_every=2000,
    )


class TaskMixture(Mixture):
    """How often the instruction tuning draws each task, as weights."""

    text_to_motion: NonNegative = Field(1.0, description="a motion of a caption")
    initial_pose: NonNegative = Field(0.5, description="a motion of a caption and its first pose")
    last_pose: NonNegative = Field(0.5, description="a motion of a caption and its last pose")
    key_poses: NonNegative = Field(0.5, description="a motion of a caption and some of its poses")
    captioning: NonNegative = Field(1.0, description="a caption of a motion")
    prediction: NonNegative = Field(0.5, description="a motion of its beginning")
    in_betweening: NonNegative = Field(0.5, description="a motion of about half of it")


class Instruction(LanguageTuning):
    """Instruction tuning of the aligned model (MotionGPT-2, stage 3)."""

    prompts: PromptFile = Field(
        "V0",
        description="prompt file, any of lamp_core/motion_language/templates: V0 is the paper's, V1 and V2 "
        "its two others, short has few words for a small language model",
    )
    tasks: TaskMixture = TaskMixture()
    predicted_from: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="share of a motion that a prediction goes on from"
    )
    masked_between: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="share of a motion that in-betweening fills in"
    )
    key_poses: Count = Field(3, description="most poses of the task key_poses")
    force_poses: bool = Field(
        False, description="given poses stand in an answer whatever the model says, or as it says them"
    )
    pose_draws: Count = Field(
        1, description="answers that are drawn where poses are given; that is taken which leads to them best"
    )
    reads_caption_back: bool = Field(
        False,
        description="of answers to a caption and poses, how likely each makes the caption counts too",
    )
    text_draws: Count = Field(
        1, description="answers that are drawn to a caption; that is taken of which the caption is likeliest"
    )
    completion_draws: Count = Field(
        1,
        description="answers that are drawn where motion is given behind a gap; that is taken which leads to "
        "it best",
    )
    temperature: NonNegative = Field(1.0, description="of motions that are drawn; 0: the likeliest codes")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="share of the likeliest codes that is drawn from"
    )
    guidance: NonNegative = Field(
        1.0, description="s of u + s (c - u), logits with and without the text; 1: as the text says (paper)"
    )
    search: CaptionSearch = CaptionSearch()
    training: Optimisation = Optimisation(
        steps=50_000,
        batch_size=32,
        learning_rate=1e-4,
        final_learning_rate=1e-6,
        beta_2=0.999,
        weight_decay=0.01,
        validate_every=2000,
    )
