"""Bodies that keep their bones, and features that say one thing: what generated motion breaks unseen.

Shapes: T frames, J joints, E bones (J-1), D feature numbers a frame.
"""

from collections.abc import Iterable

import numpy as np
import torch

from lamp_core.errors import LampError
from lamp_core.features.bones import decode_by
from lamp_core.features.decode import decode, facing_of, yaw_velocity_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.kinematics import bone_lengths
from lamp_core.skeleton.rotations import turn
from lamp_core.skeleton.skeleton import Skeleton

BONE_ERROR, WORST_BONE = "bone-length error", "worst bone"
OF_VELOCITIES, OF_ROTATIONS = "contradiction of velocities", "contradiction of rotations"
BODY = (BONE_ERROR, WORST_BONE, OF_VELOCITIES, OF_ROTATIONS)
CENTIMETRES_PER_METRE = 100.0


def body_errors(
    features: Iterable[np.ndarray], skeleton: Skeleton, reference_J3: np.ndarray
) -> dict[str, float]:
    """What the joints that are decoded from features do to the bones, and whether the features agree.

    - ``bone-length error``: mean difference of a bone's length from the reference's, as a share of that, over
      all bones and frames of all motions. True features have the reference's bones.
    - ``worst bone``: the largest such difference of a motion, mean over the motions.
    - ``contradiction of velocities``: mean distance of the step of a joint from a frame to the next and the
      step that its velocity tells, centimetres.
    - ``contradiction of rotations``: mean distance of a joint from where the rotations, on the reference's
      bones, put it, centimetres.

    Features are redundant, and a generator need not keep them in accord; whoever reads them by another part
    than this project does (positions by the root's path) sees another motion.

    Args:
        features: de-normalised, (T, D) each.
        skeleton: whose features they are.
        reference_J3: the pose whose bone lengths every clip was given.

    Raises:
        LampError: no motion, or none of two frames.
    """
    parts = [_of_motion(features_TD, skeleton, reference_J3) for features_TD in features]
    if not parts or not any(len(part[2]) for part in parts):
        raise LampError("the bones of motion need one motion of two frames at least, found none")
    errors, worst, steps, places = zip(*parts, strict=True)
    scale = CENTIMETRES_PER_METRE * skeleton.metres_per_unit
    return {
        BONE_ERROR: float(np.concatenate(errors).mean()),
        WORST_BONE: float(np.mean(worst)),
        OF_VELOCITIES: scale * float(np.concatenate(steps).mean()),
        OF_ROTATIONS: scale * float(np.concatenate(places).mean()),
    }


def _of_motion(
    features_TD: np.ndarray, skeleton: Skeleton, reference_J3: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Bone errors a frame, the worst of all, and both contradictions a frame."""
    features = torch.from_numpy(np.array(features_TD, dtype=np.float32))
    joints_TJ3 = decode(features, skeleton)
    bones_TE3 = joints_TJ3[:, 1:] - joints_TJ3[:, list(skeleton.parents[1:])]
    lengths_E = bone_lengths(torch.from_numpy(np.array(reference_J3, dtype=np.float32)), skeleton)
    errors_TE = (bones_TE3.norm(dim=-1) / lengths_E - 1.0).abs()
    by_rotation_TJ3 = decode_by("rotations", features, skeleton, reference_J3)
    places_T = (by_rotation_TJ3 - joints_TJ3).norm(dim=-1).mean(dim=1)
    steps_T = (joints_TJ3.diff(dim=0) - _told_steps(features, skeleton)[:-1]).norm(dim=-1).mean(dim=1)
    return errors_TE.mean(dim=1).numpy(), float(errors_TE.max()), steps_T.numpy(), places_T.numpy()


def _told_steps(features_TD: torch.Tensor, skeleton: Skeleton) -> torch.Tensor:
    """The steps (T, J, 3) of the joints in the world that their velocities tell, each seen from its frame."""
    layout = FeatureLayout.of(skeleton)
    cosine_T1, sine_T1 = facing_of(yaw_velocity_of(features_TD, layout))
    velocities_TJ3 = features_TD[:, layout["velocities"]].reshape(len(features_TD), -1, 3)
    return turn(velocities_TJ3.permute(1, 2, 0), cosine_T1[:, 0], -sine_T1[:, 0]).permute(2, 0, 1)
