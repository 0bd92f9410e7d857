"""Captions of motions as rows of `Result` by the protocol of the field.

The ground truth is the first row. Its captions are the references, so it has no scores of words.

Shapes: N items, C different captions, E embedding numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.items import Item
from lamp_core.datasets.preprocessing.tagging import tag_caption
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import GROUND_TRUTH
from lamp_core.evaluation.protocols.common import (
    Embedded,
    MotionTextEvaluator,
    OnProgress,
    TestItems,
    candidates,
)
from lamp_core.evaluation.protocols.text_to_motion import measure_matching
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.bert_score import NO_SCORER, BertScorer, BertScores
from lamp_core.metrics.bleu import bleu
from lamp_core.metrics.captions import (
    caption_words,
    empty_captions,
    mean_words,
    novel_captions,
    three_references,
)
from lamp_core.metrics.cider import cider, cider_of_each
from lamp_core.metrics.ngrams import LONGEST
from lamp_core.metrics.rouge import rouge_l

LENGTH, ROUGE, CIDER, BERT = "Length", "ROUGE-L", "CIDEr", "BERTScore"
NOVEL, NOVEL_PROTOCOL, NO_EVALUATOR = "novel", "novel captions", "none"
BLEU = tuple(f"BLEU-{length}" for length in range(1, LONGEST + 1))

Embed = Callable[[TestItems, MotionTextEvaluator], Embedded]


def evaluate_captions(
    items: Sequence[Item],
    systems: Mapping[str, Sequence[str]],
    evaluator: MotionTextEvaluator,
    statistics: FeatureStatistics,
    settings: Evaluate,
    scorer: BertScorer | None,
    *,
    training_captions: Sequence[str] | None = None,
    embed: Embed = Embedded.of,
    note: str = "",
    on_progress: OnProgress | None = None,
) -> list[Result]:
    """Length, BLEU, ROUGE-L, CIDEr, BERTScore, R-Precision and MM-Dist of the captions of systems.

    With the training captions also the share of captions that stand in none of these, and the scores of these
    novel ones alone, as a protocol of its own: what is learnt by heart can score as well as a true caption.

    The scores of words compare a caption with the first three of its item (`three_references`) and are
    measured once. R-Precision and MM-Dist match captions and true motions in shuffled batches,
    ``settings.repeats`` times; the ground truth's draws its captions anew, and a system's repeat r has the
    batches of the ground truth's. The built-in tagger gives words and tags to systems' captions.

    Args:
        items: of the test split, see `protocol_items`.
        systems: captions by name of the system, one an item; an empty one scores no word and is counted.
        evaluator: embeds texts and motions.
        statistics: normalise the items' features.
        settings: repeats, batch, captions, seed.
        scorer: of BERTScore; without one its row says so.
        training_captions: all captions that the systems were trained on.
        embed: how the test items are embedded, where a cache is wanted.
        note: said of every row.
        on_progress: called with (systems done, of all, text).

    Raises:
        LampError: no items, or a system without one caption an item. What cannot be measured is a NaN.
    """
    test, lost = _with_words(items, statistics)
    judge = embed(test, evaluator)
    protocol = _protocol(settings, scorer)
    said = "; ".join(filter(None, (note, lost)))
    rows = _truth(test, judge, settings, protocol, said, training_captions)
    made_of = _of_kept(items, systems, test)
    references = _references(test)
    bert_scores = cache(partial(_bert_scores, made_of, references, scorer))
    novel_of = _novel_of(made_of, training_captions)
    for done, (system, made) in enumerate(made_of.items(), start=1):
        measured = Measurements(system, protocol, evaluator.label, len(test), said)
        measured.add_note(_empty(made))
        _measure_matching(measured, judge, made, settings)
        _measure_words(measured, made, references, bert_scores)
        if system in novel_of:
            measured.record([NOVEL], partial(_share, novel_of[system]))
        rows += measured.results()
        if on_progress:
            on_progress(done, len(systems), system)
    for system, novel_N in novel_of.items():
        rows += _novel_rows(system, made_of[system], references, bert_scores, novel_N, protocol, said)
    return rows


def _novel_of(
    made_of: Mapping[str, Sequence[str]], training_captions: Sequence[str] | None
) -> dict[str, np.ndarray]:
    if training_captions is None:
        return {}
    return {system: novel_captions(made, training_captions) for system, made in made_of.items()}


def _of_kept(
    items: Sequence[Item], systems: Mapping[str, Sequence[str]], test: TestItems
) -> dict[str, list[str]]:
    """The captions of the items that are measured; LampError for a system without one caption an item."""
    for system, captions in systems.items():
        if len(captions) != len(items):
            raise LampError(f"{system} has {len(captions)} captions for {len(items)} items")
    kept = {item.key for item in test.items}
    return {
        system: [caption for item, caption in zip(items, captions, strict=True) if item.key in kept]
        for system, captions in systems.items()
    }


def _references(test: TestItems) -> list[list[str]]:
    return [
        three_references([caption.text for caption in item.captions if caption_words(caption.text)])
        for item in test.items
    ]


def _with_words(items: Sequence[Item], statistics: FeatureStatistics) -> tuple[TestItems, str]:
    """The items that can be measured, and what is said of those left out."""
    kept = [item for item in items if any(caption_words(caption.text) for caption in item.captions)]
    lost = len(items) - len(kept)
    test = TestItems.of(kept, statistics)
    wordless = f"{lost} of {len(items)} items left out: no word in any caption" if lost else ""
    return test, "; ".join(filter(None, (test.note, wordless)))


def _protocol(settings: Evaluate, scorer: BertScorer | None) -> str:
    """The model of BERTScore is part of it: scores of two models never compare."""
    told = f", {BERT} of {scorer.label}" if scorer else ""
    return f"captioning, {candidates(settings)}{told}"


def _empty(captions: Sequence[str]) -> str:
    count = empty_captions(captions)
    return f"{count} of {len(captions)} captions empty, they score no word" if count else ""


def _truth(
    test: TestItems,
    judge: Embedded,
    settings: Evaluate,
    protocol: str,
    note: str,
    training_captions: Sequence[str] | None,
) -> list[Result]:
    measured = Measurements(GROUND_TRUTH, protocol, judge.evaluator.label, len(test), note)
    measured.add_note("its captions are the references, so it has no scores of words")
    for repeat in range(settings.repeats):
        texts_N = test.draw_captions(settings, repeat)
        measure_matching(measured, judge, texts_N, judge.motions, settings, repeat)
        texts = [caption.text for caption in test.captions_at(texts_N)]
        measured.record([LENGTH], partial(_length, texts))
    if training_captions is not None:
        every = [caption.text for item in test.items for caption in item.captions]
        measured.record([NOVEL], lambda: _share(novel_captions(every, training_captions)))
    return measured.results()


def _share(is_so_N: np.ndarray) -> list[float]:
    return [float(is_so_N.mean())]


def _length(captions: Sequence[str]) -> list[float]:
    return [mean_words(captions)]


def _measure_matching(
    measured: Measurements, judge: Embedded, captions: Sequence[str], settings: Evaluate
) -> None:
    """R-Precision and MM-Dist of captions and true motions; a caption that returns is embedded once."""
    different = list(dict.fromkeys(captions))
    place_of = {caption: place for place, caption in enumerate(different)}
    texts_N = np.array([place_of[caption] for caption in captions])
    texts_CE = judge.evaluator.embed_texts([tag_caption(caption) for caption in different])
    of_system = Embedded(judge.evaluator, judge.motions, texts_CE)
    for repeat in range(settings.repeats):
        measure_matching(measured, of_system, texts_N, judge.motions, settings, repeat)


def _measure_words(
    measured: Measurements,
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    bert_scores: Callable[[], dict[str, BertScores]],
) -> None:
    def bert_score() -> list[float]:
        scores = bert_scores()[measured.system]
        measured.add_note(scores.note if scores.weightless else "", BERT)
        return [scores.mean]

    measured.record([LENGTH], partial(_length, captions))
    measured.record(BLEU, lambda: list(bleu(captions, references).values()))
    measured.record([ROUGE], lambda: [rouge_l(captions, references)])
    measured.record([CIDER], lambda: [cider(captions, references)])
    measured.record([BERT], bert_score)


def _novel_rows(
    system: str,
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    bert_scores: Callable[[], dict[str, BertScores]],
    novel_N: np.ndarray,
    protocol: str,
    note: str,
) -> list[Result]:
    """Scores of the novel captions; n-grams and word pieces keep the weights that all items give them."""
    places = np.flatnonzero(novel_N).tolist()
    if not places:
        return []
    measured = Measurements(system, f"{NOVEL_PROTOCOL}, {protocol}", NO_EVALUATOR, len(places), note)
    novel, of_novel = [captions[place] for place in places], [references[place] for place in places]
    measured.record([LENGTH], partial(_length, novel))
    measured.record(BLEU, lambda: list(bleu(novel, of_novel).values()))
    measured.record([ROUGE], lambda: [rouge_l(novel, of_novel)])
    measured.record([CIDER], lambda: [float(cider_of_each(captions, references)[places].mean())])
    measured.record([BERT], lambda: [float(bert_scores()[system].f1_N[places].mean())])
    return measured.results()


def _bert_scores(
    captions_of: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    scorer: BertScorer | None,
) -> dict[str, BertScores]:
    if scorer is None:
        raise LampError(NO_SCORER)
    return scorer.scores_of(captions_of, references)
