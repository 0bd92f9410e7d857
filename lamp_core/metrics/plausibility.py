"""Physical plausibility of motion: what feet do on the floor, and how smooth it is.

The same numbers are measured on true motion, since capture slides, sinks and trembles too: read generated
motion against it. Distances are in metres inside this module, whatever the skeleton's unit.

The floor is the plane y = 0. Features put the lowest joint of a whole clip there (in practice a foot), so it
is the floor of decoded motion, true or generated; `on_floor` puts other motion on it by its lowest foot.

Shapes: T frames, J joints, F the two feet (the toe joints of the skeleton's ``feet``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton

CONTACT_HEIGHT = 0.05
"""A foot lower than this, in metres, touches the floor."""
SLIDING_SPEED = 0.5
"""A foot on the floor that is faster than this, in metres a second, slides: 2.5 cm a frame at 20 frames."""
TRAVELLING_SPEED, STILL_LEGS = 0.5, 0.2
"""A body that travels faster than the first while its feet stay slower than the second to it glides, m/s."""
AVERAGED_FRAMES = 5
UP = 1
PLANE = [0, 2]
TOES = slice(1, None, 2)
"""Every second of a skeleton's ``feet``: left foot, right foot, without the ankles."""

FOOT_SKATING, FOOT_SKATING_IN_CONTACT = "foot skating", "foot skating in contact"
SLIDING, CONTACT = "sliding speed", "floor contact"
PENETRATION, FLOATING, JERK = "floor penetration", "floating", "jerk"
GLIDING = "gliding"
PLAUSIBILITY = (
    *(FOOT_SKATING, FOOT_SKATING_IN_CONTACT, SLIDING, CONTACT),
    *(PENETRATION, FLOATING, JERK, GLIDING),
)


def plausibility(joints: Iterable[np.ndarray], skeleton: Skeleton) -> dict[str, float]:
    """Measure motions; every frame of every motion counts the same.

    - ``foot skating``: share (0..1) of steps from one frame to the next in which a foot slides. A foot is in
      contact when it is lower than 5 cm in both frames; it slides when it is in contact, moves faster than
      0.5 m/s along the floor, and does so in the mean of five steps too (Karunratanakul et al. 2023, GMD, and
      its code; steps before the first and after the last count as still).
    - ``foot skating in contact``: share (0..1) of the contacts of single feet that slide. A body that never
      touches the floor does not skate; this number does not reward it.
    - ``sliding speed``: mean speed along the floor of feet in contact, centimetres a second (the Skate of
      Yuan et al. 2023, PhysDiff, as a speed).
    - ``floor contact``: share (0..1) of steps with a foot in contact, neither good nor bad by itself.
    - ``floor penetration``, ``floating``: mean depth of the lowest joint under the floor, and its mean height
      above, millimetres (PhysDiff measures the vertices of a mesh, with a tolerance). A jump floats too.
    - ``jerk``: mean length of the third derivative of the joints' places, metres a cubed second (third
      differences times the cubed rate).
    - ``gliding``: share (0..1) of the steps in which the body travels (the root faster than 0.5 m/s along the
      floor in the mean of five steps) while no foot moves faster than 0.2 m/s as seen from the root: limbs
      that are frozen. NaN where nothing travels.

    Args:
        joints: motions (T, J, 3) in the skeleton's unit and at its rate.
        skeleton: names the feet.

    Raises:
        LampError: no motion, a motion of another shape, one that is not finite, or no motion long enough.
            Where no foot ever touches the floor, the numbers of feet in contact are NaN.
    """
    parts = [_Frames.of(place, motion, skeleton) for place, motion in enumerate(joints)]
    if not parts:
        raise LampError("plausibility needs at least one motion, found none")
    contacts_TF = np.concatenate([part.contacts_TF for part in parts])
    slides_TF = np.concatenate([part.slides_TF for part in parts])
    lowest_T = np.concatenate([part.lowest_T for part in parts])
    travels_T = np.concatenate([part.travels_T for part in parts])
    glides_T = np.concatenate([part.glides_T for part in parts])
    jerks_T = np.concatenate([part.jerks_T for part in parts])
    if not len(jerks_T):
        raise LampError("plausibility needs a motion of four frames at least, found none")
    speeds = np.concatenate([part.speeds_TF for part in parts])[contacts_TF]
    return {
        FOOT_SKATING: float(slides_TF.any(axis=1).mean()),
        FOOT_SKATING_IN_CONTACT: float(slides_TF[contacts_TF].mean()) if len(speeds) else float("nan"),
        SLIDING: 100.0 * float(speeds.mean()) if len(speeds) else float("nan"),
        CONTACT: float(contacts_TF.any(axis=1).mean()),
        PENETRATION: 1000.0 * float((-lowest_T).clip(min=0.0).mean()),
        FLOATING: 1000.0 * float(lowest_T.clip(min=0.0).mean()),
        JERK: float(jerks_T.mean()),
        GLIDING: float(glides_T[travels_T].mean()) if travels_T.any() else float("nan"),
    }


