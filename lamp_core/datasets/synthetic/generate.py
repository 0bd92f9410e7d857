"""The procedural data set: clips of people who move, with captions, from nothing but a seed.

Shapes: T frames, J joints. Joints are made for smpl22, or smplx52 where the wanted skeleton has hands, at
the rate of that skeleton, and mapped to it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from lamp_core.datasets.clips import Clip, Split
from lamp_core.datasets.preprocessing.tagging import tag_caption
from lamp_core.datasets.synthetic.body import Body, pose_joints
from lamp_core.datasets.synthetic.phrases import captions
from lamp_core.datasets.synthetic.sequence import draw_script
from lamp_core.datasets.synthetic.tracks import plan_pose
from lamp_core.errors import LampError
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

GENERATED = "generator"
GENERATOR_VERSION = "1"
"""Part of every clip's hash; raised when the same seed gives other clips than before."""
SMALLEST_BODY, LARGEST_BODY = 0.93, 1.07
TEST_SHARE, VALIDATION_SHARE = 15, 5
"""In per cent."""
KIT_JOINTS = {
    "spine": ("spine1",),
    "chest": ("spine3",),
    "left_midfoot": ("left_ankle", "left_foot"),
    "right_midfoot": ("right_ankle", "right_foot"),
    "left_toes": ("left_foot",),
    "right_toes": ("right_foot",),
}
"""Joints of kit21 that smpl22 has under another name, or as the middle of two."""


def generate_clips(count: int, seed: int, skeleton: Skeleton) -> Iterator[Clip]:
    """The first `count` clips of a seed; each depends on the seed and its own number only."""
    for index in range(count):
        yield generate_clip(index, seed, skeleton)


def generate_clip(index: int, seed: int, skeleton: Skeleton) -> Clip:
    """One clip of a seed.

    Args:
        index: number of the clip, from 0.
        seed: of the data set.
        skeleton: smpl22, kit21 or smplx52; gives joints, rate and unit. With hands there are gestures too.

    Raises:
        LampError: the skeleton has joints that this body does not have.
    """
    rng = np.random.default_rng([seed, index])
    body = _body("smplx52" if "left_index1" in skeleton.joints else "smpl22")
    script = draw_script(body, skeleton.frames_per_second, rng)
    sentences = captions(script.performances, script.together, rng)
    joints_TJ3 = pose_joints(plan_pose(script.plan), body) * rng.uniform(SMALLEST_BODY, LARGEST_BODY)
    first_frame = round(script.start * skeleton.frames_per_second)
    source = f"procedural:{seed}:{index}"
    return Clip(
        name=f"{script.performances[0].name}_{index:06d}",
        joints_TJ3=_for_skeleton(joints_TJ3[first_frame:], body.joints, skeleton).astype(np.float32),
        frames_per_second=skeleton.frames_per_second,
        captions=[replace(tag_caption(sentence), tags_by=GENERATED) for sentence in sentences],
        split=split_of(index),
        source=source,
        source_sha256=hashlib.sha256(f"{source}:{GENERATOR_VERSION}".encode()).hexdigest(),
        labels=script.labels,
    )


def split_of(index: int) -> Split:
    """The split of a clip: 80 % train, 5 % val, 15 % test, by a hash of its number."""
    percent = int(hashlib.sha256(f"procedural split {index}".encode()).hexdigest(), 16) % 100
    if percent < TEST_SHARE:
        return "test"
    return "val" if percent < TEST_SHARE + VALIDATION_SHARE else "train"


@lru_cache(maxsize=2)
def _body(skeleton_name: str) -> Body:
    """The body of every clip, before it is scaled: the rest pose of a skeleton."""
    skeleton = load_skeleton(skeleton_name)
    return Body(
        skeleton.joints,
        np.asarray(canonical_reference(skeleton), dtype=np.float64) * skeleton.metres_per_unit,
    )


def _for_skeleton(joints_TJ3: np.ndarray, known: tuple[str, ...], skeleton: Skeleton) -> np.ndarray:
    """Known joints in metres as those of a skeleton in its unit."""
    wanted = [
        KIT_JOINTS.get(joint, (joint,)) if joint not in known else (joint,) for joint in skeleton.joints
    ]
    missing = sorted({joint for sources in wanted for joint in sources} - set(known))
    if missing:
        raise LampError(
            f"the procedural body has no {', '.join(missing)} of {skeleton.name}; "
            "use smpl22, kit21 or smplx52"
        )
    columns = [joints_TJ3[:, [known.index(joint) for joint in sources]].mean(axis=1) for sources in wanted]
    return np.stack(columns, axis=1) / skeleton.metres_per_unit
