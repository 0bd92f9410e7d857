"""Rotations as batched tensors, coordinates before frames: one arithmetic operation runs over all joints and
frames.

Shapes: J joints or bones, N frames (of any number of clips, one after the other).
"""

import torch
from torch import Tensor

ALMOST_OPPOSITE = 1e-12  # squared sine of an angle of a millionth of a radian


def turn(vectors_x3N: Tensor, cosine_N: Tensor, sine_N: Tensor, out: Tensor | None = None) -> Tensor:
    """Turn vectors about Y by one angle a frame.

    Args:
        vectors_x3N: any leading shape, then x y z, then frames.
        cosine_N: of the angle; a positive angle turns +Z towards +X.
        sine_N: of the angle.
        out: where to write, of the same shape, not overlapping with the vectors.

    Returns:
        vectors_x3N.
    """
    out = torch.empty_like(vectors_x3N) if out is None else out
    x, y, z = vectors_x3N.unbind(-2)
    out_x, out_y, out_z = out.unbind(-2)
    torch.mul(x, cosine_N, out=out_x).addcmul_(z, sine_N)
    torch.mul(z, cosine_N, out=out_z).addcmul_(x, sine_N, value=-1)
    out_y.copy_(y)
    return out


def turn_matrices(cosine_N: Tensor, sine_N: Tensor) -> Tensor:
    """The matrices that `turn` applies, (3, 3, N), row before column."""
    zero_N, one_N = torch.zeros_like(cosine_N), torch.ones_like(cosine_N)
    rows = (cosine_N, zero_N, sine_N, zero_N, one_N, zero_N, -sine_N, zero_N, cosine_N)
    return torch.stack(rows).view(3, 3, -1)


def swing_matrices(from_J3: Tensor, to_J3N: Tensor, out: Tensor | None = None) -> Tensor:
    """The shortest rotation that turns one direction into another.

    With k = from x to and d = from . to the matrix is d I + [k]x + k k^T / (1 + d). For opposite directions k
    and 1 + d are both 0: every rotation by half a turn about an axis across them is a shortest one, and the
    published quaternion, (1 + d, k) made a unit, is 0/0, NaN. Here k becomes a very short vector across
    `from`, always the same, which gives the half turn about it. Where d is negative 1 / (1 + d) is computed
    as (1 - d) / |k|^2, which keeps its digits.

    Args:
        from_J3: unit directions, one a bone.
        to_J3N: unit directions, one a bone and frame.
        out: where to write, (J, 3, 3, N).

    Returns:
        matrices_J33N: row before column.
    """
    ux, uy, uz = (axis[:, None] for axis in from_J3.unbind(-1))
    vx, vy, vz = to_J3N.unbind(1)
    d = (ux * vx).addcmul_(uy, vy).addcmul_(uz, vz)
    kx = (uy * vz).addcmul_(uz, vy, value=-1)
    ky = (uz * vx).addcmul_(ux, vz, value=-1)
    kz = (ux * vy).addcmul_(uy, vx, value=-1)
    k_squared = (kx * kx).addcmul_(ky, ky).addcmul_(kz, kz)
    if float(k_squared.amin()) < ALMOST_OPPOSITE:
        opposite = (d < 0) & (k_squared < ALMOST_OPPOSITE)
        for k, across in zip((kx, ky, kz), _across(from_J3).unbind(-1), strict=True):
            k.copy_(torch.where(opposite, across[:, None] * ALMOST_OPPOSITE**0.5, k))
        k_squared.clamp_(min=ALMOST_OPPOSITE)
    h = torch.where(d < 0, (1 - d) / k_squared, 1 / (1 + d))
    joints, frames = d.shape
    matrices_J33N = d.new_empty(joints, 3, 3, frames) if out is None else out
    return _write_matrices(d, (kx, ky, kz), h, matrices_J33N)


def _write_matrices(d: Tensor, k: tuple[Tensor, Tensor, Tensor], h: Tensor, matrices_J33N: Tensor) -> Tensor:
    """d I + [k]x + h k k^T."""
    kx, ky, kz = k
    hx, hy, hz = h * kx, h * ky, h * kz
    xy, xz, yz = hx * ky, hx * kz, hy * kz
    torch.addcmul(d, hx, kx, out=matrices_J33N[:, 0, 0])
    torch.addcmul(d, hy, ky, out=matrices_J33N[:, 1, 1])
    torch.addcmul(d, hz, kz, out=matrices_J33N[:, 2, 2])
    torch.add(xy, kz, out=matrices_J33N[:, 1, 0])
    torch.sub(xy, kz, out=matrices_J33N[:, 0, 1])
    torch.add(xz, ky, out=matrices_J33N[:, 0, 2])
    torch.sub(xz, ky, out=matrices_J33N[:, 2, 0])
    torch.add(yz, kx, out=matrices_J33N[:, 2, 1])
    torch.sub(yz, kx, out=matrices_J33N[:, 1, 2])
    return matrices_J33N


def _across(directions_J3: Tensor) -> Tensor:
    """A unit direction at a right angle to each direction and to the axis that it uses least."""
    least = torch.nn.functional.one_hot(directions_J3.abs().argmin(-1), 3).to(directions_J3)
    across_J3 = torch.linalg.cross(directions_J3, least)
    return torch.nn.functional.normalize(across_J3, dim=-1)


def six_numbers(parent_J33N: Tensor, child_J33N: Tensor, out: Tensor) -> Tensor:
    """The first two columns of the child's rotation as seen from its parent (Zhou et al. 2019).

    Args:
        parent_J33N: rotation of the parent of each joint.
        child_J33N: rotation of each joint.
        out: (J, 6, N), the first column, then the second.

    Returns:
        out.
    """
    joints, _, frames = out.shape
    columns_J23N = out.view(joints, 2, 3, frames)

    def product(row: int) -> tuple[Tensor, Tensor]:
        """One term of parent^T child: entry [column of the child, column of the parent]."""
        return child_J33N[:, row, :2, None], parent_J33N[:, row, None]

    torch.mul(*product(0), out=columns_J23N)
    columns_J23N.addcmul_(*product(1)).addcmul_(*product(2))
    return out
