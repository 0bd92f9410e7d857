"""Tokenizers by reconstruction, each with its leading layers alone where it has several."""

from lamp_core.evaluation.baselines import UNTRAINED
from lamp_core.evaluation.families.family import Family, Systems, with_floor
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.reconstruction import Reconstruction, evaluate_tokenizer
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.route import embed_by
from lamp_core.systems.capabilities import GENERATE, RECONSTRUCT, Reconstructs
from lamp_core.systems.model import with_capability


def _measure(systems: Systems, _: OnProgress | None) -> list[Result]:
    trained = systems.trained
    every: dict[str, Reconstructs] = {}
    for name, model in with_floor(trained.reconstructing, trained.settings.seed).items():
        every |= {name: model, **(model.parts() if name != UNTRAINED else {})}
    return evaluate_tokenizer(
        trained.items,
        {name: Reconstruction(model.reconstruct, model.usage) for name, model in every.items()},
        trained.guo,
        trained.features.skeleton,
        trained.features.statistics,
        trained.settings,
        # A system that generates has its second opinion there; tokenizers alone have it here.
        matching=() if with_capability(trained.models, GENERATE) else trained.further_evaluators,
        embed=embed_by(trained.settings.route, trained.features, trained.cache.embed),
    )


TOKENIZER = Family("tokenizer", RECONSTRUCT, ("reconstruction",), _measure)
