"""The catalogue of families: what can be measured, a line a family, and of which models."""

from collections.abc import Mapping, Sequence
from itertools import chain

from lamp_core.evaluation.families.captioning import CAPTIONING
from lamp_core.evaluation.families.completion import COMPLETION
from lamp_core.evaluation.families.control import CONTROLLED
from lamp_core.evaluation.families.family import Family
from lamp_core.evaluation.families.lamp_bert_score import LAMP_BERT_SCORE
from lamp_core.evaluation.families.plausibility import PLAUSIBILITY
from lamp_core.evaluation.families.retrieval import RETRIEVAL
from lamp_core.evaluation.families.text_to_motion import TEXT_TO_MOTION
from lamp_core.evaluation.families.tokenizer import TOKENIZER
from lamp_core.systems.capabilities import CAPABILITIES
from lamp_core.systems.model import Model

FAMILIES: tuple[Family, ...] = (
    TOKENIZER,
    TEXT_TO_MOTION,
    PLAUSIBILITY,
    COMPLETION,
    CONTROLLED,
    RETRIEVAL,
    CAPTIONING,
    LAMP_BERT_SCORE,
)
PROTOCOLS: Mapping[str, tuple[str, ...]] = {
    capability: tuple(
        chain.from_iterable(each.protocols for each in FAMILIES if each.capability == capability)
    )
    for capability in CAPABILITIES
}
"""By what each capability is measured."""


def protocols_of_stages(models: Sequence[Model]) -> dict[str, tuple[str, ...]]:
    """The stages whose models can be measured, and the protocols of each."""
    return {
        model.stage: tuple(chain.from_iterable(PROTOCOLS[each] for each in model.capabilities))
        for model in models
    }
