"""What a family of measurements is, and the systems that several families measure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.evaluation.baselines import UNTRAINED
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.capabilities import Completes, Generates, HasFloor, Reconstructs

if TYPE_CHECKING:  # a family imports no protocol but its own
    from lamp_core.evaluation.protocols.joints import MakeMotions
    from lamp_core.evaluation.protocols.text_to_motion import Generate


@dataclass(frozen=True)
class Family:
    """What is measured together, of models that have one capability.

    Args:
        name: the first part of its metrics' keys.
        capability: of the models, of `CAPABILITIES`.
        protocols: of which ``evaluate.protocols`` names those that are measured.
        measure: measures it; floors and untrained models stand beside the trained ones.
        of_generated: whether the same generated motions are measured as by others of this kind, made once.
    """

    name: str
    capability: str
    protocols: tuple[str, ...]
    measure: "Callable[[Systems, OnProgress | None], list[Result]]"
    of_generated: bool = False


def asked_for(families: Sequence[Family], settings: Evaluate) -> list[Family]:
    """Those of which ``evaluate.protocols`` names a protocol."""
    return [family for family in families if set(settings.protocols) & set(family.protocols)]


def measure(
    trained: Trained, families: Sequence[Family], on_progress: OnProgress | None = None
) -> dict[str, list[Result]]:
    """Return the rows of the families, by name, that the settings ask for."""
    systems = Systems(trained)
    return {
        family.name: family.measure(systems, on_progress) for family in asked_for(families, trained.settings)
    }


class Systems:
    """The trained and untrained systems that several families measure; what one made, the next need not.

    Args:
        trained: the models.
    """

    def __init__(self, trained: Trained) -> None:
        self.trained = trained

    @cached_property
    def completing(self) -> dict[str, Completes]:
        """What completes motions, an untrained model first."""
        return with_floor(self.trained.completing, self.trained.settings.seed)

    @cached_property
    def generating(self) -> "dict[str, Generate]":
        """What generates, an untrained model first; each remembers what it first made."""
        true_length = self.trained.settings.length == "true"
        every = with_floor(self.trained.generating, self.trained.settings.seed)
        return {name: Remembering(generate_with(model, true_length)) for name, model in every.items()}

    def one_motion_an_item(self) -> "dict[str, MakeMotions]":
        """What reconstructs the true motions, and what generates from captions, untrained and trained."""
        trained = self.trained
        made_by = {name: _reconstructed(model) for name, model in trained.reconstructing.items()}
        return made_by | {
            name: _first_generation(generate, trained.settings) for name, generate in self.generating.items()
        }


M = TypeVar("M")


def with_floor(models: Mapping[str, M], seed: int) -> dict[str, M]:
    """The models, behind one of the shape of the first that has random weights, where it can say so."""
    first = next((model for model in models.values() if isinstance(model, HasFloor)), None)
    return {**({UNTRAINED: first.untrained(seed)} if first is not None else {}), **models}


class Remembering:
    """A generator that keeps the motions of its first call, to be asked for again.

    Args:
        generate: the generator.
    """

    def __init__(self, generate: "Generate") -> None:
        self._generate = generate
        self._asked: tuple[list[Caption], list[int], int] | None = None
        self._made: Sequence[np.ndarray] = ()

    def __call__(self, captions: Sequence[Caption], frames: Sequence[int], seed: int) -> Sequence[np.ndarray]:
        """Generate, or return what was generated for the same."""
        asked = (list(captions), list(frames), seed)
        if asked == self._asked:
            return self._made
        made = self._generate(captions, frames, seed)
        if self._asked is None:
            self._asked, self._made = asked, made
        return made


def generate_with(model: Generates, true_length: bool) -> "Generate":
    """Return what the protocols call: captions and true lengths to motions."""

    def generate(captions: Sequence[Caption], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        texts = [caption.text for caption in captions]
        lengths = frames if true_length else model.lengths(texts, seed)
        return model.generate(texts, lengths, seed)

    return generate


def _reconstructed(model: Reconstructs) -> "MakeMotions":
    return lambda test: model.reconstruct(test.motions)


def _first_generation(generate: "Generate", settings: Evaluate) -> "MakeMotions":
    """The motions of the first repeat of text to motion."""
    return lambda test: generate(
        test.captions_at(test.draw_captions(settings, 0)), [item.frames for item in test.items], settings.seed
    )