def on_floor(joints_TJ3: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Return a motion shifted so that the lowest place of its feet is on the floor, y = 0.

    For motions whose floor is unknown. Their feet do not sink then, by construction.
    """
    shifted_TJ3 = np.array(joints_TJ3, dtype=np.float64)
    shifted_TJ3[..., UP] -= shifted_TJ3[:, list(skeleton.feet), UP].min()
    return shifted_TJ3


@dataclass(frozen=True)
class _Frames:
    """One motion, metres and seconds: its steps from frame to frame, its frames, its third differences."""

    speeds_TF: np.ndarray
    contacts_TF: np.ndarray
    slides_TF: np.ndarray
    lowest_T: np.ndarray
    jerks_T: np.ndarray
    travels_T: np.ndarray
    glides_T: np.ndarray

    @classmethod
    def of(cls, place: int, motion: np.ndarray, skeleton: Skeleton) -> "_Frames":
        joints_TJ3 = _checked(place, motion, skeleton) * skeleton.metres_per_unit
        rate = skeleton.frames_per_second
        feet_TF3 = joints_TJ3[:, list(skeleton.feet)[TOES]]
        low_TF = feet_TF3[..., UP] < CONTACT_HEIGHT
        contacts_TF = low_TF[:-1] & low_TF[1:]
        speeds_TF = np.linalg.norm(np.diff(feet_TF3[..., PLANE], axis=0), axis=-1) * rate
        steady_TF = uniform_filter1d(speeds_TF, AVERAGED_FRAMES, axis=0, mode="constant")
        slides_TF = contacts_TF & (speeds_TF > SLIDING_SPEED) & (steady_TF > SLIDING_SPEED)
        jerks_TJ = np.linalg.norm(np.diff(joints_TJ3, n=3, axis=0), axis=-1) * rate**3
        lowest_T = joints_TJ3[..., UP].min(axis=1)
        travels_T, glides_T = _travelling(joints_TJ3, feet_TF3, rate)
        return cls(speeds_TF, contacts_TF, slides_TF, lowest_T, jerks_TJ.mean(axis=1), travels_T, glides_T)


def _travelling(joints_TJ3: np.ndarray, feet_TF3: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """In which steps the body travels, and in which its feet stand still as seen from the root meanwhile."""
    root_T3 = joints_TJ3[:, 0]
    travel_T = np.linalg.norm(np.diff(root_T3[:, PLANE], axis=0), axis=-1) * rate
    feet_TF = np.linalg.norm(np.diff(feet_TF3 - root_T3[:, None], axis=0), axis=-1) * rate
    averaged = {"size": AVERAGED_FRAMES, "axis": 0, "mode": "nearest"}
    travels_T = uniform_filter1d(travel_T, **averaged) > TRAVELLING_SPEED
    still_T = (uniform_filter1d(feet_TF, **averaged) < STILL_LEGS).all(axis=1)
    return travels_T, travels_T & still_T


def _checked(place: int, motion: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    joints_TJ3 = np.asarray(motion, dtype=np.float64)
    if joints_TJ3.ndim != 3 or joints_TJ3.shape[1:] != (skeleton.joint_count, 3) or len(joints_TJ3) < 2:
        wanted = f"(two frames or more, {skeleton.joint_count}, 3)"
        raise LampError(f"motion {place} has shape {joints_TJ3.shape}; {skeleton.name} has {wanted}")
    if not np.isfinite(joints_TJ3).all():
        raise LampError(f"motion {place} is not finite; leave it out and count it")
    return joints_TJ3
