"""The joints of a robot map, and the angles at which its bones point where a body's do.

Damped least squares (Levenberg 1944) over all joints of a frame at once, all frames side by side. What no
bone decides stays near zero and near its neighbours in time. A frame that has found another way to point the
same is brought back to the way of the frame before it.

Shapes: T frames, N joints, B bones, P pairs of a bone and a joint that turns it, 3 coordinates (X forward, Y
left, Z up, in the frame of the pelvis).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lamp_core.exports.robot_map import BASE, RobotMap
from lamp_core.skeleton.fitting import Array

STEPS, STEPS_GOING_ON = 30, 10
LARGEST_STEP = 0.4  # radians
SMALLEST_STEP = 1e-4  # radians; no joint moves more in the last step
DAMPING = 1e-3
TOWARDS_ZERO, TOWARDS_NEIGHBOURS = 1e-4, 1e-2  # weights beside the bones' 1
JUMP = 0.35  # radians between two frames; what jumps farther looks for a way that goes on
BLOCK = 16  # frames that look for it at once
AS_GOOD = 0.01  # sum of squared deviations that the way which goes on may cost more


@dataclass(frozen=True)
class Limbs:
    """The kinematics of a robot map, joints at zero as it states them."""

    robot_map: RobotMap

    @cached_property
    def limits_N2(self) -> Array:
        """Least and largest angle of each joint, radians."""
        return np.array([(joint.lower, joint.upper) for joint in self.robot_map.joints])

    @cached_property
    def steps_N(self) -> Array:
        """The farthest that each joint moves from one row to the next, radians."""
        speeds_N = np.array([joint.velocity for joint in self.robot_map.joints])
        return np.asarray(speeds_N / self.robot_map.frames_per_second, dtype=np.float64)

    def follow(self, wanted_TB3: Array, *, within_limits: bool = False) -> Array:
        """The angles (T, N) whose bones point nearest to the wanted directions."""
        angles_TN = self._solved(wanted_TB3, np.zeros((len(wanted_TB3), len(self._before))), within_limits)
        costs_T = self._costs(angles_TN, wanted_TB3)
        frame = 1
        while frame < len(angles_TN):
            block = slice(frame, frame + BLOCK)
            if _jump(angles_TN[frame - 1], angles_TN[frame]) <= JUMP:
                frame += 1
                continue
            start_TN = np.repeat(angles_TN[frame - 1 : frame], len(angles_TN[block]), axis=0)
            going_on_TN = self._solved(wanted_TB3[block], start_TN, within_limits, STEPS_GOING_ON)
            is_as_good_T = self._costs(going_on_TN, wanted_TB3[block]) <= costs_T[block] + AS_GOOD
            taken = int(np.argmin((*is_as_good_T, False)))
            angles_TN[frame : frame + taken] = going_on_TN[:taken]
            frame += max(1, taken)
        return angles_TN

    def held_to_speeds(self, angles_TN: Array) -> Array:
        """The angles, each at most as far from the one before as its joint moves in a frame."""
        held_TN = angles_TN.copy()
        for frame in range(1, len(held_TN)):
            before_N = held_TN[frame - 1]
            held_TN[frame] = np.clip(held_TN[frame], before_N - self.steps_N, before_N + self.steps_N)
        return held_TN

    def pose(self, angles_TN: Array) -> tuple[Array, Array]:
        """Where the bones point (B, T, 3), and the axes of the joints (N, T, 3)."""
        sine_NT11, cosine_NT11 = np.sin(angles_TN.T)[..., None, None], np.cos(angles_TN.T)[..., None, None]
        world_NT33 = (
            np.eye(3) + sine_NT11 * self._cross_N133 + (1 - cosine_NT11) * self._cross_N133 @ self._cross_N133
        )
        for joint, before in enumerate(self._before):
            if before >= 0:
                world_NT33[joint] = world_NT33[before] @ world_NT33[joint]
        axes_NT3 = (world_NT33 @ self._axes_N3[:, None, :, None])[..., 0]
        bones_BT3 = (world_NT33[self._turned_by] @ self._directions_B3[:, None, :, None])[..., 0]
        return bones_BT3, axes_NT3

    def _solved(self, wanted_TB3: Array, angles_TN: Array, within_limits: bool, steps: int = STEPS) -> Array:
        wanted_BT3 = wanted_TB3.swapaxes(0, 1)
        bone_P, joint_P = np.nonzero(self._turns_BN)
        weighted_P11 = self._weights_B[bone_P, None, None]
        pull_to_zero_N = TOWARDS_ZERO + self._stiffness_N
        held_NN = np.diag(DAMPING + TOWARDS_NEIGHBOURS + pull_to_zero_N)
        jacobian_TBN3 = np.zeros((len(angles_TN), *self._turns_BN.shape, 3))
        for _ in range(steps):
            bones_BT3, axes_NT3 = self.pose(angles_TN)
            pull_PT3 = _cross(axes_NT3[joint_P], bones_BT3[bone_P]) * np.sqrt(weighted_P11)
            jacobian_TBN3[:, bone_P, joint_P] = pull_PT3.swapaxes(0, 1)
            rows_TNR = jacobian_TBN3.transpose(0, 2, 1, 3).reshape(len(angles_TN), len(self._before), -1)
            missing_TR1 = ((wanted_BT3 - bones_BT3) * np.sqrt(self._weights_B)[:, None, None]).swapaxes(0, 1)
            pull_TN = (rows_TNR @ missing_TR1.reshape(len(angles_TN), -1, 1))[..., 0]
            pull_TN -= pull_to_zero_N * angles_TN + TOWARDS_NEIGHBOURS * (angles_TN - _between(angles_TN))
            step_TN = np.linalg.solve(rows_TNR @ rows_TNR.swapaxes(1, 2) + held_NN, pull_TN[..., None])[
                ..., 0
            ]
            moved_TN = angles_TN + np.clip(step_TN, -LARGEST_STEP, LARGEST_STEP)
            if within_limits:
                moved_TN = np.clip(moved_TN, *self.limits_N2.T)
            settled = np.abs(moved_TN - angles_TN).max() < SMALLEST_STEP
            angles_TN = moved_TN
            if settled:
                break
        return angles_TN

    def _costs(self, angles_TN: Array, wanted_TB3: Array) -> Array:
        """Weighted sum of the squared deviations of the bones, (T)."""
        bones_BT3, _ = self.pose(angles_TN)
        squared_BT = ((bones_BT3 - wanted_TB3.swapaxes(0, 1)) ** 2).sum(-1)
        return np.asarray(self._weights_B @ squared_BT, dtype=np.float64)

    @cached_property
    def _before(self) -> list[int]:
        names = [joint.name for joint in self.robot_map.joints]
        return [-1 if joint.after == BASE else names.index(joint.after) for joint in self.robot_map.joints]

    @cached_property
    def _turned_by(self) -> list[int]:
        names = [joint.name for joint in self.robot_map.joints]
        return [names.index(bone.turned_by) for bone in self.robot_map.bones]

    @cached_property
    def _turns_BN(self) -> NDArray[np.bool_]:
        """Which joints turn which bones."""
        turns_BN = np.zeros((len(self._turned_by), len(self._before)), dtype=np.bool_)
        for bone, joint in enumerate(self._turned_by):
            while joint >= 0:
                turns_BN[bone, joint] = True
                joint = self._before[joint]
        return turns_BN

    @cached_property
    def _axes_N3(self) -> Array:
        return unit(np.array([joint.axis for joint in self.robot_map.joints]))

    @cached_property
    def _cross_N133(self) -> Array:
        """The matrix of each axis's cross product."""
        return _cross(self._axes_N3[:, None, None], np.eye(3)).swapaxes(-1, -2)

    @cached_property
    def _directions_B3(self) -> Array:
        return unit(np.array([bone.direction for bone in self.robot_map.bones]))

    @cached_property
    def _weights_B(self) -> Array:
        return np.array([bone.weight for bone in self.robot_map.bones])

    @cached_property
    def _stiffness_N(self) -> Array:
        return np.array([joint.stiffness for joint in self.robot_map.joints])


def unit(vectors: Array) -> Array:
    """Vectors (..., 3) of length one; those without length stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: Array = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return units


def _cross(first: Array, second: Array) -> Array:
    """NumPy's cross product takes three times as long."""
    (x, y, z), (u, v, w) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    return np.stack((y * w - z * v, z * u - x * w, x * v - y * u), axis=-1)


def _jump(first_N: Array, second_N: Array) -> float:
    return float(np.abs(second_N - first_N).max())


def _between(angles_TN: Array) -> Array:
    """The mean of the frames before and after each; at the ends the one neighbour."""
    padded = np.concatenate((angles_TN[:1], angles_TN, angles_TN[-1:]))
    return np.asarray(0.5 * (padded[:-2] + padded[2:]), dtype=np.float64)
