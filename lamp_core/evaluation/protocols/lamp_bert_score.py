"""LaMP-BertScore (LaMP, section 3.4): what a captioner says of made motions, in both readings of the paper.

The 60 of its Table 1 and the 32 of its Table 4 cannot be the same quantity, since the ground truth of Table 1
scores 100. So there are two, under names of their own:

- ``LaMP-BertScore (references)``: BERTScore F1 of the caption of a made motion with the best of all true
  captions (Table 4). Its ceiling is the score of the captions of the true motions.
- ``LaMP-BertScore (true motion)``: the same with the caption of the true motion (Table 1). Its ceiling is 1
  by definition.

Shapes: N items.
"""

from collections.abc import Mapping, Sequence

from lamp_core.config.evaluation import Evaluate
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import CHANCE, GROUND_TRUTH
from lamp_core.evaluation.protocols.common import TestItems, random_draws
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.metrics.bert_score import NO_SCORER, BertScorer, BertScores

LAMP_BERT_SCORE = "LaMP-BertScore"
REFERENCES = f"{LAMP_BERT_SCORE} (references)"
TRUE_MOTION = f"{LAMP_BERT_SCORE} (true motion)"


def evaluate_lamp_bert_score(
    test: TestItems,
    true_motion_captions: Sequence[str],
    captions_of: Mapping[str, Sequence[str]],
    settings: Evaluate,
    scorer: BertScorer | None,
    captioner: str,
    *,
    made_from: str = "",
    notes: Mapping[str, str] | None = None,
) -> list[Result]:
    """Both readings of ground truth, chance and systems, from one motion an item.

    The ground truth's row, that of the true motions' captions, is the ceiling of each column. Chance gives
    the captions of true motions to items at random. Both readings weigh word pieces by the true captions.

    Args:
        test: the items.
        true_motion_captions: what the captioner says of the true motions, one an item.
        captions_of: what it says of the motions of systems, by their names; an empty caption scores 0.
        settings: seed, which caption and length the motions were made from.
        scorer: of BERTScore; without one the rows say so.
        captioner: name of what captions, the evaluator of the rows.
        made_from: what the motions were made from, for the protocol's name; that of the settings without it.
        notes: said of a system's rows.

    Raises:
        LampError: a system that does not have one caption an item. What cannot be measured is a row whose
            value is NaN and whose note says why.
    """
    shuffled_N = random_draws(settings, 0, "pairing").permutation(len(test))
    every = {
        GROUND_TRUTH: list(true_motion_captions),
        CHANCE: [true_motion_captions[place] for place in shuffled_N],
        **captions_of,
    }
    for system, captions in every.items():
        if len(captions) != len(test):
            raise LampError(f"{system} has {len(captions)} captions for {len(test)} items")
    said = {CHANCE: "captions of true motions, given to items at random", **(notes or {})}
    readings = _readings(test, every, scorer)
    protocol = lamp_bert_score_protocol(settings, scorer, made_from)
    rows: list[Result] = []
    for system in every:
        measured = Measurements(system, protocol, captioner, len(test), test.note)
        measured.add_note(said.get(system, ""))
        for metric, (scores_of, note) in readings.items():
            _record(measured, metric, scores_of, note)
        rows += measured.results()
    return rows


Reading = tuple[Mapping[str, BertScores] | LampError, str]
"""Scores by system, or why there are none, and what is said of them."""


def _readings(
    test: TestItems, every: Mapping[str, Sequence[str]], scorer: BertScorer | None
) -> dict[str, Reading]:
    """Both readings; true motions without a caption are no references, and left out of the second."""
    references = [[caption.text for caption in item.captions] for item in test.items]
    true = every[GROUND_TRUTH]
    kept = [place for place, caption in enumerate(true) if caption.strip()]
    lost = len(true) - len(kept)
    of_kept = {system: [captions[place] for place in kept] for system, captions in every.items()}
    weighed_by = [text for listed in references for text in listed]
    return {
        REFERENCES: (_scores(every, references, weighed_by, scorer), ""),
        TRUE_MOTION: (
            _scores(of_kept, [[true[place]] for place in kept], weighed_by, scorer),
            f"{lost} of {len(true)} items left out: no caption of the true motion" if lost else "",
        ),
    }


def _scores(
    captions_of: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    weighed_by: Sequence[str],
    scorer: BertScorer | None,
) -> Mapping[str, BertScores] | LampError:
    if scorer is None:
        return LampError(NO_SCORER)
    try:
        return scorer.scores_of(captions_of, references, weighed_by)
    except LampError as fault:
        return fault


def _record(
    measured: Measurements, metric: str, scores_of: Mapping[str, BertScores] | LampError, note: str
) -> None:
    def value() -> list[float]:
        if isinstance(scores_of, LampError):
            raise scores_of
        scores = scores_of[measured.system]
        measured.add_note(scores.note, metric)
        return [scores.mean]

    measured.record([metric], value)
    measured.add_note(note, metric)


def lamp_bert_score_protocol(settings: Evaluate, scorer: BertScorer | None, made_from: str = "") -> str:
    """The model of BERTScore is part of it: scores of two models never compare."""
    told = f", BERTScore of {scorer.label}" if scorer else ""
    made_from = made_from or f"{settings.captions} caption, {settings.length} length"
    return f"{LAMP_BERT_SCORE}, {made_from}{told}"
