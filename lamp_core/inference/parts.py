"""One part of a motion anew, by a model whose motion tokens tell parts apart.

Shapes: T frames, D feature numbers a frame.
"""

from pathlib import Path

import numpy as np

from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.errors import LampError
from lamp_core.features.bones import Decoding
from lamp_core.inference.generate import EditedMotions, joints_of
from lamp_core.inference.models import loaded, say_what_is_lost
from lamp_core.inference.sampling import SamplingChange
from lamp_core.io.text import require_words
from lamp_core.systems.capabilities import EDIT_PARTS, EditsParts


def edit_part(
    data: Path,
    given_TD: np.ndarray,
    part: str,
    text: str | None,
    count: int = 1,
    seed: int = 0,
    model: str | None = None,
    decoding: Decoding = "bones",
    guidance: float | None = None,
) -> EditedMotions:
    """Make one part of a motion anew by a text; the codes of the other parts stay as they are.

    What comes back is the whole motion as the tokenizer decodes it, in whole motion tokens.

    Args:
        data: the project's data folder.
        given_TD: features, not normalised (`read_given`, `clip_features`).
        part: of the body or of the features, as the tokenizer names it.
        text: what the part does, for a model that was trained on captions of this part; else what the
            person does.
        count: how many motions.
        seed: same seed, arguments and models, same motions.
        model: name of the one that edits parts, where several can; the first without it.
        decoding: see `generate`.
        guidance: how closely the text is followed; without it the model's own for parts.

    Raises:
        LampError: no text, an unknown part (the known ones are named), a motion that the model does not
            read, stages that have not run, or a guidance that no model takes.
    """
    if text is None:
        raise LampError("--part needs --text: what the part does")
    require_words(text)
    if count < 1:
        raise LampError(f"{count} motions asked for; at least 1")
    space = FeatureSpace.load(data / "features")
    followed = SamplingChange(guidance).guidance
    editing: EditsParts = loaded(data, EDIT_PARTS, model).for_parts(followed)
    say_what_is_lost(editing, text)
    normalised_TD = np.asarray(space.statistics.normalise(given_TD), dtype=np.float32)
    made = editing.edit_part(part, text, normalised_TD, count, seed)
    features = [space.statistics.denormalise(made_TD) for made_TD in made]
    return EditedMotions(
        [joints_of(given_TD, space, decoding)],
        [joints_of(made_TD, space, decoding) for made_TD in features],
        0.0,
        len(features[0]) / space.skeleton.frames_per_second,
        space.skeleton,
        features,
    )
