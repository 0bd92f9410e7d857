"""The figure as a skinned body: a capsule a limb and a head, each vertex weighted to joints that carry it.

Shapes: V vertices, F triangles, J joints, R rings of a capsule, S segments of a ring, 3 coordinates (Y up).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.figure import HEAD_RADIUS, SIDES, Side, figure_bones, head_joint

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

SEGMENTS, CAP_RINGS = 12, 3
FINGER = 0.4  # of a bone's length, the most that half its thickness may be; the spine's are thicker
HEAD_AHEAD = 0.06  # metres from the joint of the head to the middle of the head
SHORTEST = 1e-6  # metres; a shorter bone carries no limb


@dataclass(frozen=True, eq=False)
class BodyPart:
    """The limbs of one side in the pose at rest, as one mesh.

    Args:
        side: left, right or spine, which gives the colour.
        vertices_V3: metres.
        normals_V3: unit length.
        joints_V2: the two joints that carry each vertex.
        weights_V2: how much each does, summing to one.
        triangles_F3: vertices, counter-clockwise from outside.
    """

    side: Side
    vertices_V3: Floats
    normals_V3: Floats
    joints_V2: Integers
    weights_V2: Floats
    triangles_F3: Integers


def body_parts(skeleton: Skeleton, rest_J3: NDArray[np.floating]) -> list[BodyPart]:
    """The body of a skeleton, a part a side.

    A limb follows the joint that it starts at; its far end goes halfway with the joint that it ends in, which
    bends elbows and knees smoothly and stretches with a bone that changes its length.

    Args:
        skeleton: whose bones are covered.
        rest_J3: its pose at rest, metres.
    """
    limbs: dict[Side, list[BodyPart]] = {side: [] for side in SIDES}
    for bone in figure_bones(skeleton):
        start_3, end_3 = rest_J3[bone.parent], rest_J3[bone.child]
        length = float(np.linalg.norm(end_3 - start_3))
        if length < SHORTEST:
            continue
        radius = bone.radius if bone.side == "spine" else min(bone.radius, FINGER * length)
        limbs[bone.side].append(_capsule(bone.side, start_3, end_3, radius, (bone.parent, bone.child)))
        if bone.child == head_joint(skeleton):
            centre_3 = end_3 + HEAD_AHEAD * (end_3 - start_3) / length
            limbs[bone.side].append(_capsule(bone.side, centre_3, centre_3, HEAD_RADIUS, (bone.child,) * 2))
    return [_joined(parts) for parts in limbs.values() if parts]


def _capsule(
    side: Side,
    start_3: NDArray[np.floating],
    end_3: NDArray[np.floating],
    radius: float,
    joints: tuple[int, int],
) -> BodyPart:
    """A cylinder with round ends; a ball where both ends are one."""
    latitude_R = np.linspace(-np.pi / 2, 0, CAP_RINGS + 1)
    latitude_R = np.concatenate((latitude_R, -latitude_R[::-1]))
    longitude_S = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    along_3 = end_3 - start_3
    length = float(np.linalg.norm(along_3))
    along_3 = along_3 / length if length else np.array([0.0, 1.0, 0.0])
    across_3 = np.cross(along_3, np.eye(3)[np.abs(along_3).argmin()])
    across_3 = across_3 / np.linalg.norm(across_3)
    around_S3 = np.outer(np.cos(longitude_S), across_3) + np.outer(
        np.sin(longitude_S), np.cross(along_3, across_3)
    )
    normals_RS3 = np.cos(latitude_R)[:, None, None] * around_S3 + np.sin(latitude_R)[:, None, None] * along_3
    is_end_R = np.arange(len(latitude_R)) > CAP_RINGS
    centres_R3 = np.where(is_end_R[:, None], end_3, start_3)
    end_weight_RS = np.repeat(
        np.where(is_end_R & (joints[0] != joints[1]), 0.5, 0.0)[:, None], SEGMENTS, axis=1
    )
    weights_V2 = np.stack((1 - end_weight_RS, end_weight_RS), axis=-1).reshape(-1, 2)
    joints_V2 = np.tile(np.array(joints, dtype=np.int64), (len(weights_V2), 1))
    return BodyPart(
        side,
        (centres_R3[:, None] + radius * normals_RS3).reshape(-1, 3).astype(np.float32),
        normals_RS3.reshape(-1, 3).astype(np.float32),
        np.where(weights_V2 > 0, joints_V2, 0),
        weights_V2.astype(np.float32),
        _triangles(len(latitude_R), is_ball=not length),
    )


def _triangles(rings: int, *, is_ball: bool) -> Integers:
    """Triangles between the rings; without those of no area, at the poles and a ball's waist."""
    ring_RS, segment_RS = np.meshgrid(np.arange(rings - 1), np.arange(SEGMENTS), indexing="ij")
    here, beside = ring_RS * SEGMENTS + segment_RS, ring_RS * SEGMENTS + (segment_RS + 1) % SEGMENTS
    is_waist_R = is_ball & (np.arange(rings - 1) == CAP_RINGS)
    lower_F3 = np.stack((here, beside, beside + SEGMENTS), axis=-1)[1:][~is_waist_R[1:]]
    upper_F3 = np.stack((here, beside + SEGMENTS, here + SEGMENTS), axis=-1)[:-1][~is_waist_R[:-1]]
    return np.concatenate((lower_F3.reshape(-1, 3), upper_F3.reshape(-1, 3)))


def _joined(parts: list[BodyPart]) -> BodyPart:
    firsts = np.cumsum([0, *(len(part.vertices_V3) for part in parts[:-1])])
    return BodyPart(
        parts[0].side,
        np.concatenate([part.vertices_V3 for part in parts]),
        np.concatenate([part.normals_V3 for part in parts]),
        np.concatenate([part.joints_V2 for part in parts]),
        np.concatenate([part.weights_V2 for part in parts]),
        np.concatenate([part.triangles_F3 + first for part, first in zip(parts, firsts, strict=True)]),
    )
