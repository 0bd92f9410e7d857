"""The catalogue: every stage and every system of the graph, each declared here and nowhere else.

Of the stages that may start, a machine begins with the one that is declared first: long ones stand before
short ones.

``python -m tasks.stages.generate`` writes from it ``dvc.yaml``, ``flows/prefect.yaml`` and the README's
table of stages. The registry's rankings, the workers' pools, the report and the commands ask it.

A stage whose computation another one has already is one entry with that one's ``module``: a second tokenizer
is ``Stage("tokenizer_b", makes=..., module="tokenizer", reads=("features",), ...)`` and a section
``tokenizer_b`` in the parameters. The stages after it name it in ``reads``; their modules find it as
``stage.input("tokenizer")``.
"""

from tasks.stages.declaration import STORE, Catalogue, Stage, System
from tasks.stages.ranking import Ranking

DATA_SET = "data/sources/${ingest.data}.yaml"
EXPERIMENTS = "data/experiments"
OF_TEXTS = (
    "m2t.prompt",
    *(f"language_model.{name}" for name in ("texts", "texts_hash", "texts_held_out")),
)
"""What sentences beside the captions a language model is measured by, or trained on."""

LEXICAL_START = (
    *(f"lexical_text.{key}" for key in ("backbone", "max_text_tokens", "dropout", "decoder_layers")),
    *("lexical_text.texts", "lexical_text.texts_hash"),
    *(f"lexical_motion.{key}" for key in ("layers", "hidden_dim", "heads", "feed_forward_dim", "dropout")),
    *(f"lexical_motion.{key}" for key in ("attention", "patch_frames", "max_frames", "head_positions")),
)
"""What decides how the encoders of the lexical system start, before any phase."""


def _lexical(name: str, makes: str, trains: str, *phases: str) -> Stage:
    """A stage of the fourth phase of lexical pretraining, with a section of its own."""
    return Stage(
        name,
        makes=makes,
        reads=("features", *phases),
        module="lexical_contrast",
        params=LEXICAL_START,
        trains=trains,
        ranking=Ranking("val_rsum"),
        wants_card=True,
    )


def _measures(
    system: str, makes: str, *reads: str, params: tuple[str, ...] = (), wants_card: bool = True
) -> Stage:
    """The stage that measures a system by the common parameters, into the common store."""
    return Stage(
        f"evaluate_{system.replace('-', '_')}",
        folder=f"{STORE}/{system}",
        makes=makes,
        reads=("features", *reads),
        section="evaluate",
        params=("retrieval.captions", "retrieval.seed", *params),
        wants_card=wants_card,
    )


