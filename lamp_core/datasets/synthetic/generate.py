"""The procedural data set: clips of people who move, with captions, from nothing but a seed.

Shapes: T frames, J joints. Joints are made for smpl22, or smplx52 where the wanted skeleton has hands, at
the rate of that skeleton, and mapped to it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.clips import Clip, Split
from lamp_core.datasets.preprocessing.tagging import tag_words
from lamp_core.datasets.synthetic.block import Block
from lamp_core.datasets.synthetic.body import Body, pose_joints
from lamp_core.datasets.synthetic.part_captions import part_captions
from lamp_core.datasets.synthetic.phrases import captions
from lamp_core.datasets.synthetic.sequence import Script, draw_script
from lamp_core.datasets.synthetic.tracks import plan_pose
from lamp_core.errors import LampError
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

GENERATED = "generator"
GENERATOR_VERSION = "1"
"""Part of every clip's hash; raised when the same seed gives other joints or captions of the whole body."""
SMALLEST_BODY, LARGEST_BODY = 0.93, 1.07
CLIPS_A_BLOCK = 16
"""Clips that are made together: enough that a call computes longer than it takes to begin, and few enough
that the arrays stay in the cache."""
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
    for first in range(0, count, CLIPS_A_BLOCK):
        yield from generate_block(range(first, min(first + CLIPS_A_BLOCK, count)), seed, skeleton)


def generate_clip(index: int, seed: int, skeleton: Skeleton) -> Clip:
    """One clip of a seed, as `generate_block` makes it among others in half the time."""
    return generate_block([index], seed, skeleton)[0]


def generate_block(indices: Sequence[int], seed: int, skeleton: Skeleton) -> list[Clip]:
    """Some clips of a seed; each is the same to the last bit whatever stands beside it.

    Args:
        indices: numbers of the clips, from 0; about `CLIPS_A_BLOCK` at once are fastest.
        seed: of the data set.
        skeleton: smpl22, kit21 or smplx52; gives joints, rate and unit. With hands there are gestures too.

    Raises:
        LampError: the skeleton has joints that this body does not have.
    """
    body = _body("smplx52" if "left_index1" in skeleton.joints else "smpl22")
    rngs = [np.random.default_rng([seed, index]) for index in indices]
    scripts = [draw_script(body, skeleton.frames_per_second, rng) for rng in rngs]
    sentences = [
        captions(script.performances, script.together, rng) for script, rng in zip(scripts, rngs, strict=True)
    ]
    block = Block([script.plan for script in scripts])
    sizes_T = np.repeat([rng.uniform(SMALLEST_BODY, LARGEST_BODY) for rng in rngs], block.frames_B)
    joints_TJ3 = pose_joints(plan_pose(block), body) * sizes_T[:, None, None]
    joints_TJ3 = _for_skeleton(joints_TJ3, body.joints, skeleton)
    return [
        _clip(index, seed, script, told, joints_TJ3[span])
        for index, script, told, span in zip(indices, scripts, sentences, block.spans, strict=True)
    ]


def _clip(index: int, seed: int, script: Script, sentences: list[str], joints_TJ3: np.ndarray) -> Clip:
    rate = script.plan.frames_per_second
    source = f"procedural:{seed}:{index}"
    return Clip(
        name=f"{script.performances[0].name}_{index:06d}",
        joints_TJ3=joints_TJ3[round(script.start * rate) :].astype(np.float32),
        frames_per_second=rate,
        captions=[Caption(sentence, *tag_words(sentence), tags_by=GENERATED) for sentence in sentences],
        split=split_of(index),
        source=source,
        source_sha256=hashlib.sha256(f"{source}:{GENERATOR_VERSION}".encode()).hexdigest(),
        part_captions=part_captions(script, seed, index, has_hands=script.plan.body.has_hands),
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
    if skeleton.joints != known:
        first_J, second_J = _places_of(skeleton, known)
        joints_TJ3 = 0.5 * (joints_TJ3[:, first_J] + joints_TJ3[:, second_J])
    return joints_TJ3 / skeleton.metres_per_unit


def _places_of(skeleton: Skeleton, known: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Places of the two joints midway between which each wanted joint is; one twice where it is that one."""
    wanted = [
        KIT_JOINTS.get(joint, (joint,)) if joint not in known else (joint,) for joint in skeleton.joints
    ]
    missing = sorted({joint for sources in wanted for joint in sources} - set(known))
    if missing:
        raise LampError(
            f"the procedural body has no {', '.join(missing)} of {skeleton.name}; "
            "use smpl22, kit21 or smplx52"
        )
    first_J, second_J = ([known.index(sources[end]) for sources in wanted] for end in (0, -1))
    return first_J, second_J
