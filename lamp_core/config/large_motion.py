"""Section of the large motion model: one causal language model over text and motion, tuned as a whole."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lamp_core.config.base import Count, Fraction, NonNegative, Optimisation, Section
from lamp_core.config.motion_language import Mixture
from lamp_core.config.prompt_files import PromptFile


class DataKinds(Mixture):
    """How often each kind of clip is drawn, as weights: a kind has its weight however many clips it has."""

    real: NonNegative = Field(1.0, description="recorded clips")
    synthetic: NonNegative = Field(
        1.0, description="clips of a generator: of synthetic_sets, or with the label kind: synthetic"
    )
    static: NonNegative = Field(0.0, description="poses held for static_frames, with their clips' captions")


class PartCaptions(Section):
    """Captions of parts of the body in instructions (hierarchical descriptions of the paper, section 3)."""

    share: Fraction = Field(
        0.0, description="share of the examples that tell what parts do; above 0 prompts end in -parts"
    )
    alone: Fraction = Field(
        0.5, description="share of these that tell of parts alone, as an edit of a part does"
    )
    most: Count = Field(2, description="parts that one example tells of at most")

    @property
    def told(self) -> int:
        """Parts that an example tells of at most; 0 where none does."""
        return self.most if self.share else 0


class LargeMotion(Section):
    """Large motion model (Quo Vadis, Motion Generation?, sections 4.1 and C)."""

    start: Literal["pretrained", "scratch"] = Field(
        "pretrained", description="the language model as it is, or random weights (Table 9)"
    )
    layers: int = Field(
        0, ge=0, description="layers of a small OPT from scratch; 0: the shape of the language model"
    )
    hidden_dim: Count = Field(256, description="width of that OPT (layers above 0)")
    heads: Count = Field(4, description="attention heads of that OPT (layers above 0)")
    feed_forward_dim: Count = Field(1024, description="feed-forward width of that OPT (layers above 0)")
    words: Literal["appended", "least_used"] = Field(
        "appended",
        description="words of motion stand behind the vocabulary, or take the places of the words that the "
        "captions use least",
    )
    codes: Literal["shared", "by_channel"] = Field(
        "shared", description="a code is the same word in every channel (paper), or a word of its own in each"
    )
    length_every: int = Field(
        0,
        ge=0,
        description="motion tokens behind which a motion says again how many are still to come; 0: at its "
        "beginning alone (paper: nowhere)",
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="share of numbers that is left out in training, wherever the language model has a place "
        "for it; 0: as it has it itself, none from scratch with layers",
    )
    context: Annotated[int, Field(ge=8)] = Field(
        1024, description="words of a packed row, and of the longest sequence"
    )
    loss_on: Literal["motion", "all"] = Field(
        "all", description="words that are predicted: those of the motion, or the text's too (Table 10)"
    )
    prompts: PromptFile = Field("V0", description="prompt file, any of lamp_core/motion_language/templates")
    part_captions: PartCaptions = PartCaptions()
    max_frames: Annotated[int, Field(ge=4, multiple_of=4)] = Field(
        196, description="frames of the longest motion; longer ones are cut"
    )
    max_text_tokens: Annotated[int, Field(ge=2)] = Field(
        64, description="word pieces of a caption, its end included; longer ones are cut"
    )
    shards: str = Field(
        "",
        description="folder of shards that are trained on (`lamp data shard`), below the project; empty: the "
        "train split of the data set",
    )
    shards_hash: str = Field(
        "", description="of that folder's shards.json; `lamp run` and `lamp experiment` write it"
    )
    with_train_split: bool = Field(
        False,
        description="clips of the train split, and static poses of them, are trained on beside the shards by "
        "the weights of data; a kind that the shards have comes from them alone",
    )
    open_shards: Annotated[int, Field(ge=2, multiple_of=2)] = Field(
        8, description="shards of a kind in memory: half of them are mixed while the others are read"
    )
    data: DataKinds = DataKinds()
    synthetic_sets: tuple[str, ...] = Field(
        ("procedural", "procedural-hands"), description="data sets of which every clip is synthetic"
    )
    static_frames: Annotated[int, Field(ge=4, multiple_of=4)] = Field(
        64, description="frames that a static pose is held"
    )
    static_caption: str = Field(
        "",
        description="words in front of the captions of static poses ('holds a pose: '); empty: the captions "
        "of their moving clips as they are",
    )
    starts: Count = Field(
        1,
        description="first frames: a clip of the train split is read from one of them at every draw; 1: from "
        "its first alone",
    )
    train_share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="share of the train split that is trained on; a smaller one is part of a larger one"
    )
    held_out: tuple[str, ...] = Field(
        (), description="actions whose clips are not trained on, and measured apart (Table 5)"
    )
    held_out_label: str = Field("actions", description="label of a clip that names its actions")
    decoded: int = Field(32, ge=0, description="items of the val split that a validation decodes")
    gradient_checkpointing: bool = Field(
        False, description="states are computed twice instead of kept: less memory, more time"
    )
    sharding: Literal["none", "fsdp"] = Field(
        "none",
        description="several processes each hold all of the model, or a shard of weights, gradients, moments",
    )
    temperature: NonNegative = Field(1.0, description="of motions that are drawn; 0: the likeliest codes")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="share of the likeliest codes that is drawn from"
    )
    guidance: NonNegative = Field(
        1.0, description="s of u + s (c - u), logits with and without the text; 1: as the text says (paper)"
    )
    part_guidance: NonNegative = Field(
        1.0, description="the same where one part is made anew, whose other parts speak against a new text"
    )
    training: Optimisation = Optimisation(
        steps=20_000,
        batch_size=1024,
        learning_rate=2e-4,
        final_learning_rate=1e-6,
        beta_2=0.999,
        warmup_steps=1000,
        weight_decay=0.01,
        validate_every=1000,
    )

    @model_validator(mode="after")
    def _starts_as_one_thing(self) -> "LargeMotion":
        if self.layers and self.start != "scratch":
            raise ValueError("layers is of a model from scratch; set start to scratch, or layers to 0")
        return self

    @model_validator(mode="after")
    def _can_tell_of_parts(self) -> "LargeMotion":
        if self.part_captions.share and not self.prompts.endswith("-parts"):
            raise ValueError(
                f"the prompt file {self.prompts} has no words for parts; set prompts to V0-parts or "
                "short-parts, or part_captions.share to 0"
            )
        return self