CATALOGUE = Catalogue(
    stages=(
        Stage(
            "ingest",
            makes="clips and rejected clips with reasons, Parquet",
            files=(DATA_SET,),
        ),
        Stage(
            "features",
            makes="263 (smpl22), 251 (kit21) or 623 (smplx52) numbers a frame; "
            "mean and deviation of the train split",
            reads=("ingest",),
        ),
        Stage(
            "tokenizer",
            makes="VQ-VAE or residual VQ-VAE (`tokenizer.kind`), one token for four frames",
            reads=("features",),
            trains="tokenizer",
            ranking=Ranking("val_mpjpe_mm"),
            wants_card=True,
        ),
        Stage(
            "tokens",
            makes="token cache in Parquet, bound to codebook, features and split by hash",
            reads=("features", "tokenizer"),
        ),
        Stage(
            "evaluator",
            makes="dual encoder of Guo et al., trained on this data set (`guo-own`) or published (`guo`)",
            reads=("features",),
            trains="Guo et al.",
            ranking=Ranking("val_r_precision_3"),
            wants_card=True,
        ),
        Stage(
            "pretrain",
            makes="LaMP: contrastive, matching, text generation, motion generation",
            reads=("features", "tokenizer", "tokens"),
            trains="LaMP",
            ranking=Ranking("val_rsum"),
            wants_card=True,
        ),
        Stage(
            "lexical_text",
            makes="LexMLM: text encoder whose words say what a caption means",
            reads=("features",),
            trains="LexMLM",
            ranking=Ranking("val_loss"),
            wants_card=True,
        ),
        Stage(
            "lexical_motion",
            makes="CMMM: motion encoder over joint-by-time patches",
            reads=("features",),
            trains="CMMM",
            ranking=Ranking("val_loss"),
            wants_card=True,
        ),
        Stage(
            "lexical_bridge",
            makes="LexMMM: both encoders, joined by the lexical head",
            reads=("features", "lexical_text", "lexical_motion"),
            params=("lexical_text.function_word_weight",),
            trains="LexMMM",
            ranking=Ranking("val_loss", ("features", "lexical_text")),
            wants_card=True,
        ),
        _lexical(
            "lexical_contrast", "LexCMLP: motion and text as weights of words", "LexCMLP", "lexical_bridge"
        ),
        _lexical("lexical_direct", "the same without the phases before", "LexCMLP directly"),
        _lexical("lexical_dense", "dense vectors of the same encoders, the baseline", "dense baseline"),
        Stage(
            "lexical_index",
            makes="inverted index of the test split, recall and time by the words that are kept",
            reads=("features", "lexical_contrast"),
        ),
        Stage(
            "t2m",
            makes="masked motion transformer with classifier-free guidance",
            reads=("features", "tokenizer", "tokens", "pretrain"),
            chooses=("t2m.read_from", "t2m.judged_from"),
            chooses_code=("t2m.reading_code", "t2m.judging_code"),
            files=("tasks/stages/inputs/decoded.py",),  # imported by name: no closure sees it
            trains="LaMP-T2M",
            ranking=Ranking(
                "val_loss",
                ("features", "tokenizer"),
                rather=Ranking("val_decoded", ("features", "evaluator")),
            ),
            wants_card=True,
        ),
        Stage(
            "residual",
            makes="residual transformer: the further layers of a residual tokenizer",
            reads=("features", "tokenizer", "tokens", "pretrain"),
            chooses=("t2m.read_from",),
            chooses_code=("t2m.reading_code",),
            params=("t2m.condition", "t2m.text_encoder", "t2m.read_from"),
            trains="residual transformer",
            ranking=Ranking("val_loss", ("features", "tokenizer")),
            wants_card=True,
        ),
        Stage(
            "language_model",
            makes="small OPT trained on the captions and further texts, or the identity of any causal model",
            reads=("features",),
            params=("m2t.prompt",),
            trains="language model",
            ranking=Ranking("val_loss"),
            wants_card=True,
        ),
        Stage(
            "m2t",
            makes="LaMP-M2T: captions by that language model with LoRA and soft motion tokens",
            reads=("features", "tokenizer", "pretrain", "language_model"),
            trains="LaMP-M2T",
            ranking=Ranking("val_loss", ("features", "language_model")),
            wants_card=True,
        ),
        Stage(
            "length",
            makes="length estimator: 50 bins of four frames",
            reads=("features", "tokenizer", "tokens", "pretrain"),
            trains="length estimator",
            ranking=Ranking("val_error_seconds"),
            wants_card=True,
        ),
        Stage(
            "retrieval",
            makes="index of the test gallery, recall both ways",
            reads=("features", "tokenizer", "pretrain"),
        ),
        Stage(
            "evaluate",
            folder="evaluate/lamp",
            makes="every metric with protocol, evaluator, repeats and 95 % interval",
            reads=(
                *("features", "tokenizer", "evaluator", "pretrain", "length", "t2m", "language_model", "m2t"),
                "retrieval",
            ),
            chooses=("t2m.read_from", "tokenizer.filled_by"),
            chooses_code=("t2m.reading_code",),
            params=("report.captions", "report.explained", "report.players"),
            wants_card=True,
        ),
        _measures(
            "lexical",
            "retrieval by the lexical, the direct and the dense vectors",
            *("lexical_contrast", "lexical_direct", "lexical_dense"),
            wants_card=False,
        ),
        Stage(
            "alignment",
            makes="language model whose vocabulary holds the motion tokens, aligned with the captions",
            reads=("features", "tokenizer", "tokens", "language_model"),
            params=OF_TEXTS,
            trains="aligned language model",
            ranking=Ranking("val_loss", ("features", "tokenizer", "language_model")),
            wants_card=True,
        ),
        Stage(
            "instruction",
            makes="the same tuned by instructions: generation, pose control, captions, completion",
            reads=("features", "tokenizer", "tokens", "alignment"),
            params=OF_TEXTS,
            trains="Motion-LM",
            ranking=Ranking("val_loss", ("features", "tokenizer", "alignment")),
            wants_card=True,
        ),
        _measures(
            "motion-language",
            "every task of the motion language model, beside floors and an untrained model",
            *("tokenizer", "evaluator", "instruction"),
        ),
        Stage(
            "tokenizer_grid",
            makes="look-up-free tokenizer on a grid of time by parts (2D-LFQ), or a kind beside it",
            reads=("features",),
            module="tokenizer",
            trains="tokenizer_grid",
            ranking=Ranking("val_mpjpe_mm"),
            wants_card=True,
        ),
        Stage(
            "tokens_grid",
            makes="its codes: a channel for every part",
            reads=("features", "tokenizer_grid"),
            module="tokens",
        ),
        _measures(
            "tokenizers",
            "reconstruction and use of the codes by the grid tokenizer",
            *("tokenizer_grid", "evaluator"),
        ),
        Stage(
            "large_motion",
            makes="a language model over captions and the channels of motion tokens, tuned as a whole",
            reads=("features", "tokenizer_grid", "tokens_grid", "language_model"),
            trains="Large-Motion",
            ranking=Ranking("val_loss", ("features", "tokenizer_grid", "language_model")),
            wants_card=True,
        ),
        _measures(
            "large-motion",
            "text to motion by the large motion model, beside floors and an untrained model",
            *("tokenizer_grid", "evaluator", "large_motion"),
            params=("large_motion.held_out", "large_motion.held_out_label"),
        ),
        Stage(
            "report",
            makes="one self-contained HTML page",
            reads=("ingest", "features"),
            shows=(
                *("tokenizer", "evaluator", "pretrain", "length", "t2m", "residual", "language_model", "m2t"),
                *("retrieval", "evaluate"),
                *("lexical_text", "lexical_motion", "lexical_bridge", "lexical_contrast", "lexical_direct"),
                *("lexical_dense", "lexical_index", "evaluate_lexical"),
                *("alignment", "instruction", "evaluate_motion_language"),
                *("tokenizer_grid", "tokens_grid", "evaluate_tokenizers"),
                *("large_motion", "evaluate_large_motion"),
            ),
            files=(EXPERIMENTS,),
        ),
    ),
    systems=(
        System(
            "lamp", "LaMP: pretraining, text to motion, captions and retrieval", finals=("evaluate", "report")
        ),
        System(
            "lexical",
            "lexical pretraining: retrieval by weights of words",
            finals=("lexical_index", "evaluate_lexical", "report"),
        ),
        System(
            "motion-language",
            "one language model for motion and text, by instructions",
            finals=("evaluate_motion_language", "report"),
        ),
        System(
            "tokenizers",
            "motion tokenizers alone: look-up-free on a grid of parts, and the kinds beside it",
            finals=("tokens_grid", "evaluate_tokenizers", "report"),
        ),
        System(
            "large-motion",
            "large motion model: text to motion by the tokens of parts in one language model",
            finals=("evaluate_large_motion", "report"),
        ),
    ),
)
