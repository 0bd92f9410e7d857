"""Stage ``lexical_index``: the test split by its words, and what fewer words cost.

By hand: ``python -m tasks.stages.lexical_index``.
"""

import time
from collections.abc import Sequence

import numpy as np

from lamp_core.config import LexicalIndexing
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.errors import LampError
from lamp_core.evaluation import word_samples as samples
from lamp_core.io.parquet import write_table
from lamp_core.lexical.excerpts import keyword_hits, motions_as_words
from lamp_core.lexical.folder import load_lexical
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.index import SparseIndex, pruned
from lamp_core.lexical.items import lexical_items
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.lexical.words import Vocabulary, split_words
from lamp_core.metrics.recall import places, recall
from lamp_core.training.model_files import WEIGHTS
from lamp_core.training.tensor_files import digest
from tasks.stage.process import StageContext, main

PRUNED_TO = (4, 8, 16, 32, 64, 128, 256)
TOP = 10
SHOWN_HITS = 5


def run(stage: StageContext) -> dict[str, float]:
    """Index the motions of the test split; measure recall and time of a query by the words that are kept."""
    features = FeatureSet.load(stage.input("features"))
    folder = stage.input("lexical_contrast")
    model, tokenizer = load_lexical(folder)
    if not model.is_lexical:
        raise LampError("dense vectors have no words to index; set lexical_contrast.representation=lexical")
    vectors = LexicalVectors(model.to(stage.device), tokenizer)
    items = lexical_items(features, items_of(features, "test"), model.shape.motion.max_frames)
    weights_NV = vectors.motion_weights([item.features_TD for item in items])
    train = (caption.text for place in features.of_split("train") for caption in features.captions[place])
    settings = stage.settings(LexicalIndexing)
    index = LexicalIndex(Vocabulary.of(tokenizer), split_words(tokenizer, train), settings.most_terms)
    index.model = digest(folder / WEIGHTS)
    index.add(_names([item.clip for item in items]), [item.captions[0] for item in items], weights_NV)
    index.save(stage.output)
    queries_NV = units(vectors.text_weights([item.captions[0] for item in items]))
    sparsity = _sparsity(queries_NV, units(weights_NV))
    captions = [item.captions for item in items]
    words = motions_as_words(index, captions, settings.shown, settings.shown_words)
    hits = keyword_hits(index, settings.keywords, SHOWN_HITS)
    for file, rows, schema in (
        (samples.WORDS_FILE, words, samples.WORDS),
        (samples.KEYWORDS_FILE, hits, samples.KEYWORDS),
        (samples.SPARSITY_FILE, sparsity, samples.SPARSITY),
    ):
        write_table(stage.output / file, rows, schema)
    return {
        "items": float(len(index)),
        "motion_terms": float((weights_NV > 0).sum(axis=1).mean()),
        "text_terms": float((queries_NV > 0).sum(axis=1).mean()),
        **{
            f"terms_{row['terms']}/{name}": row[name]
            for row in sparsity
            for name in (*samples.RECALLS, "query_ms")
        },
    }


def _names(clips: Sequence[str]) -> list[str]:
    """Names of items; of a clip with several the later ones are numbered."""
    counts: dict[str, int] = {}
    names = []
    for clip in clips:
        counts[clip] = counts.get(clip, 0) + 1
        names.append(clip if counts[clip] == 1 else f"{clip}-{counts[clip]}")
    return names


def _sparsity(queries_NV: np.ndarray, motions_NV: np.ndarray) -> list[dict[str, float]]:
    """Recall of both directions and milliseconds a query, by the words that motion and query keep."""
    rows: list[dict[str, float]] = []
    for kept in PRUNED_TO:
        if kept > motions_NV.shape[1]:
            break
        motions, queries = pruned(motions_NV, kept), pruned(queries_NV, kept).toarray()
        similarity_NN = queries @ motions.toarray().T
        by_text, by_motion = recall(places(similarity_NN)), recall(places(similarity_NN.T))
        index = SparseIndex(motions_NV.shape[1])
        index.add(motions)
        began = time.perf_counter()
        for query_V in queries:
            index.search(query_V, TOP)
        seconds = (time.perf_counter() - began) / len(queries)
        rows.append(
            {
                "terms": kept,
                "text_to_motion_r1": by_text.at[1],
                "text_to_motion_r10": by_text.at[10],
                "motion_to_text_r1": by_motion.at[1],
                "motion_to_text_r10": by_motion.at[10],
                "query_ms": 1000 * seconds,
            }
        )
    return rows


if __name__ == "__main__":
    main("lexical_index", run)
