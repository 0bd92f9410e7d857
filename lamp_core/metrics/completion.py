"""Completion and control: how near a motion comes to what it was given, and to what it had to add.

Distances of joints in centimetres, as the mean over the joints and as their sum (``summed``). Every clip
counts the same, whatever its length.

Shapes: T frames, M frames of the made motion where it may differ, J joints, K key poses.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton

CENTIMETRES_PER_METRE = 100.0
PELVIS = 0
RECON, VEL, ADE, FDE = "Recon", "Vel", "ADE", "FDE"
SUMMED, LEGACY = "summed", "legacy"

Motions = Sequence[np.ndarray]


def completion_errors(
    true: Motions,
    made: Motions,
    given: Motions,
    skeleton: Skeleton,
    *,
    legacy: bool = False,
    root_of: Mapping[int, int] | None = None,
) -> dict[str, float]:
    """Errors of motions of which some frames were given.

    - ``Recon``: distance of the given poses, pelvis on pelvis, since a pose that is given has no place.
    - ``Vel``: distance of the steps (from a frame to the next) that touch a given pose, in the world,
      centimetres a frame.
    - ``ADE``, ``FDE``: distance in the world of all frames that were not given, and of the last of them.

    The papers say L2 and no more (MotionGPT-2, section V-A, tables VII and X). Public code takes the length
    of the vector of all joints of a frame, the padding's frames included; *switch* ``legacy`` adds
    ``ADE legacy`` and ``FDE legacy``, that length in metres, of the clip's own frames.

    Args:
        true: joints (T, J, 3) in the skeleton's unit, a clip an array.
        made: the completed clips, of the same shapes.
        given: which frames of each clip were given, bool (T,).
        skeleton: says the unit.
        legacy: see above.
        root_of: the joints that are measured, all without it, and for each the one that is put on the true
            one before ``Recon``, the pelvis without it (`part_roots`).

    Raises:
        LampError: clips that do not fit each other, are not finite, or of which no frame or every frame was
            given.
    """
    _check_count(true, made, given)
    clips: list[dict[str, float]] = []
    for place, clip in enumerate(zip(true, made, given, strict=True)):
        true_TJ3, made_TJ3, given_T = _checked(place, *clip, skeleton)
        added_T = ~given_T
        if true_TJ3.shape != made_TJ3.shape:
            raise LampError(f"clip {place} has shape {true_TJ3.shape}, its completion {made_TJ3.shape}")
        if not added_T.any():
            raise LampError(f"every frame of clip {place} was given; there is nothing to measure")
        poses = [_poses(motion, root_of) for motion in (true_TJ3, made_TJ3)]
        true_TJ3, made_TJ3 = (_joints(motion, root_of) for motion in (true_TJ3, made_TJ3))
        distances_TJ = _distances(true_TJ3, made_TJ3)
        touched_T = given_T[:-1] | given_T[1:]
        steps_TJ = _distances(np.diff(true_TJ3, axis=0), np.diff(made_TJ3, axis=0))[touched_T]
        errors = (
            _both(RECON, _distances(*poses)[given_T])
            | _both(VEL, steps_TJ)
            | _both(ADE, distances_TJ[added_T])
            | _both(FDE, distances_TJ[added_T][-1:])
        )
        clips.append(errors | (_legacy(distances_TJ[added_T]) if legacy else {}))
    return _mean_of(clips)


def key_pose_errors(
    true: Motions,
    made: Motions,
    keys: Motions,
    skeleton: Skeleton,
    root_of: Mapping[int, int] | None = None,
) -> dict[str, float]:
    """``Recon`` and ``Vel`` of key poses, whose frame in the made motion is not known.

    A key pose is measured at the frame of the made motion whose whole pose is nearest (MotionGPT-2, section
    V-A);
    ``Vel`` compares the steps to that frame and from it with those of the key pose, where both motions have
    them. The made motion may be longer or shorter than the true one.

    Args:
        true: joints (T, J, 3) in the skeleton's unit.
        made: joints (M, J, 3).
        keys: frames of the key poses in each true clip, (K,).
        skeleton: says the unit.
        root_of: see `completion_errors`.

    Raises:
        LampError: clips that do not fit each other, are not finite, or have no key pose.
    """
    _check_count(true, made, keys)
    clips = []
    for place, (true_TJ3, made_MJ3, keys_K) in enumerate(zip(true, made, keys, strict=True)):
        if not len(keys_K) or min(keys_K) < 0 or max(keys_K) >= len(true_TJ3):
            raise LampError(f"clip {place} of {len(true_TJ3)} frames has the key poses {list(keys_K)}")
        is_key_T = np.isin(np.arange(len(true_TJ3)), keys_K)
        true_TJ3, made_MJ3, _ = _checked(place, true_TJ3, made_MJ3, is_key_T, skeleton)
        clips.append(_key_errors(true_TJ3, made_MJ3, np.flatnonzero(is_key_T), root_of))
    return _mean_of(clips)


def _key_errors(
    true_TJ3: np.ndarray, made_MJ3: np.ndarray, keys_K: np.ndarray, root_of: Mapping[int, int] | None
) -> dict[str, float]:
    true_KJ3, made_poses_MJ3 = _poses(true_TJ3)[keys_K], _poses(made_MJ3)
    gaps_KM = np.linalg.norm(
        (true_KJ3[:, None] - made_poses_MJ3[None]).reshape(len(keys_K), len(made_MJ3), -1), axis=-1
    )
    nearest_K = gaps_KM.argmin(axis=1)
    poses = (_poses(true_TJ3, root_of)[keys_K], _poses(made_MJ3, root_of)[nearest_K])
    true_TJ3, made_MJ3 = (_joints(motion, root_of) for motion in (true_TJ3, made_MJ3))
    steps = [
        _distances(true_TJ3[key + side] - true_TJ3[key], made_MJ3[found + side] - made_MJ3[found])
        for key, found in zip(keys_K, nearest_K, strict=True)
        for side in (-1, 1)
        if 0 <= key + side < len(true_TJ3) and 0 <= found + side < len(made_MJ3)
    ]
    errors = _both(RECON, _distances(*poses))
    return errors | (_both(VEL, np.stack(steps)) if steps else {})


def _both(name: str, distances_TJ: np.ndarray) -> dict[str, float]:
    return {
        name: float(distances_TJ.mean()),
        f"{name} {SUMMED}": float(distances_TJ.sum(axis=1).mean()),
    }


def _legacy(distances_TJ: np.ndarray) -> dict[str, float]:
    lengths_T = np.linalg.norm(distances_TJ, axis=1) / CENTIMETRES_PER_METRE
    return {f"{ADE} {LEGACY}": float(lengths_T.mean()), f"{FDE} {LEGACY}": float(lengths_T[-1])}


def _distances(first_TJ3: np.ndarray, second_TJ3: np.ndarray) -> np.ndarray:
    distances_TJ: np.ndarray = np.linalg.norm(first_TJ3 - second_TJ3, axis=-1)
    return distances_TJ


def _poses(joints_TJ3: np.ndarray, root_of: Mapping[int, int] | None = None) -> np.ndarray:
    roots = [PELVIS] if root_of is None else list(root_of.values())
    poses_TJ3: np.ndarray = _joints(joints_TJ3, root_of) - joints_TJ3[:, roots]
    return poses_TJ3


def _joints(joints_TJ3: np.ndarray, root_of: Mapping[int, int] | None) -> np.ndarray:
    return joints_TJ3 if root_of is None else joints_TJ3[:, list(root_of)]


def _mean_of(clips: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean over the clips that have the number; a clip of one frame has no step."""
    names = dict.fromkeys(name for clip in clips for name in clip)
    return {name: float(np.mean([clip[name] for clip in clips if name in clip])) for name in names}


