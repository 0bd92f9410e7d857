"""Section of the evaluation: what is measured, and how often."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from lamp_core.config.base import Count, NonNegative, Section, Seed

LampProtocol = Literal[
    "reconstruction",
    "text-to-motion",
    "plausibility",
    "completion",
    "captioning",
    "lamp-bert-score",
    "full",
    "distinct",
    "threshold",
    "dissimilar",
    "batches",
]
"""What the stage ``evaluate`` measures; the last five are protocols of retrieval."""
EvaluationProtocol = Literal[LampProtocol, "control"]
"""What can be measured; by ``control``, models of other systems alone."""


class Evaluate(Section):
    """Tokenizer, text to motion and retrieval, by the protocols of the field."""

    protocols: tuple[EvaluationProtocol, ...] = Field(
        get_args(LampProtocol), min_length=1, description="what is measured"
    )
    repeats: Count = Field(20, description="of every sampled metric; intervals are 1.96 std / sqrt(repeats)")
    generations: Count = Field(20, description="times that text to motion generates the test split anew")
    floor_generations: Count = Field(3, description="times that an untrained model does so, at most")
    batch_size: Annotated[int, Field(ge=2)] = Field(32, description="candidates of R-Precision")
    counting: Literal["unbiased", "published"] = Field(
        "unbiased",
        description="ties by expectation, every item in a batch, pairs of two items; or as published code",
    )
    captions: Literal["random", "first"] = Field("random", description="caption of an item that has several")
    min_seconds: NonNegative = Field(2.0, description="shorter items are left out")
    max_frames: Annotated[int, Field(ge=8)] = Field(
        200, description="items of as many frames and longer are left out, at any rate"
    )
    lamp_evaluator: bool = Field(
        True, description="LaMP-R-Precision and LaMP-MM-Dist beside those of the dual encoder"
    )
    diversity_pairs: Count = Field(300, description="pairs; 100 when there are 300 items or fewer")
    multimodality_texts: Count = Field(100, description="texts")
    multimodality_motions: Count = Field(30, description="motions a text")
    multimodality_pairs: Count = Field(10, description="pairs a text")
    dissimilar_texts: Annotated[int, Field(ge=2)] = Field(
        100, description="texts of the retrieval protocol dissimilar"
    )
    completions: Count = Field(5, description="times that the test split is completed")
    predicted_from: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="share of a motion's frames given to be predicted from, the first ones"
    )
    masked_between: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="share of a motion's frames to be filled in, at random places"
    )
    length: Literal["true", "estimated"] = Field("true", description="length given to text to motion")
    held_out: tuple[str, ...] = Field(
        (),
        description="actions whose clips text to motion measures apart, and the others, whether or not they "
        "were trained on; large motion model: large_motion.held_out when empty",
    )
    held_out_label: str = Field("actions", description="label of a clip that names its actions")
    route: Literal["features", "joints"] = Field(
        "features",
        description="what evaluators see of a motion: its features as made, or made anew from its joints",
    )
    seed: Seed = Field(0, description="of captions, batches and sampling")
