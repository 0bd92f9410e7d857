"""Section of the residual transformer."""

from pydantic import Field

from lamp_core.config.base import ConditionedTransformer, Fraction, NonNegative, Optimisation


class Residual(ConditionedTransformer):
    """Residual transformer: the further layers of a residual tokenizer (MoMask, section 3.3)."""

    condition_dropout: Fraction = Field(0.2, description="share of items trained without their text")
    guidance: NonNegative = Field(2.0, description="scale s of l = u + s (c - u)")
    temperature: NonNegative = Field(1.0, description="of sampling; 0 always takes the likeliest code")
    top_k_fraction: Fraction = Field(
        0.1, description="share of the codebook that is drawn from, the likeliest codes; at least one code"
    )
    training: Optimisation = Optimisation(
        steps=150_000,
        batch_size=64,
        learning_rate=2e-4,
        schedule="constant",
        weight_decay=0.01,
        validate_every=3000,
    )