def _check_count(true: Motions, made: Motions, given: Motions) -> None:
    if not len(true) == len(made) == len(given) or not len(true):
        raise LampError(
            f"{len(true)} true clips, {len(made)} completed and {len(given)} lists of given frames; "
            "they have to be as many, at least one"
        )


def _checked(
    place: int, true_TJ3: np.ndarray, made_TJ3: np.ndarray, given_T: np.ndarray, skeleton: Skeleton
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both motions in centimetres, and the given frames as flags."""
    scale = skeleton.metres_per_unit * CENTIMETRES_PER_METRE
    motions = [np.asarray(motion, dtype=np.float64) * scale for motion in (true_TJ3, made_TJ3)]
    for motion in motions:
        if motion.ndim != 3 or motion.shape[1:] != (skeleton.joint_count, 3) or not len(motion):
            wanted = f"(frames, {skeleton.joint_count}, 3)"
            raise LampError(f"clip {place} has shape {motion.shape}; {skeleton.name} has {wanted}")
        if not np.isfinite(motion).all():
            raise LampError(f"clip {place} or its completion is not finite; leave it out and count it")
    flags_T = np.asarray(given_T, dtype=bool)
    if flags_T.shape != (len(motions[0]),) or not flags_T.any():
        raise LampError(
            f"clip {place} of {len(motions[0])} frames has {int(flags_T.sum())} given ones among "
            f"{flags_T.size} flags; at least one has to be given, with a flag a frame"
        )
    return motions[0], motions[1], flags_T
