"""The catalogue of models: every model of every system, a line a model in the module of its system.

Nothing heavy is imported: what only names models does not wait for torch.
"""

from collections.abc import Mapping

from lamp_core.systems import lamp, large_motion, lexical, motion_language, tokenizers
from lamp_core.systems.model import Model

SYSTEMS: Mapping[str, tuple[Model, ...]] = {
    "lamp": lamp.MODELS,
    "lexical": lexical.MODELS,
    "motion-language": motion_language.MODELS,
    "tokenizers": tokenizers.MODELS,
    "large-motion": large_motion.MODELS,
}
MODELS: tuple[Model, ...] = tuple(model for models in SYSTEMS.values() for model in models)
"""In the order in which commands choose among those that can do the same."""
