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

from collections.abc import Iterable
from dataclasses import dataclass

from lamp_core.errors import LampError
from tasks.stages.ranking import Ranking

CPU, GPU = "cpu", "gpu"
DATA_SET = "data/sources/${ingest.data}.yaml"
EXPERIMENTS = "data/experiments"
STORE = "evaluate"
"""Below the data folder: the results of all systems."""


@dataclass(frozen=True)
class Stage:
    """A stage, as it is declared.

    Args:
        name: of the stage.
        makes: what it writes, in a line.
        reads: stages whose outputs it reads.
        shows: stages whose outputs it reads where they are there; none of them is run for it.
        chooses: keys of the parameters that name one more stage that it reads, from the stages before it.
        files: files and folders that it reads and no stage writes.
        folder: below ``data`` that it writes; that of its name by default.
        module: in ``tasks.stages``, what computes it; that of its name by default.
        section: of the parameters; that of its name by default.
        params: further parameters, sections or keys of other sections.
        trains: name of the model it trains; empty for none.
        ranking: by what the versions of that model are ranked.
        wants_card: whether workers with a card take it.
    """

    name: str
    makes: str
    reads: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    chooses: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    folder: str = ""
    module: str = ""
    section: str = ""
    params: tuple[str, ...] = ()
    trains: str = ""
    ranking: Ranking | None = None
    wants_card: bool = False

    def __post_init__(self) -> None:
        """Take folder, module and section from the name where they are not given."""
        for attribute in ("folder", "module", "section"):
            object.__setattr__(self, attribute, getattr(self, attribute) or self.name)

    @property
    def command(self) -> str:
        """What DVC runs."""
        named = "" if self.name == self.module else f" --stage {self.name}"
        return f"python -m tasks.stages.{self.module}{named}"

    @property
    def pool(self) -> str:
        """The work pool of its deployment."""
        return GPU if self.wants_card else CPU


@dataclass(frozen=True)
class System:
    """Models that are trained and measured together.

    Args:
        name: for ``lamp run --system NAME``.
        description: in a line.
        finals: its last stages; they and all that they read are the system's stages.
    """

    name: str
    description: str
    finals: tuple[str, ...]


