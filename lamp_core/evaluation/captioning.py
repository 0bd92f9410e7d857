"""The captions that any captioner has to beat: the most frequent one, and the nearest by retrieval.

Shapes: N items, Q queries, P projection width.
"""

from collections import Counter
from collections.abc import Sequence

import torch

from lamp_core.errors import LampError
from lamp_core.evaluation.cache import digest, folder_digest
from lamp_core.evaluation.trained import Trained
from lamp_core.lamp.backbone import has_minilm
from lamp_core.lamp.features import similarity
from lamp_core.metrics.bert_score import MINILM, BertScorer
from lamp_core.metrics.captioning import evaluate_captions
from lamp_core.metrics.lamp_evaluator import LampEvaluator
from lamp_core.metrics.protocol import OnProgress, TestItems
from lamp_core.metrics.results import Result

CAPTIONING = "captioning"
MOST_FREQUENT = "most frequent caption"
NEAREST = "LaMP-Feat, nearest training caption"


def measure_baselines(trained: Trained, on_progress: OnProgress | None = None) -> list[Result]:
    """Score the captions of both baselines, the ground truth first."""
    test = TestItems.of(trained.items, trained.features.statistics)
    systems = {
        MOST_FREQUENT: [most_frequent_caption(trained.training_captions)] * len(test),
        NEAREST: nearest_captions(trained, test),
    }
    return evaluate_captions(
        test.items,
        systems,
        trained.guo,
        trained.features.statistics,
        trained.settings,
        bert_scorer(trained),
        embed=trained.cache.embed,
        note=test.note,
        on_progress=on_progress,
    )


def bert_scorer(trained: Trained) -> BertScorer | None:
    """The packaged MiniLM, None without the extra."""
    return BertScorer(MINILM, device=trained.device) if has_minilm() else None


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
    lamp = trained.lamp
    key = digest([folder_digest(trained.data / "pretrain").encode(), *map(str.encode, captions)])
    found = trained.cache.arrays(key, lambda: {"texts": lamp.text_embeddings(captions).numpy()})
    motion_NQP = trained.cache.embed(test, LampEvaluator(lamp, trained.tokenizer)).motions
    over_queries = trained.config.retrieval.similarity
    scores_NC = similarity(torch.from_numpy(motion_NQP), torch.from_numpy(found["texts"]), over_queries)
    return [captions[place] for place in scores_NC.argmax(dim=1).tolist()]
