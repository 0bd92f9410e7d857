"""Motion between given frames on straight lines: the floor of completion, and what stands for missing frames.

Shapes: T frames, G given frames.
"""

import numpy as np


def interpolated(motion: np.ndarray, given_T: np.ndarray) -> np.ndarray:
    """Every number of a motion (T, ...) on a line between given frames, still before and after them."""
    frames_T, given_G = np.arange(len(motion)), np.flatnonzero(given_T)
    after_T = np.searchsorted(given_G, frames_T).clip(max=len(given_G) - 1)
    before_T = (np.searchsorted(given_G, frames_T, side="right") - 1).clip(min=0)
    first_T, last_T = given_G[before_T], given_G[after_T]
    weights_T = (frames_T - first_T).clip(min=0) / np.maximum(last_T - first_T, 1)
    weights = weights_T.reshape(-1, *[1] * (motion.ndim - 1))
    between: np.ndarray = motion[first_T] * (1.0 - weights) + motion[last_T] * weights
    return between
