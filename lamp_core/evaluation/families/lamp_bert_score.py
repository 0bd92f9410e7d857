"""LaMP-BertScore of the trained systems: their motions, captioned by the first trained captioner."""

from collections.abc import Mapping, Sequence

from lamp_core.datasets.items import Item
from lamp_core.evaluation.families.captioning import bert_scorer, captions_of
from lamp_core.evaluation.families.family import Family, Systems
from lamp_core.evaluation.protocols.common import Made, OnProgress, TestItems
from lamp_core.evaluation.protocols.joints import NO_EVALUATOR, MakeMotions
from lamp_core.evaluation.protocols.lamp_bert_score import (
    REFERENCES,
    TRUE_MOTION,
    evaluate_lamp_bert_score,
    lamp_bert_score_protocol,
)
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.capabilities import CAPTION, GENERATE
from lamp_core.systems.model import with_capability

GIVEN = "the first motion of an item, lengths as made"


def _measure(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    """What generates stands before what reconstructs: an experiment's table shows a row's first system."""
    made_by = systems.one_motion_an_item()
    generated = {name: made_by[name] for name in systems.generating}
    return measure_lamp_bert_score(systems.trained, generated | made_by, on_progress)


def measure_lamp_bert_score(
    trained: Trained,
    made_by: Mapping[str, MakeMotions],
    on_progress: OnProgress | None = None,
    *,
    items: Sequence[Item] | None = None,
    note: str = "",
) -> list[Result]:
    """Both readings of the ground truth, chance and each system.

    Args:
        trained: what captions, test items and settings.
        made_by: what makes the motions of each system, one an item.
        on_progress: called with (motions captioned, of all, text).
        items: those that the motions are of; all test items without it.
        note: said of the rows of the systems.

    Where nothing that captions is trained, the rows of the systems say so.

    Raises:
        LampError: no items, or a captioner that cannot be loaded.
    """
    test = TestItems.of(trained.items if items is None else items, trained.features.statistics)
    if not trained.captioning:
        return [row for system in made_by for row in _not_measured(system, trained, len(test))]
    captioner = next(iter(trained.captioning))
    true_motion_captions = captions_of(trained, captioner, test.motions, on_progress)
    captions, notes = {}, {}
    for system, make in made_by.items():
        motions = make(test)
        unsound = Made.of(system, motions, len(test)).note.replace("left out", "they have no caption")
        notes[system] = "; ".join(filter(None, (note, unsound)))
        captions[system] = captions_of(trained, captioner, motions, on_progress)
    return evaluate_lamp_bert_score(
        test,
        true_motion_captions,
        captions,
        trained.settings,
        bert_scorer(trained),
        captioner,
        made_from="" if items is None else GIVEN,
        notes=notes,
    )


def _not_measured(system: str, trained: Trained, items: int) -> list[Result]:
    protocol = lamp_bert_score_protocol(trained.settings, None)
    first = next(iter(with_capability(trained.models, CAPTION)), None)
    measured = Measurements(system, protocol, first.name if first else NO_EVALUATOR, items)
    why = (
        f"the stage {first.stage} has not run; `lamp run --until {first.stage}` trains what captions"
        if first
        else "the system has no model that captions"
    )
    measured.faults = dict.fromkeys((REFERENCES, TRUE_MOTION), why)
    return measured.results()


LAMP_BERT_SCORE = Family("lamp_bert_score", GENERATE, ("lamp-bert-score",), _measure, of_generated=True)
