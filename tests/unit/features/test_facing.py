import math

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from lamp_core.features import facing
from lamp_core.features.facing import ClipFrames


def test_smoothing_is_the_published_filter_within_each_clip():
    generator = np.random.default_rng(0)
    counts = [2, 500, 1, 40, 161, 3, 97]
    signals = [generator.normal(size=(2, count)) for count in counts]
    joined = torch.from_numpy(np.concatenate(signals, axis=1)).float()
    smoothed = facing.smooth(joined, ClipFrames.of(counts, joined.device))
    expected = [gaussian_filter1d(signal, 20, axis=1, mode="nearest") for signal in signals]
    np.testing.assert_allclose(smoothed, np.concatenate(expected, axis=1), atol=1e-6)


def test_frames_know_their_clip():
    clips = ClipFrames.of([2, 3], torch.device("cpu"))
    assert clips.starts_C.tolist() == [0, 2]
    assert clips.clip_N.tolist() == [0, 0, 1, 1, 1]


def test_half_yaw_is_finite_for_every_direction_even_straight_back():
    angles = torch.linspace(-math.pi, math.pi, 9)
    forward_2N = torch.stack((angles.sin(), angles.cos()))
    forward_2N[:, -1] = torch.tensor([0.0, -1.0])
    half = facing.half_yaw(*facing.cosine_and_sine(forward_2N))
    torch.testing.assert_close(half[1:-1], -angles[1:-1] / 2)
    assert abs(float(half[-1])) == math.pi / 2 or math.isclose(
        abs(float(half[-1])), math.pi / 2, rel_tol=1e-6
    )


def test_forward_without_width_is_ahead():
    nothing = torch.zeros(3, 1)
    assert facing.unit_forward(facing.forward_of(nothing)).flatten().tolist() == [0, 1]


def test_yaw_velocity_folds_back_past_half_a_turn_as_published():
    """Turning past straight back: the published sign is the wrong one there, and so is ours."""
    yaw = torch.deg2rad(torch.tensor([176.0, 178, 180.5, 182.5]))
    half = facing.half_yaw(yaw.cos(), yaw.sin())
    velocity = torch.rad2deg(facing.yaw_velocity(half))
    torch.testing.assert_close(velocity, torch.tensor([1.0, -1.25, 1.0]), atol=1e-3, rtol=0)
