"""Motions whose joints follow from rotations, and the forward kinematics that the tests read files with."""

import numpy as np
from scipy.spatial.transform import Rotation

from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

MILLIMETRE = 0.001


def forward(
    rotations_TJ33: np.ndarray, offsets_J3: np.ndarray, root_T3: np.ndarray, parents: list[int]
) -> np.ndarray:
    """Joints (T, J, 3) of local rotations, places in the parents' frames, also (T, J, 3), and the root."""
    offsets_TJ3 = np.broadcast_to(offsets_J3, (len(root_T3), len(parents), 3))
    world, places = [rotations_TJ33[:, 0]], [root_T3]
    for joint, parent in list(enumerate(parents))[1:]:
        places.append(places[parent] + np.einsum("tij,tj->ti", world[parent], offsets_TJ3[:, joint]))
        world.append(world[parent] @ rotations_TJ33[:, joint])
    return np.stack(places, axis=1)


def posed(skeleton: Skeleton, frames: int = 40, seed: int = 0, sway: float = 0.5) -> np.ndarray:
    """A body with the bones of the rest pose that walks, turns and moves all its joints, in its own unit."""
    random = np.random.default_rng(seed)
    rest_J3 = np.array(skeleton.rest)
    offsets_J3 = rest_J3 - rest_J3[[max(parent, 0) for parent in skeleton.parents]]
    time_T = np.arange(frames) / skeleton.frames_per_second
    phases_J3 = random.uniform(0, 6, (skeleton.joint_count, 3))
    vectors_TJ3 = sway * np.sin(3 * time_T[:, None, None] + phases_J3)
    vectors_TJ3[:, 0] = np.array([0.1, 1, 0.1]) * np.sin(time_T)[:, None]
    rotations = Rotation.from_rotvec(vectors_TJ3.reshape(-1, 3)).as_matrix()
    root_T3 = rest_J3[0] + np.stack((0 * time_T, 0 * time_T, time_T), axis=1) / skeleton.metres_per_unit
    return forward(rotations.reshape(frames, -1, 3, 3), offsets_J3, root_T3, list(skeleton.parents))


def stretching(skeleton: Skeleton, frames: int = 40) -> np.ndarray:
    """The same body, whose bones change their lengths by centimetres, as generated ones may."""
    joints_TJ3 = posed(skeleton, frames)
    noise_TJ3 = np.random.default_rng(1).normal(0, 0.02 / skeleton.metres_per_unit, joints_TJ3.shape)
    return joints_TJ3 + noise_TJ3


SMPL = load_skeleton("smpl22")
