import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from lamp_core.skeleton.rotations import six_numbers, swing_matrices, turn, turn_matrices

AXES = torch.cat((torch.eye(3), -torch.eye(3)))


def random_directions(bones: int, frames: int) -> Tensor:
    directions = torch.randn(
        bones, 3, frames, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    return torch.nn.functional.normalize(directions, dim=1)


def assert_rotations_between(
    matrices_J33N: Tensor, from_J3: Tensor, to_J3N: Tensor, tolerance: float
) -> None:
    matrices = matrices_J33N.permute(0, 3, 1, 2)
    identity = torch.eye(3, dtype=matrices.dtype).expand_as(matrices)
    torch.testing.assert_close(matrices @ matrices.mT, identity, atol=tolerance, rtol=0)
    torch.testing.assert_close(
        torch.linalg.det(matrices), torch.ones_like(matrices[..., 0, 0]), atol=tolerance, rtol=0
    )
    turned = torch.einsum("jnab,jb->jan", matrices, from_J3)
    torch.testing.assert_close(turned, to_J3N, atol=tolerance, rtol=0)


def test_swing_turns_one_direction_into_the_other():
    to_J3N = random_directions(6, 50)
    assert_rotations_between(swing_matrices(AXES.double(), to_J3N), AXES.double(), to_J3N, 1e-12)


def test_swing_is_the_shortest_rotation():
    to_J3N = random_directions(6, 50)
    matrices = swing_matrices(AXES.double(), to_J3N).permute(0, 3, 1, 2).reshape(-1, 3, 3)
    angles = torch.from_numpy(Rotation.from_matrix(matrices.numpy()).magnitude())
    expected = torch.arccos(torch.einsum("ja,jan->jn", AXES.double(), to_J3N)).flatten()
    torch.testing.assert_close(angles, expected)


def test_swing_to_the_same_direction_is_the_identity():
    matrices = swing_matrices(AXES, AXES[:, :, None])
    torch.testing.assert_close(matrices[..., 0], torch.eye(3).expand(6, 3, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_swing_to_the_opposite_direction_is_half_a_turn(dtype: torch.dtype):
    """The published quaternion between opposite directions is 0/0."""
    from_J3 = AXES.to(dtype)
    to_J3N = -from_J3[:, :, None]
    assert_rotations_between(swing_matrices(from_J3, to_J3N), from_J3, to_J3N, 1e-5)


@pytest.mark.parametrize("angle", [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
def test_swing_stays_a_rotation_close_to_the_opposite_direction(angle: float):
    offset = torch.roll(AXES, 1, dims=1) * angle
    to_J3N = torch.nn.functional.normalize(offset - AXES, dim=1)[:, :, None]
    assert_rotations_between(swing_matrices(AXES, to_J3N), AXES, to_J3N, 5e-6)


def test_turn_takes_ahead_to_the_left_and_agrees_with_its_matrix():
    quarter = torch.tensor([0.0]), torch.tensor([1.0])
    ahead_3N = torch.tensor([[0.0], [0.0], [1.0]])
    assert turn(ahead_3N, *quarter).flatten().tolist() == [1.0, 0.0, 0.0]
    angle_N = torch.linspace(-4, 4, 7)
    vectors = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0))
    by_matrix = torch.einsum("abn,jbn->jan", turn_matrices(angle_N.cos(), angle_N.sin()), vectors)
    torch.testing.assert_close(turn(vectors, angle_N.cos(), angle_N.sin()), by_matrix)


def test_six_numbers_are_two_columns_seen_from_the_parent():
    parent = torch.from_numpy(Rotation.random(5, rng=0).as_matrix())
    child = torch.from_numpy(Rotation.random(5, rng=1).as_matrix())
    expected = (parent.mT @ child)[..., :2].mT.reshape(5, 6)
    out = torch.empty(1, 6, 5, dtype=torch.float64)
    six_numbers(parent.permute(1, 2, 0)[None], child.permute(1, 2, 0)[None], out)
    torch.testing.assert_close(out[0].T, expected)
