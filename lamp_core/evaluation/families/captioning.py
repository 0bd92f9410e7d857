"""Captions of the test motions: the trained captioners', and those that any of them has to beat.

The baselines are the most frequent caption of the train split, and the one that retrieval finds nearest
where a model compares texts and motions.

Shapes: N items, Q queries, P projection width.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lamp_core.datasets.items import DOWNSAMPLING, Item
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import MOST_FREQUENT, NEAREST
from lamp_core.evaluation.cache import digest, motion_content
from lamp_core.evaluation.families.family import Family, Systems
from lamp_core.evaluation.protocols.captioning import evaluate_captions
from lamp_core.evaluation.protocols.common import OnProgress, TestItems
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.lamp.minilm import has_minilm, minilm_folder
from lamp_core.metrics.bert_score import BertScorer
from lamp_core.systems.capabilities import CAPTION
from lamp_core.systems.model import with_capability


def _measure(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    """Score the trained captioners and both baselines, the ground truth first."""
    trained = systems.trained
    test = TestItems.of(trained.items, trained.features.statistics)
    captions, left_out = captions_of_systems(trained, test, on_progress)
    return scored(trained, test.items, captions, (test.note, left_out), on_progress)


def scored(
    trained: Trained,
    items: Sequence[Item],
    captions: Mapping[str, Sequence[str]],
    notes: Iterable[str],
    on_progress: OnProgress | None = None,
) -> list[Result]:
    """Score the captions of each system, one an item, by the evaluator of a project.

    Args:
        trained: the project's models.
        items: that were captioned.
        captions: by system.
        notes: to the rows; empty ones are left out.
        on_progress: see `evaluate_captions`.
    """
    return evaluate_captions(
        items,
        captions,
        trained.guo,
        trained.features.statistics,
        trained.settings,
        bert_scorer(trained),
        training_captions=trained.training_captions,
        embed=trained.cache.embed,
        note="; ".join(filter(None, notes)),
        on_progress=on_progress,
    )


def captions_of_systems(
    trained: Trained, test: TestItems, on_progress: OnProgress | None = None
) -> tuple[dict[str, list[str]], str]:
    """Captions of both baselines and of what captions, and what is said where nothing does."""
    systems = {MOST_FREQUENT: [most_frequent_caption(trained.training_captions)] * len(test)}
    if trained.comparing:
        systems[NEAREST] = nearest_captions(trained, test)
    made = {name: captions_of(trained, name, test.motions, on_progress) for name in trained.captioning}
    return {**systems, **made}, "" if made else no_captioner(trained)


def no_captioner(trained: Trained) -> str:
    """What is said where no stage that captions has run."""
    able = with_capability(trained.models, CAPTION)
    return "; ".join(f"{model.name} left out: the stage {model.stage} has not run" for model in able)


def captions_of(
    trained: Trained, name: str, motions: Sequence[np.ndarray], on_progress: OnProgress | None = None
) -> list[str]:
    """What the captioner of this name says of normalised motions (T, D), computed once for the same motions.

    One that is not finite, or shorter than a token, has an empty caption.
    """
    sound = [place for place, motion_TD in enumerate(motions) if _can_be_captioned(motion_TD)]
    chosen = [np.asarray(motions[place], dtype=np.float32) for place in sound]
    key = digest([trained.cache.identity_of(name).encode(), *motion_content(chosen)])

    def compute() -> dict[str, np.ndarray]:
        made = trained.captioning[name].captions(chosen, on_progress=on_progress) if chosen else []
        return {"captions": np.array(made, dtype=np.str_)}

    captions = [""] * len(motions)
    for place, caption in zip(sound, trained.cache.arrays(key, compute)["captions"].tolist(), strict=True):
        captions[place] = caption
    return captions


def _can_be_captioned(motion_TD: np.ndarray) -> bool:
    return len(motion_TD) >= DOWNSAMPLING and bool(np.isfinite(motion_TD).all())


def bert_scorer(trained: Trained) -> BertScorer | None:
    """The packaged MiniLM, None without the extra."""
    if not has_minilm():
        return None
    return BertScorer(str(minilm_folder()), known_as="minilm", device=trained.device)


def most_frequent_caption(captions: Sequence[str]) -> str:
    """Return the caption that returns most often, of equally frequent ones the first by alphabet.

    Raises:
        LampError: no caption has a word.
    """
    counts = Counter(caption for caption in captions if caption.strip())
    if not counts:
        raise LampError("the train split has no captions; a baseline of captioning takes one of them")
    return min(counts, key=lambda caption: (-counts[caption], caption))


def nearest_captions(trained: Trained, test: TestItems) -> list[str]:
    """Return for each motion the training caption most similar to it, as retrieval compares them."""
    different = {caption for caption in trained.training_captions if caption.strip()}
    captions = sorted(different, key=lambda caption: (len(caption), caption))  # batches of similar lengths
    if not captions:
        raise LampError("the train split has no captions; a baseline of captioning takes one of them")
    name, model = next(iter(trained.comparing.items()))
    who = trained.cache.identity_of(name).encode()
    of_texts = digest([who, b"texts", *map(str.encode, captions)])
    of_motions = digest([who, b"motions", *motion_content(test.motions)])
    arrays = trained.cache.arrays
    texts = arrays(of_texts, lambda: {"texts": model.embed_texts(captions)})["texts"]
    motions = arrays(of_motions, lambda: {"motions": model.embed_motions(test.motions)})["motions"]
    return [captions[place] for place in model.similarity(texts, motions).argmax(axis=0)]


CAPTIONING = Family("captioning", CAPTION, ("captioning",), _measure)
