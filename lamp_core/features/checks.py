"""What features must be for a trained model to read them."""

import numpy as np

from lamp_core.errors import LampError


def check_features(
    features_TD: np.ndarray, feature_count: int, shortest: int, skeleton: str, reader: str, name: str
) -> None:
    """Hold the features of a motion against what a model reads.

    Args:
        features_TD: of the motion.
        feature_count: D.
        shortest: frames of the shortest motion that is read.
        skeleton: name of the joints that the model was trained on.
        reader: what the model is called in errors, ``the captioner``.
        name: of the motion in errors.

    Raises:
        LampError: they are of another form, too few frames, or not finite.
    """
    if features_TD.ndim != 2 or features_TD.shape[1] != feature_count:
        raise LampError(
            f"{name} has the shape {features_TD.shape}; {reader} knows features (T, {feature_count}) of "
            f"{skeleton}"
        )
    if len(features_TD) < shortest:
        raise LampError(f"{name} has {len(features_TD)} feature frames; {reader} needs at least {shortest}")
    if not np.isfinite(features_TD).all():
        raise LampError(f"{name} holds values that are not finite")
