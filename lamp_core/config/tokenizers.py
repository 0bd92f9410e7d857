"""Sections of the motion tokenizers: that of LaMP, and that of the large motion model."""

from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lamp_core.config.base import Count, Fraction, NonNegative, Optimisation, Positive, Section

WindowFrames = Annotated[int, Field(ge=4, multiple_of=4)]
Level = Annotated[int, Field(ge=2)]
FSQ_LEVELS = {
    2**8: (8, 6, 5),
    2**10: (8, 5, 5, 5),
    2**12: (7, 5, 5, 5, 5),
    2**14: (8, 8, 8, 6, 5),
    2**16: (8, 8, 8, 5, 5, 5),
}
"""Levels that come near a codebook size (Mentzer et al. 2023, Table 1)."""


class ConvolutionalSizes(Section):
    """What the convolutional tokenizers of all kinds share."""

    kind: str
    hidden_dim: Count = Field(512, description="channels of the convolutions")
    code_dim: Count = Field(512, description="numbers a code")
    codebook_size: Annotated[int, Field(ge=2, le=65536)] = Field(512, description="codes in a codebook")
    quantiser_layers: Count = Field(6, description="codebooks of kind rvq")
    quantiser_dropout: Fraction = Field(
        0.2, description="kind rvq: share of training batches that use the first n layers only, n uniform"
    )
    residual_depth: Count = Field(3, description="layers of a residual block")
    dilation_growth: Count = Field(3, description="dilation of layer i is growth ** i")
    ema_decay: Fraction = Field(0.99, description="of the codebook")
    reset_threshold: NonNegative = Field(
        1.0, description="codes with a smaller EMA count are replaced; not looked at where reset_share is set"
    )
    reset_share: Fraction = Field(
        0.0, description="codes whose EMA count is under this share of the mean count are replaced; 0: none"
    )
    auxiliary: Literal["velocity", "positions"] = Field(
        "velocity",
        description="second loss: differences in time of local positions (paper), or positions (public code)",
    )
    auxiliary_weight: NonNegative = Field(0.5, description="of the second loss")
    commitment_weight: NonNegative = Field(0.02, description="of the commitment loss")
    contact_weight: NonNegative = Field(
        0.0,
        description="of the loss on the steps of decoded feet where the true ones are in contact; 0: none",
    )
    heading_weight: NonNegative = Field(
        0.0, description="of the loss on the heading that a window decodes to, 1 - cosine; 0: none"
    )
    clip_start_share: Fraction = Field(
        0.0,
        description="share of training windows that begin with their clip, beside those that do by chance",
    )

    @property
    def decoded_weights(self) -> dict[str, float]:
        """Weights of the losses on what a window decodes to, by name; those that have one."""
        weights = {"contact": self.contact_weight, "heading": self.heading_weight}
        return {name: weight for name, weight in weights.items() if weight}


class Tokenizer(ConvolutionalSizes):
    """VQ-VAE, or its residual kind (LaMP, appendix A.3.1)."""

    kind: Literal["vqvae", "rvq", "part-aware"] = Field(
        "vqvae",
        description="one codebook (LaMP), residual codebooks whose first gives the motion tokens, or one of "
        "the body and one of the hands (MotionGPT-2)",
    )
    filled_by: Literal["tokenizer", "residual"] = Field(
        "tokenizer",
        description="stage whose model fills the further layers of kind rvq; follows from the kind",
    )
    window_frames: WindowFrames = Field(64, description="frames of a training window")
    training: Optimisation = Optimisation(
        steps=200_000, batch_size=256, learning_rate=2e-4, weight_decay=0.0, schedule="constant"
    )

    @model_validator(mode="before")
    @classmethod
    def _is_filled_as_the_kind_asks(cls, values: dict[str, Any]) -> dict[str, Any]:
        layers = values.get("quantiser_layers", cls.model_fields["quantiser_layers"].default)
        has_further = values.get("kind") == "rvq" and layers != 1
        return {**values, "filled_by": "residual" if has_further else "tokenizer"}


class GridTokenizer(ConvolutionalSizes):
    """Look-up-free tokenizer on a grid of time by parts (large motion model, 4.2), or a kind beside it."""

    kind: Literal["lfq2d", "lfq", "fsq", "vqvae", "rvq", "part-aware"] = Field(
        "lfq2d",
        description="signs of each part (paper), of the whole frame, finite scalars, or codebooks as LaMP "
        "or, with hands, as MotionGPT-2",
    )
    code_dim: Count = Field(512, description="kinds vqvae and rvq: numbers a code")
    codebook_size: Annotated[int, Field(ge=2, le=65536)] = Field(
        2**14, description="codes a channel; kinds lfq2d and lfq: a power of two, paper 2^8 to 2^16"
    )
    hidden_dim: Count = Field(512, description="channels of the convolutions; of lfq2d: part_dim a part")
    commitment_weight: NonNegative = Field(
        0.25, description="of the commitment loss; kind fsq has none, kinds vqvae and rvq as LaMP: 0.02"
    )
    division: Literal["groups", "body"] = Field(
        "groups",
        description="kind lfq2d: parts are root, positions, rotations, velocities, contacts; or root, torso, "
        "each arm, leg and (52 joints) hand",
    )
    part_dim: Count = Field(320, description="kind lfq2d: channels of each part's convolutions")
    exchange: bool = Field(
        True,
        description="kind lfq2d: parts read each other; without it a part's codes and numbers are its alone",
    )
    entropy_weight: NonNegative = Field(
        0.1, description="kinds lfq2d and lfq: of the mean entropy of a code less the entropy of all codes"
    )
    inverse_temperature: Positive = Field(
        100.0, description="kinds lfq2d and lfq: of the codes' probabilities in that penalty"
    )
    entropy_bits: Annotated[int, Field(ge=1, le=16)] = Field(
        12,
        description="kinds lfq2d and lfq: codes of more bits are split in groups for that penalty; N latents "
        "that are sure of their codes (640 in profile quick) have at most log N of entropy, by any bits",
    )
    levels: tuple[Level, ...] = Field(
        (), description="kind fsq: levels of each number; empty: those of Mentzer et al. near codebook_size"
    )
    window_frames: WindowFrames = Field(64, description="frames of a training window")
    training: Optimisation = Optimisation(
        steps=300_000, batch_size=256, learning_rate=1e-4, weight_decay=0.0, schedule="constant"
    )

    @model_validator(mode="after")
    def _has_codes(self) -> "GridTokenizer":
        if self.kind in ("lfq2d", "lfq") and self.codebook_size.bit_count() != 1:
            raise ValueError(
                f"codebook_size {self.codebook_size} is no power of two; kind {self.kind} needs one"
            )
        if self.kind == "fsq" and not self.levels and self.codebook_size not in FSQ_LEVELS:
            known = ", ".join(map(str, FSQ_LEVELS))
            raise ValueError(f"kind fsq: set levels, or codebook_size to one of {known}")
        if prod(self.levels) > 2**16:
            raise ValueError(
                f"levels {list(self.levels)} make {prod(self.levels)} codes; at most 65536 are kept"
            )
        return self

    @property
    def bits(self) -> int:
        """Numbers of a look-up-free code, d: each is a bit."""
        return self.codebook_size.bit_length() - 1

    @property
    def levels_used(self) -> tuple[int, ...]:
        """Levels of each number of a finite scalar code."""
        return self.levels or FSQ_LEVELS[self.codebook_size]
