"""What is checked of every clip before it is used.

Each check has a name, which is the reason in ``rejected.parquet``; `ClipLimits` (the section
``ingest.limits``) holds every threshold and says which checks reject a clip. The others warn: they are
counted, and `lamp data describe` lists them.

Shapes: T frames, J joints, E bones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np

from lamp_core.config.models import ClipCheck, ClipLimits
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.clips import Clip
from lamp_core.errors import RejectedClip
from lamp_core.skeleton.posture import (
    TOES_BEHIND,
    body_height,
    is_human_size,
    joint_speeds,
    odd_speed,
    percentile,
    root_to_head,
    toes_ahead,
    way_covered,
)
from lamp_core.skeleton.skeleton import Skeleton

CHECKS: tuple[ClipCheck, ...] = get_args(ClipCheck)
FLOOR_PERCENTILE = 1.0  # of the lowest joint's height: one bad frame does not move the floor


@dataclass(frozen=True)
class Finding:
    """A check that a clip failed.

    Args:
        reason: short key, the same for every clip with this fault.
        detail: a sentence with the figures of this clip.
        rejects: whether the clip cannot be used; a warning otherwise.
    """

    reason: str
    detail: str
    rejects: bool


@dataclass(frozen=True)
class Checked:
    """A clip under the checks, and what several of them ask of it.

    Args:
        clip: at the skeleton's rate and unit.
        skeleton: whose joints it has.
        limits: thresholds.
    """

    clip: Clip
    skeleton: Skeleton
    limits: ClipLimits

    @cached_property
    def speeds_TJ(self) -> np.ndarray:
        """Speeds of the joints from each frame to the next, (T-1, J), metres a second."""
        return joint_speeds(self.clip.joints_TJ3, self.skeleton, self.clip.frames_per_second)

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.clip.joints_TJ3) / self.clip.frames_per_second


def check_clip(
    clip: Clip, skeleton: Skeleton, limits: ClipLimits | None = None, min_frames: int = 2
) -> list[Finding]:
    """Everything that is wrong or strange about a clip; an empty list when nothing is.

    A clip of another shape, too short or not finite, is rejected whatever the limits say, and nothing else is
    measured of it.

    Args:
        clip: at the skeleton's rate and unit.
        skeleton: whose joints it should have.
        limits: thresholds; the defaults when None.
        min_frames: clips with fewer joint frames are rejected.
    """
    limits = limits or ClipLimits()
    try:
        _check_array(clip.joints_TJ3, skeleton, min_frames)
    except RejectedClip as rejected:
        return [Finding(rejected.reason, rejected.detail, rejects=True)]
    checked = Checked(clip, skeleton, limits)
    return [
        Finding(check, detail, rejects=check in limits.reject)
        for check, details in _CHECKS.items()
        for detail in details(checked)
    ]


def _check_array(joints_TJ3: np.ndarray, skeleton: Skeleton, min_frames: int) -> None:
    if joints_TJ3.ndim != 3 or joints_TJ3.shape[1:] != (skeleton.joint_count, 3):
        raise RejectedClip("joint-count", f"joints {joints_TJ3.shape}, not (T, {skeleton.joint_count}, 3)")
    if len(joints_TJ3) < min_frames:
        rate = skeleton.frames_per_second
        raise RejectedClip(
            "too-short", f"{len(joints_TJ3)} frames at {rate:g} a second, fewer than {min_frames}"
        )
    if not np.isfinite(joints_TJ3).all():
        raise RejectedClip(
            "not-finite", f"{int((~np.isfinite(joints_TJ3)).sum())} coordinates are not finite"
        )


def _unit(of: Checked) -> Iterator[str]:
    height = body_height(of.clip.joints_TJ3, of.skeleton)
    if not is_human_size(height):
        yield f"the body is {height:.3g} m tall; give the source's unit of length when it is registered"


def _lying(of: Checked) -> Iterator[str]:
    upright = float(root_to_head(of.clip.joints_TJ3, of.skeleton)[1])
    if upright < of.limits.min_upright:
        yield f"the head is mostly {upright:.2f} of the trunk's length above the root; is Y the up axis?"


def _bone_length(of: Checked) -> Iterator[str]:
    children, parents = of.skeleton.bone_ends
    bones_TE3 = of.clip.joints_TJ3[:, children] - of.clip.joints_TJ3[:, parents]
    lengths_TE = np.sqrt(np.einsum("tec,tec->te", bones_TE3, bones_TE3))
    spread_E = lengths_TE.max(0) - lengths_TE.min(0)
    shortest = of.limits.shortest_bone / of.skeleton.metres_per_unit
    shares_E = spread_E / np.maximum(lengths_TE.mean(0), shortest)
    worst = int(shares_E.argmax())
    if shares_E[worst] > of.limits.max_bone_change:
        joint = of.skeleton.joints[children[worst]]
        yield f"the bone to {joint} changes its length by {shares_E[worst]:.0%}"


def _jump(of: Checked) -> Iterator[str]:
    speeds_T = of.speeds_TJ[:, 0]
    fastest = int(speeds_T.argmax())
    if speeds_T[fastest] > of.limits.max_root_speed:
        yield f"the root moves at {speeds_T[fastest]:.1f} m/s from frame {fastest} to the next"


def _too_fast(of: Checked) -> Iterator[str]:
    frame, joint = np.unravel_index(int(of.speeds_TJ.argmax()), of.speeds_TJ.shape)
    speed = of.speeds_TJ[frame, joint]
    if speed > of.limits.max_speed:
        yield f"{of.skeleton.joints[joint]} moves at {speed:.1f} m/s after frame {frame}"


def _off_ground(of: Checked) -> Iterator[str]:
    lowest_T = of.clip.joints_TJ3[..., 1].min(1) * of.skeleton.metres_per_unit
    floor = percentile(lowest_T, FLOOR_PERCENTILE)
    grounded = float(np.mean(lowest_T < floor + of.limits.ground_height))
    if grounded < of.limits.min_grounded:
        yield f"a joint is near the floor in {grounded:.0%} of the frames only"


def _sides(of: Checked) -> Iterator[str]:
    ahead = toes_ahead(of.clip.joints_TJ3, of.skeleton)
    if ahead < TOES_BEHIND:
        yield f"the toes point against the facing ({ahead:.2f} m): are left and right exchanged?"


def _frame_rate(of: Checked) -> Iterator[str]:
    odd = odd_speed(of.speeds_TJ, way_covered(of.clip.joints_TJ3, of.skeleton))
    if odd:
        yield f"{odd}; is the frame rate right?"


def _too_long(of: Checked) -> Iterator[str]:
    if of.seconds > of.limits.max_seconds:
        yield f"{of.seconds:.0f} s, longer than {of.limits.max_seconds:g}"


def _caption_missing(of: Checked) -> Iterator[str]:
    if not of.clip.captions:
        yield "the clip has no caption"


def _caption_wordless(of: Checked) -> Iterator[str]:
    wordless = [caption.text for caption in of.clip.captions if not has_words(caption)]
    if wordless:
        share = f"{len(wordless)} of {len(of.clip.captions)}"
        yield f"{share} captions have no word in them: {wordless[0][:60]!r}"


def _caption_span(of: Checked) -> Iterator[str]:
    outside = [caption for caption in of.clip.captions if caption.start >= of.seconds > 0]
    if outside:
        yield f"a caption begins at {outside[0].start:.1f} s, the clip ends at {of.seconds:.1f} s"


def has_words(caption: Caption) -> bool:
    """Whether a caption says anything: a word of letters in its text, and words that models can read."""
    return any(map(str.isalpha, caption.text)) and any(map(str.strip, caption.words))


_CHECKS: dict[ClipCheck, Callable[[Checked], Iterator[str]]] = {
    "unit": _unit,
    "jump": _jump,
    "bone-length": _bone_length,
    "too-fast": _too_fast,
    "lying": _lying,
    "off-ground": _off_ground,
    "sides": _sides,
    "frame-rate": _frame_rate,
    "too-long": _too_long,
    "caption-missing": _caption_missing,
    "caption-wordless": _caption_wordless,
    "caption-span": _caption_span,
}
