"""Smooth functions of time that every motion is made of; all of them work on arrays."""

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d


def minimum_jerk(progress: np.ndarray) -> np.ndarray:
    """0 to 1, no velocity and no acceleration at both ends (Flash and Hogan 1985); clamped outside 0..1."""
    s = np.minimum(np.maximum(progress, 0.0), 1.0)
    position: np.ndarray = s * s * s * (10.0 + s * (6.0 * s - 15.0))
    return position


def envelope(times_T: np.ndarray, start: float, rise: float, hold: float, fall: float) -> np.ndarray:
    """0, up to 1 in `rise` seconds, `hold` seconds at 1, back to 0 in `fall` seconds."""
    up = minimum_jerk((times_T - start) / rise)
    if np.isinf(hold):
        return up
    height_T: np.ndarray = up - minimum_jerk((times_T - start - rise - hold) / fall)
    return height_T


def through(times_T: np.ndarray, start: float, keys: list[tuple[float, float]]) -> np.ndarray:
    """Minimum-jerk movement from value to value.

    Args:
        times_T: seconds.
        start: time from which the keys count.
        keys: (seconds after start, value), in order; the value before the first key is 0.
    """
    values_T: np.ndarray = np.zeros_like(times_T)
    before_time, before_value = 0.0, 0.0
    for time, value in keys:
        if value != before_value:
            values_T += (value - before_value) * minimum_jerk(
                (times_T - start - before_time) / (time - before_time)
            )
        before_time, before_value = time, value
    return values_T


def arc(progress: np.ndarray, softness: float | np.ndarray) -> np.ndarray:
    """0 to 1 and back to 0 as a foot in the air: a free flight at softness 1, above it gentler."""
    s = np.clip(progress, 0.0, 1.0)
    height: np.ndarray = (4.0 * s * (1.0 - s)) ** softness
    return height


def ramped(progress: np.ndarray, ramp: float) -> np.ndarray:
    """0 to 1 at a speed that rises over the share `ramp`, stays, and falls over the same share."""
    s = np.clip(progress, 0.0, 1.0)

    def rising(x: np.ndarray) -> np.ndarray:
        x = np.clip(x, 0.0, 1.0)
        risen: np.ndarray = ramp * x**3 * (1.0 - 0.5 * x)
        return risen

    middle = np.clip(s, ramp, 1.0 - ramp) - ramp
    way = rising(s / ramp) + middle + 0.5 * ramp - rising(np.clip((1.0 - s) / ramp, 0.0, 1.0))
    position: np.ndarray = way / (1.0 - ramp)
    return position


def reach(seconds: float, frames_per_second: float) -> int:
    """Frames to each side that `smooth` and `largest_around` look at."""
    return int(3.0 * seconds * frames_per_second + 0.5)


def smooth(values_T: np.ndarray, seconds: float, frames_per_second: float) -> np.ndarray:
    """Gaussian smoothing along the first axis."""
    smooth_T: np.ndarray = gaussian_filter1d(
        values_T, seconds * frames_per_second, axis=0, mode="nearest", truncate=3.0
    )
    return smooth_T


def largest_around(values_T: np.ndarray, seconds: float, frames_per_second: float) -> np.ndarray:
    """The largest value of those that `smooth` would mix."""
    window = 2 * reach(seconds, frames_per_second) + 1
    largest_T: np.ndarray = maximum_filter1d(values_T, window, mode="nearest")
    return largest_T


def beats(times_T: np.ndarray, start: float, period: float, count: int) -> np.ndarray:
    """`count` rises to 1 and falls to 0, one after the other."""
    phase_T = np.clip((times_T - start) / period, 0.0, float(count))
    return 0.5 * (1.0 - np.cos(2.0 * np.pi * phase_T))
