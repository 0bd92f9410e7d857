"""A plan: the timeline that actions write to, one after the other or at the same time.

Shapes: T frames, C channels. Seconds, metres, radians. Every channel starts at 0, the body at ease, and
actions add to it. An action that ends leaves its channels at 0 again, so that the next one starts where this
one ended, without a seam.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from lamp_core.datasets.synthetic.body import SIDES, SIGN, Body
from lamp_core.datasets.synthetic.easing import envelope, through
from lamp_core.datasets.synthetic.hand_pose import ANGLES, Shape, from_relaxed

LONGEST_PLAN = 16.0
"""Seconds that a plan has room for."""

WHOLE_BODY_CHANNELS = (
    "height", "surge", "pelvis_yaw", "pelvis_pitch", "pelvis_roll", "spine_yaw", "spine_pitch", "spine_roll",
    "neck_yaw", "neck_pitch", "neck_roll", "balance", "arm_swing", "lift_swing",
)  # fmt: skip
SIDE_CHANNELS = (
    "flexion", "abduction", "twist", "elbow", "busy",
    "heel", "leg_free", "leg_angle", "leg_bend", "leg_point",
    *ANGLES,
)  # fmt: skip
CHANNELS = WHOLE_BODY_CHANNELS + tuple(f"{side}_{name}" for side in SIDES for name in SIDE_CHANNELS)


@dataclass(frozen=True)
class Manner:
    """How this person moves: small differences that hold for a whole clip.

    Args:
        tempo: factor on all speeds.
        swing: factor on the swing of the arms.
        abduction, elbow: of the arms at ease.
        toe_out: angle of the feet.
        stance: factor on the distance between the feet.
        lean: pitch of the trunk at ease.
        sway: amplitude of the idle movement of the trunk.
        phases_6: phases of the idle movement.
    """

    tempo: float
    swing: float
    abduction: float
    elbow: float
    toe_out: float
    stance: float
    lean: float
    sway: float
    phases_6: np.ndarray

    @staticmethod
    def draw(rng: np.random.Generator) -> "Manner":
        """A person at random."""
        return Manner(
            tempo=rng.uniform(0.93, 1.07),
            swing=rng.uniform(0.7, 1.3),
            abduction=rng.uniform(0.08, 0.2),
            elbow=rng.uniform(0.15, 0.4),
            toe_out=rng.uniform(0.05, 0.2),
            stance=rng.uniform(0.95, 1.45),
            lean=rng.uniform(-0.02, 0.06),
            sway=rng.uniform(0.006, 0.016),
            phases_6=rng.uniform(0.0, 2.0 * np.pi, 6),
        )


@dataclass(frozen=True)
class Step:
    """One foot leaves the floor and comes down elsewhere.

    Args:
        off, down: seconds.
        place: (x, z) of the flat foot's ankle where it comes down.
        yaw: direction of the foot there.
        lift: height of the foot on its way.
        heel, toe: how far the heel rises before the foot leaves, and the toes before it comes down, radians.
        heel_time, toe_time: seconds before the foot leaves, and after it came down, in which they do.
        softness: of leaving and touching the floor, see `easing.arc`.
    """

    off: float
    down: float
    place: tuple[float, float]
    yaw: float
    lift: float
    heel: float = 0.0
    toe: float = 0.0
    heel_time: float = 0.2
    toe_time: float = 0.12
    softness: float = 2.0


@dataclass
class Plan:
    """The timeline of one clip; actions start at `now` and move it on.

    Args:
        body: whose lengths the plan is made for.
        manner: how this person moves.
        rng: source of the small differences between repetitions.
        frames_per_second: rate of the frames.
    """

    body: Body
    manner: Manner
    rng: np.random.Generator
    frames_per_second: float
    now: float = 0.0
    times_T: np.ndarray = field(init=False)
    channels_CT: np.ndarray = field(init=False)
    channels: dict[str, np.ndarray] = field(init=False)
    path_T2: np.ndarray = field(init=False)
    heading_T: np.ndarray = field(init=False)
    steps: dict[str, list[Step]] = field(init=False)
    position: np.ndarray = field(init=False)
    heading: float = 0.0

    def __post_init__(self) -> None:
        frames = int(LONGEST_PLAN * self.frames_per_second) + 1
        self.times_T = np.arange(frames) / self.frames_per_second
        self.channels_CT = np.zeros((len(CHANNELS), frames))
        self.channels = dict(zip(CHANNELS, self.channels_CT, strict=True))
        self.path_T2 = np.zeros((frames, 2))
        self.heading_T = np.zeros(frames)
        self.steps = {side: [self._first_stance(side)] for side in SIDES}
        self.position = np.zeros(2)

    def _first_stance(self, side: str) -> Step:
        x = SIGN[side] * self.half_stance
        return Step(-1.0, -0.9, (x, 0.0), SIGN[side] * self.manner.toe_out, 0.0)

    @property
    def half_stance(self) -> float:
        """Half the distance between the feet of a body that stands."""
        return self.body.hip_half_width * self.manner.stance

    @property
    def frames(self) -> int:
        """Frames from the start of the plan to its `now`."""
        return int(self.now * self.frames_per_second + 1e-6) + 1

    def add(self, curve_T: np.ndarray, amounts: dict[str, float]) -> None:
        """Add the same curve to several channels, in different amounts."""
        for name, amount in amounts.items():
            self.channels[name] += amount * curve_T

    def pulse(self, start: float, rise: float, hold: float, fall: float, amounts: dict[str, float]) -> None:
        """Move several channels to these amounts, hold them there, and move them back."""
        self.add(envelope(self.times_T, start, rise, hold, fall), amounts)

    def shape_hands(
        self, sides: Iterable[str], shape: Shape, start: float, rise: float, hold: float, fall: float
    ) -> None:
        """Move hands at ease to a shape, hold it, and move them back."""
        more = from_relaxed(shape)
        amounts = {f"{side}_{name}": amount for side in sides for name, amount in more.items()}
        self.pulse(start, rise, hold, fall, amounts)

    def keys(self, start: float, keys: list[tuple[float, float]], amounts: dict[str, float]) -> None:
        """Move several channels along the same values: (seconds after start, value)."""
        self.add(through(self.times_T, start, keys), amounts)

    def travel(self, way_T2: np.ndarray, turn_T: np.ndarray) -> None:
        """Move the body over the floor.

        Args:
            way_T2: (left, forward) from where the body stands, seen in its heading there.
            turn_T: change of the heading, left is positive. Both are 0 before the movement and stay after it.
        """
        way_on_floor_T2 = on_floor(way_T2, self.heading)
        self.path_T2 += way_on_floor_T2
        self.heading_T += turn_T
        self.position = self.position + way_on_floor_T2[-1]
        self.heading += float(turn_T[-1])

    def foot_place(
        self, side: str, position_2: np.ndarray, heading: float, aside: float = 0.0
    ) -> tuple[float, float]:
        """Where a foot stands under a body at this position; `aside` metres further out than at ease."""
        left = SIGN[side] * (self.half_stance + aside)
        x, z = position_2.tolist()
        return x + left * float(np.cos(heading)), z - left * float(np.sin(heading))

    def foot_yaw(self, side: str) -> float:
        """Direction of a foot of the body as it stands now."""
        return self.heading + SIGN[side] * self.manner.toe_out

    def step(self, side: str, step: Step) -> None:
        """Plan a step after those of this foot so far."""
        self.steps[side].append(step)


def on_floor(way_N2: np.ndarray, heading: float) -> np.ndarray:
    """(left, forward) seen in a heading, as (x, z)."""
    left, forward = way_N2[:, 0], way_N2[:, 1]
    cosine, sine = np.cos(heading), np.sin(heading)
    return np.stack([left * cosine + forward * sine, -left * sine + forward * cosine], axis=1)
