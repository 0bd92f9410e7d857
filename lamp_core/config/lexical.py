"""Sections of lexical motion-language pretraining: its four phases, and the vectors put to use directly."""

from typing import Annotated, Final, Literal

from pydantic import Field

from lamp_core.config.base import Count, Fraction, NonNegative, Optimisation, Positive, Section, TextBackbone

LEXICAL: Final = "lexical"
DENSE: Final = "dense"
PHASES: Final = "phases"
SCRATCH: Final = "scratch"
MaskRatio = Annotated[float, Field(gt=0, lt=1)]


class LexicalText(Section):
    """LexMLM: masked words through a bottleneck of the vocabulary (phase 1)."""

    skip: bool = Field(False, description="leave the phase out: the text encoder goes on as it starts")
    backbone: TextBackbone = TextBackbone()
    max_text_tokens: Count = Field(48, description="word pieces of a caption; longer ones are cut")
    dropout: Fraction = Field(0.1, description="in the text encoder and the weak decoder")
    decoder_layers: Count = Field(1, description="layers of the weak decoder")
    encoder_mask: MaskRatio = Field(0.3, description="share of the words that the encoder does not see")
    decoder_mask: MaskRatio = Field(0.5, description="share of the words that the weak decoder does not see")
    kept_share: Fraction = Field(
        0.1, description="of the encoder's hidden words, how many stay to be seen and are named all the same"
    )
    function_word_weight: Fraction = Field(
        0.2, description="how often articles and their like are masked, content words 1; 1: all words alike"
    )
    texts: tuple[str, ...] = Field(
        (),
        description="folders of further captions, in the form of HumanML3D (texts/*.txt) or KIT-ML "
        "(annotations.json); only the ids of train.txt where there is one",
    )
    texts_hash: str = Field("", description="of those folders; `lamp run` and `lamp experiment` write it")
    training: Optimisation = Optimisation(
        steps=20_000,
        batch_size=128,
        learning_rate=5e-5,
        final_learning_rate=1e-6,
        beta_2=0.98,
        warmup_steps=500,
        validate_every=1000,
    )


class LexicalMotion(Section):
    """CMMM: contrastive masked modelling of joint-by-time patches (phase 2)."""

    skip: bool = Field(False, description="leave the phase out: the motion encoder starts at random")
    layers: Count = Field(8, description="transformer layers")
    hidden_dim: Count = Field(384, description="model width")
    heads: Count = Field(6, description="attention heads")
    feed_forward_dim: Count = Field(1536, description="feed-forward width")
    dropout: Fraction = Field(0.1, description="in the transformer")
    attention: Literal["alternating", "joint"] = Field(
        "alternating", description="layers over joints and over time in turn, or all over all patches"
    )
    patch_frames: Count = Field(16, description="frames of a patch")
    max_frames: Count = Field(196, description="frames of a clip; longer ones are cut")
    head_positions: Literal["times", "patches"] = Field(
        "times",
        description="what the lexical head reads: the mean of the joints at each time, or every patch",
    )
    mask: MaskRatio = Field(0.5, description="share of the patches that a view does not see")
    view_dim: Count = Field(128, description="width in which two views are compared")
    view_temperature: Positive = Field(0.1, description="of the contrastive loss between views")
    contrastive_weight: NonNegative = Field(1.0, description="of the contrastive loss between views")
    reconstruction_weight: NonNegative = Field(1.0, description="of the reconstruction of masked patches")
    training: Optimisation = Optimisation(
        steps=50_000,
        batch_size=128,
        learning_rate=2e-4,
        final_learning_rate=1e-5,
        warmup_steps=1000,
        validate_every=2000,
    )


class LexicalBridge(Section):
    """LexMMM: masked captions through a bottleneck that the motion fills (phase 3)."""

    skip: bool = Field(False, description="leave the phase out: both encoders go on as they are")
    caption_mask: MaskRatio = Field(0.5, description="share of the words that the weak decoder does not see")
    training: Optimisation = Optimisation(
        steps=20_000,
        batch_size=128,
        learning_rate=1e-4,
        final_learning_rate=1e-6,
        warmup_steps=500,
        validate_every=1000,
    )


class LexicalContrast(Section):
    """LexCMLP: motion and text in one vocabulary (phase 4); also its dense and its direct counterpart."""

    representation: Literal["lexical", "dense"] = Field(
        LEXICAL, description="weights of words, or the encoders' states pooled to a vector"
    )
    start: Literal["phases", "scratch"] = Field(
        PHASES,
        description="the encoders of the phases before, or such as they started from: without these phases",
    )
    start_words: int = Field(
        16,
        ge=0,
        description="words of a motion and of a text with which it starts, in the mean: so far the logits of "
        "the phases before are moved; 0: as they are",
    )
    below_zero: NonNegative = Field(
        0.1, description="slope of the gradient at words that weigh nothing, by which they come in; 0: none"
    )
    zero_reach: NonNegative = Field(
        0.0,
        description="above 0 the slope is sigmoid(logit / this) on both sides of zero, in logits, so that "
        "words near it come in as easily as they leave; 0: below_zero below, 1 above",
    )
    dense_dim: Count = Field(256, description="width of the vectors (dense)")
    temperature: Positive = Field(0.05, description="of the contrastive loss")
    flops_weight: NonNegative = Field(0.002, description="of the FLOPS regulariser on each side (lexical)")
    flops_warmup_steps: int = Field(
        2000, ge=0, description="steps over which that weight rises, as their square (lexical)"
    )
    flops_below_zero: bool = Field(
        True,
        description="whether the regulariser also pushes words that weigh nothing further down, by their "
        "slope (lexical)",
    )
    training: Optimisation = Optimisation(
        steps=50_000,
        batch_size=128,
        learning_rate=5e-5,
        final_learning_rate=1e-6,
        warmup_steps=1000,
        validate_every=1000,
    )


class LexicalDirect(LexicalContrast):
    """Lexical vectors put directly in place of dense ones: the fourth phase without those before."""

    start: Literal["scratch"] = Field(
        SCRATCH, description="the encoders as they start; lexical_contrast goes on from the phases"
    )


class LexicalDense(LexicalDirect):
    """The dense baseline: the same encoders, their states pooled to a vector."""

    representation: Literal["lexical", "dense"] = Field(DENSE, description="as in lexical_contrast")


class LexicalIndexing(Section):
    """Index of the test split by words."""

    most_terms: Count = Field(64, description="words that are kept of a motion, the heaviest")
    shown: Count = Field(20, description="test motions that the report shows as words")
    shown_words: Count = Field(12, description="words that the report shows of a motion")
    keywords: tuple[str, ...] = Field(
        ("run,jump", "walk,left", "wave", "kick,-walk", "turn:2,right"),
        description="queries of `lamp search --keywords` whose first hits the report shows",
    )
