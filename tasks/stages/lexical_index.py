"""Stage ``lexical_index``: the test split by its words, and what fewer words cost.

By hand: ``python -m tasks.stages.lexical_index``.
"""

from collections.abc import Sequence

from lamp_core.config import LexicalIndexing
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.errors import LampError
from lamp_core.evaluation import word_samples as samples
from lamp_core.io.parquet import write_table
from lamp_core.lexical.excerpts import keyword_hits, motions_as_words
from lamp_core.lexical.folder import load_lexical
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.items import lexical_items
from lamp_core.lexical.sparsity import sparsity
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.lexical.words import Vocabulary, split_words
from lamp_core.training.model_files import WEIGHTS
from lamp_core.training.tensor_files import digest
from tasks.stage.process import StageContext, main

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
    kept = sparsity(queries_NV, units(weights_NV))
    captions = [item.captions for item in items]
    words = motions_as_words(index, captions, settings.shown, settings.shown_words)
    hits = keyword_hits(index, settings.keywords, SHOWN_HITS)
    for file, rows, schema in (
        (samples.WORDS_FILE, words, samples.WORDS),
        (samples.KEYWORDS_FILE, hits, samples.KEYWORDS),
        (samples.SPARSITY_FILE, kept, samples.SPARSITY),
    ):
        write_table(stage.output / file, rows, schema)
    return {
        "items": float(len(index)),
        "motion_terms": float((weights_NV > 0).sum(axis=1).mean()),
        "text_terms": float((queries_NV > 0).sum(axis=1).mean()),
        **{
            f"terms_{row['terms']}/{name}": row[name]
            for row in kept
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


if __name__ == "__main__":
    main("lexical_index", run)
