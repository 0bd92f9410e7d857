"""Sections of captioning: the causal language model, and LaMP-M2T that adapts it."""

from typing import Annotated, Literal

from pydantic import Field

from lamp_core.config.base import Count, Fraction, Optimisation, Positive, Section


class LanguageModel(Section):
    """Causal language model that LaMP-M2T adapts: a small OPT trained here on captions, or any other."""

    checkpoint: str = Field(
        "facebook/opt-2.7b",
        description="`from-scratch` (small OPT, trained here on the train split's captions), or the name "
        "or folder of any causal language model (paper: facebook/opt-2.7b)",
    )
    layers: Count = Field(4, description="layers of the OPT from scratch")
    hidden_dim: Count = Field(256, description="width of the OPT from scratch")
    heads: Count = Field(4, description="attention heads of the OPT from scratch")
    feed_forward_dim: Count = Field(1024, description="feed-forward width of the OPT from scratch")
    vocabulary_size: Annotated[int, Field(ge=64)] = Field(
        4000, description="most word pieces of its vocabulary"
    )
    max_positions: Count = Field(160, description="most word pieces of a sequence of the OPT from scratch")
    dropout: Fraction = Field(0.1, description="in the OPT from scratch, also while it is adapted")
    texts: tuple[str, ...] = Field(
        (),
        description="folders of further captions for the OPT from scratch, in the form of HumanML3D "
        "(texts/*.txt) or KIT-ML (annotations.json); only the ids of train.txt where there is one",
    )
    texts_held_out: Fraction = Field(
        0.0,
        description="share of their sentences, chosen by hash, that nothing trains on; this stage, alignment "
        "and instruction measure how well they are known",
    )
    texts_hash: str = Field("", description="of those folders; `lamp run` and `lamp experiment` write it")
    training: Optimisation = Optimisation(
        steps=20_000,
        batch_size=64,
        learning_rate=5e-4,
        final_learning_rate=1e-5,
        beta_2=0.98,
        warmup_steps=500,
        validate_every=1000,
    )


class CaptionSearch(Section):
    """How a caption is searched for."""

    kind: Literal["beam", "nucleus"] = Field("beam", description="likeliest of a few beams, or drawn")
    beams: Count = Field(5, description="hypotheses kept a step (beam)")
    length_penalty: float = Field(
        1.0, description="log probability is divided by the length to this power (beam)"
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="share of the likeliest words that is drawn from (nucleus)"
    )
    temperature: Positive = Field(1.0, description="of the distribution that is drawn from (nucleus)")


class MotionToText(Section):
    """LaMP-M2T: queries as soft tokens before the prompt of a language model with LoRA (section 3.4)."""

    prompt: str = Field(
        "A short description of the motion:",
        description="stands between the motion's soft tokens and the caption, in training and inference",
    )
    lora_rank: Count = Field(16, description="of LoRA")
    lora_alpha: Positive = Field(32.0, description="LoRA's update is scaled by lora_alpha / lora_rank")
    lora_dropout: Fraction = Field(0.05, description="in front of LoRA's matrices")
    target_modules: tuple[str, ...] = Field(
        (), description="layers that LoRA adapts; empty: the attention projections of the model"
    )
    train_motion_transformer: bool = Field(
        True, description="LaMP's motion transformer is trained along (paper), or stays frozen"
    )
    motion_learning_rate: Positive = Field(
        1.0,
        description="of the motion transformer where it is trained along, as a share of the learning rate "
        "(0.1: a tenth of it at every step)",
    )
    reads: Literal["queries", "queries_and_latents"] = Field(
        "queries",
        description="what the soft tokens are made of: LaMP's query states (paper), or these and then the "
        "tokenizer's latents",
    )
    latents_together: Count = Field(
        1,
        description="neighbouring motion tokens whose latents are one soft token (queries_and_latents)",
    )
    max_text_tokens: Annotated[int, Field(ge=2)] = Field(
        64, description="word pieces of a caption, its end included; longer ones are cut"
    )
    label_smoothing: Fraction = Field(0.0, description="of the loss")
    bucket_batches: Count = Field(
        16, description="batches whose captions are sorted by length together; 1: batches of any lengths"
    )
    gradient_checkpointing: bool = Field(
        False, description="states are computed twice instead of kept: less memory, more time"
    )
    quantise: Literal["none", "8bit", "4bit"] = Field(
        "none", description="of the language model's weights; on a CUDA device, with the extra quantised"
    )
    search: CaptionSearch = CaptionSearch()
    training: Optimisation = Optimisation(
        steps=30_000,
        batch_size=32,
        learning_rate=1e-4,
        final_learning_rate=1e-6,
        beta_2=0.999,
        weight_decay=0.05,
        validate_every=2000,
    )
