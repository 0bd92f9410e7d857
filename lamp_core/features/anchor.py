"""The root's way through a gap, where the poses on both sides of it fix where it leads.

Features hold the root's velocities, so what a made stretch turns or travels too far moves all that comes
behind it. Where place and facing behind the stretch are given, what it lacks of them is spread over its
frames.

Shapes: T frames, F frames of a stretch, D feature numbers a frame, J joints.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lamp_core.features.decode import facing_of, path_of, yaw_velocity_of
from lamp_core.features.layout import FeatureLayout


@dataclass(frozen=True)
class Way:
    """Where the root goes in a stretch, from its first frame to the frame behind it.

    Args:
        half_turn: half of its turn about Y, radians.
        step_2: x and z of the way, as seen from the facing at the first frame.
    """

    half_turn: float
    step_2: np.ndarray

    @classmethod
    def of(cls, features_FD: np.ndarray) -> "Way":
        """The way of a stretch of features, not normalised."""
        right_FD = _with_right_turns(features_FD)
        _, _, path_F2 = _root_of(right_FD)
        layout = FeatureLayout.of_width(features_FD.shape[1])
        return cls(float(right_FD[:, layout["root_yaw_velocity"]].sum()), path_F2[-1])

    def lead(self, features_FD: np.ndarray) -> np.ndarray:
        """Return a stretch that goes this way: what it lacks of turn and step is spread over its frames.

        It is spread as the square of a sine, most of it in the middle, so that speeds go on across both
        borders. The velocities of the joints take part in the step; poses and heights stay.
        """
        layout, frames = FeatureLayout.of_width(features_FD.shape[1]), len(features_FD)
        led_FD, shares_F1 = _with_right_turns(features_FD), _shares(frames)
        turns_F1 = led_FD[:, layout["root_yaw_velocity"]]
        turns_F1 += (self.half_turn - turns_F1.sum()) * shares_F1
        cosine_F, sine_F, path_F2 = _root_of(led_FD)
        lacking_F2 = (self.step_2 - path_F2[-1]) * shares_F1
        # Steps of the root are seen from the facing behind them, those of the joints from the one before.
        led_FD[:, layout["root_planar_velocity"]] += _seen(lacking_F2, cosine_F[1:], sine_F[1:])
        joints_FJ3 = led_FD[:, layout["velocities"]].reshape(frames, -1, 3)
        joints_FJ3[..., ::2] += _seen(lacking_F2, cosine_F[:-1], sine_F[:-1])[:, None]
        led_FD[:, layout["velocities"]] = joints_FJ3.reshape(frames, -1)
        return led_FD


def anchored(made_TD: np.ndarray, true_TD: np.ndarray, given_T: np.ndarray) -> np.ndarray:
    """Return a completed motion whose gaps lead from given pose to given pose.

    A gap at the beginning or at the end has given poses on one side only and stays as it is.

    Args:
        made_TD: features, not normalised, those of the given frames as they were given.
        true_TD: the motion that the given poses are of; of a gap nothing but its `Way` is read.
        given_T: which frames are given.
    """
    led_TD = np.array(made_TD, dtype=np.float32)
    for start, end in gaps(given_T):
        if start > 0 and end < len(given_T):
            led_TD[start:end] = Way.of(true_TD[start:end]).lead(led_TD[start:end])
    return led_TD


def gaps(given_T: np.ndarray) -> list[tuple[int, int]]:
    """First frame of each stretch that is not given, and the frame behind it."""
    borders = np.flatnonzero(np.diff(np.concatenate([[True], given_T, [True]]).astype(int)))
    return [(int(start), int(end)) for start, end in borders.reshape(-1, 2)]


def _with_right_turns(features_FD: np.ndarray) -> np.ndarray:
    """The features with the turns that `decode` takes them for, see `yaw_velocity_of`."""
    right_FD = np.array(features_FD, dtype=np.float32)
    layout = FeatureLayout.of_width(right_FD.shape[1])
    right_FD[:, layout["root_yaw_velocity"]] = yaw_velocity_of(torch.from_numpy(right_FD), layout).numpy()
    return right_FD


def _root_of(features_FD: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cosine and sine of the facing, and place, at the F frames and the one behind them; from the first."""
    layout = FeatureLayout.of_width(features_FD.shape[1])
    root_FR = torch.as_tensor(np.asarray(features_FD[:, layout["root"]], dtype=np.float64))
    root_FR = torch.cat([root_FR, torch.zeros_like(root_FR[:1])])
    cosine_F1, sine_F1 = facing_of(root_FR[:, layout["root_yaw_velocity"]])
    path_F2 = path_of(root_FR[:, layout["root_planar_velocity"]], cosine_F1, sine_F1)
    return cosine_F1[:, 0].numpy(), sine_F1[:, 0].numpy(), path_F2.numpy()


def _shares(frames: int) -> np.ndarray:
    """What each frame takes of a whole, (F, 1)."""
    shares_F = np.sin(np.pi * (np.arange(frames) + 0.5) / frames) ** 2
    shares_F1: np.ndarray = (shares_F / shares_F.sum())[:, None]
    return shares_F1


def _seen(steps_F2: np.ndarray, cosine_F: np.ndarray, sine_F: np.ndarray) -> np.ndarray:
    """Steps, x and z, as they are seen from each frame's facing."""
    x_F, z_F = steps_F2.T
    return np.stack([x_F * cosine_F + z_F * sine_F, z_F * cosine_F - x_F * sine_F], axis=1)