class Catalogue:
    """Stages by name, each after those that it reads, and the systems that they make up.

    Args:
        stages: all of them.
        systems: the first is the one that ``lamp run`` runs.

    Raises:
        LampError: a stage reads one that is not declared before it, or a system ends in an unknown one.
    """

    def __init__(self, stages: Iterable[Stage], systems: Iterable[System]) -> None:
        self.stages: dict[str, Stage] = {}
        for stage in stages:
            for name in (*stage.reads, *stage.shows):
                if name not in self.stages:
                    raise LampError(
                        f"catalogue: stage '{stage.name}' reads '{name}'; declare that one before it"
                    )
            if stage.name in self.stages:
                raise LampError(f"catalogue: stage '{stage.name}' is declared twice")
            self.stages[stage.name] = stage
        self.systems = {system.name: system for system in systems}
        for system in self.systems.values():
            for name in system.finals:
                if name not in self.stages:
                    raise LampError(f"catalogue: system '{system.name}' ends in unknown stage '{name}'")

    def stages_of(self, system: str) -> tuple[str, ...]:
        """The stages of a system, what it shares with others among them, in the catalogue's order.

        Raises:
            LampError: there is no such system; the known ones are named.
        """
        if system not in self.systems:
            raise LampError(f"unknown system '{system}'; known: {', '.join(self.systems)}")
        wanted = set(self.systems[system].finals)
        for stage in reversed(self.stages.values()):
            if stage.name in wanted:
                wanted.update(stage.reads)
        return tuple(name for name in self.stages if name in wanted)

    def systems_of(self, stage: str) -> tuple[str, ...]:
        """The systems that a stage belongs to."""
        return tuple(name for name in self.systems if stage in self.stages_of(name))

    def evaluations(self) -> tuple[str, ...]:
        """The stages that measure a system, into the one store of results."""
        return tuple(name for name, stage in self.stages.items() if stage.folder.startswith(f"{STORE}/"))

    def trained(self) -> tuple[str, ...]:
        """The stages that train a model."""
        return tuple(name for name, stage in self.stages.items() if stage.trains)

    def models_of(self, stage: str) -> tuple[str, ...]:
        """The stages that trained the models that a stage reads."""
        return tuple(name for name in self.stages[stage].reads if self.stages[name].trains)

    def ranking(self, stage: str) -> Ranking | None:
        """By what the versions of a stage's model are ranked; None for a stage without one."""
        return self.stages[stage].ranking if stage in self.stages else None

    def section(self, stage: str) -> str:
        """The section of a stage's parameters; that of its name for a stage that is not in the catalogue."""
        return self.stages[stage].section if stage in self.stages else stage

    def folder(self, stage: str) -> str:
        """The folder below ``data`` that a stage writes; that of its name for one not in the catalogue."""
        return self.stages[stage].folder if stage in self.stages else stage

    def inputs_of(self, stage: str, kind: str) -> tuple[str, ...]:
        """The stages that ``stage`` reads or shows of a kind: the one of the name, those of the module."""
        known = self.stages.get(stage)
        names = (*known.reads, *known.shows) if known else ()
        alike = (name for name in names if self.stages[name].module == kind)
        return tuple(dict.fromkeys((*(name for name in names if name == kind), *alike)))

    def input_of(self, stage: str, kind: str) -> str:
        """The first of `inputs_of`; what is asked for where the catalogue does not know the stage."""
        return next(iter(self.inputs_of(stage, kind)), kind)


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
        ranking=Ranking("val_rsum", "higher"),
        wants_card=True,
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
            ranking=Ranking("val_mpjpe_mm", "lower"),
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
            ranking=Ranking("val_r_precision_3", "higher"),
            wants_card=True,
        ),
        Stage(
            "pretrain",
            makes="LaMP: contrastive, matching, text generation, motion generation",
            reads=("features", "tokenizer", "tokens"),
            trains="LaMP",
            ranking=Ranking("val_rsum", "higher"),
            wants_card=True,
        ),
        Stage(
            "lexical_text",
            makes="LexMLM: text encoder whose words say what a caption means",
            reads=("features",),
            trains="LexMLM",
            ranking=Ranking("val_loss", "lower"),
            wants_card=True,
        ),
        Stage(
            "lexical_motion",
            makes="CMMM: motion encoder over joint-by-time patches",
            reads=("features",),
            trains="CMMM",
            ranking=Ranking("val_loss", "lower"),
            wants_card=True,
        ),
        Stage(
            "lexical_bridge",
            makes="LexMMM: both encoders, joined by the lexical head",
            reads=("features", "lexical_text", "lexical_motion"),
            params=("lexical_text.function_word_weight",),
            trains="LexMMM",
            ranking=Ranking("val_loss", "lower", ("features", "lexical_text")),
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
            chooses=("t2m.read_from",),
            trains="LaMP-T2M",
            ranking=Ranking("val_loss", "lower", ("features", "tokenizer")),
            wants_card=True,
        ),
        Stage(
            "language_model",
            makes="small OPT trained on the captions and further texts, or the identity of any causal model",
            reads=("features",),
            params=("m2t.prompt",),
            trains="language model",
            ranking=Ranking("val_loss", "lower"),
            wants_card=True,
        ),
        Stage(
            "m2t",
            makes="LaMP-M2T: captions by that language model with LoRA and soft motion tokens",
            reads=("features", "tokenizer", "pretrain", "language_model"),
            trains="LaMP-M2T",
            ranking=Ranking("val_loss", "lower", ("features", "language_model")),
            wants_card=True,
        ),
        Stage(
            "length",
            makes="length estimator: 50 bins of four frames",
            reads=("features", "tokenizer", "tokens", "pretrain"),
            trains="length estimator",
            ranking=Ranking("val_error_seconds", "lower"),
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
            chooses=("t2m.read_from",),
            params=("report.captions", "report.explained", "report.players"),
            wants_card=True,
        ),
        Stage(
            "evaluate_lexical",
            folder="evaluate/lexical",
            makes="retrieval by the lexical, the direct and the dense vectors",
            reads=("features", "lexical_contrast", "lexical_direct", "lexical_dense"),
            section="evaluate",
            params=("retrieval.captions", "retrieval.seed"),
        ),
        Stage(
            "alignment",
            makes="language model whose vocabulary holds the motion tokens, aligned with the captions",
            reads=("features", "tokenizer", "tokens", "language_model"),
            params=("m2t.prompt", "language_model.texts", "language_model.texts_hash"),
            trains="aligned language model",
            ranking=Ranking("val_loss", "lower", ("features", "tokenizer", "language_model")),
            wants_card=True,
        ),
        Stage(
            "instruction",
            makes="the same tuned by instructions: generation, pose control, captions, completion",
            reads=("features", "tokenizer", "tokens", "alignment"),
            trains="Motion-LM",
            ranking=Ranking("val_loss", "lower", ("features", "tokenizer", "alignment")),
            wants_card=True,
        ),
        Stage(
            "tokenizer_grid",
            makes="look-up-free tokenizer on a grid of time by parts (2D-LFQ), or a kind beside it",
            reads=("features",),
            module="tokenizer",
            trains="tokenizer_grid",
            ranking=Ranking("val_mpjpe_mm", "lower"),
            wants_card=True,
        ),
        Stage(
            "tokens_grid",
            makes="its codes: a channel for every part",
            reads=("features", "tokenizer_grid"),
            module="tokens",
        ),
        Stage(
            "evaluate_tokenizers",
            folder="evaluate/tokenizers",
            makes="reconstruction and use of the codes by the grid tokenizer",
            reads=("features", "tokenizer_grid", "evaluator"),
            section="evaluate",
            params=("retrieval.captions", "retrieval.seed"),
            wants_card=True,
        ),
        Stage(
            "evaluate_motion_language",
            folder="evaluate/motion-language",
            makes="every task of the motion language model, beside floors and an untrained model",
            reads=("features", "tokenizer", "evaluator", "instruction"),
            section="evaluate",
            params=("retrieval.captions", "retrieval.seed"),
            wants_card=True,
        ),
        Stage(
            "report",
            makes="one self-contained HTML page",
            reads=("ingest", "features"),
            shows=(
                *("tokenizer", "evaluator", "pretrain", "length", "t2m", "language_model", "m2t"),
                *("retrieval", "evaluate"),
                *("lexical_text", "lexical_motion", "lexical_bridge", "lexical_contrast", "lexical_direct"),
                *("lexical_dense", "lexical_index", "evaluate_lexical"),
                *("alignment", "instruction", "evaluate_motion_language"),
                *("tokenizer_grid", "tokens_grid", "evaluate_tokenizers"),
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
    ),
)
