"""Joints of SMPL bodies: against a recursion over vertices, by properties; files that are no body model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.skeleton.smplx import body_model_file, joint_order, load_body_model, rotation_matrices
from tests.unit.bodies import body_fields, write_body


def by_hand(fields: dict[str, np.ndarray], rotations_K3: np.ndarray, root_3, betas_B) -> np.ndarray:
    """All joints of one frame, from the vertices, one transformation matrix after the other."""
    vertices_V3 = fields["v_template"] + fields["shapedirs"][..., :10] @ betas_B[:10]
    rest_K3 = fields["J_regressor"] @ vertices_V3
    parents = fields["kintree_table"][0].astype(np.int64)
    world: list[np.ndarray] = []
    for joint, rotation in enumerate(rotations_K3):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(rotation).as_matrix()
        local[:3, 3] = rest_K3[joint] - (rest_K3[parents[joint]] if joint else 0)
        world.append(world[parents[joint]] @ local if joint else local)
    return np.stack([matrix[:3, 3] for matrix in world]) + root_3


@pytest.mark.parametrize(("joints", "skeleton"), [(52, "smpl22"), (52, "smplx52"), (55, "smplx52")])
def test_joints_agree_with_a_recursion_over_vertices(tmp_path: Path, joints: int, skeleton: str) -> None:
    fields, random = body_fields(joints), np.random.default_rng(1)
    rotations_TK3, root_T3 = random.normal(0, 0.8, (5, joints, 3)), random.normal(0, 1, (5, 3))
    betas_B = random.normal(0, 1, 16)
    model = load_body_model(write_body(tmp_path / "model.npz", joints))
    tensors = (torch.from_numpy(array).float() for array in (rotations_TK3, root_T3, betas_B))
    described = load_skeleton(skeleton)
    found_TJ3 = model.joints(*tensors, described)
    assert found_TJ3.shape == (5, described.joint_count, 3)
    order = joint_order(described, joints)
    for frame in range(5):
        expected_K3 = by_hand(fields, rotations_TK3[frame], root_T3[frame], betas_B)
        np.testing.assert_allclose(found_TJ3[frame], expected_K3[order], atol=1e-5)


def test_bones_keep_their_lengths_and_the_root_turns_all(tmp_path: Path) -> None:
    model = load_body_model(write_body(tmp_path / "model.npz"))
    skeleton = load_skeleton("smplx52")
    rotations_TK3 = torch.randn(8, 52, 3)
    joints_TJ3 = model.joints(rotations_TK3, torch.zeros(8, 3), torch.zeros(10), skeleton)
    parents = list(skeleton.parents[1:])
    lengths_TE = np.linalg.norm(joints_TJ3[:, 1:] - joints_TJ3[:, parents], axis=-1)
    np.testing.assert_allclose(lengths_TE, np.broadcast_to(lengths_TE[0], lengths_TE.shape), atol=1e-5)
    still_TK3 = rotations_TK3.clone()
    still_TK3[:, 0] = 0
    unturned_TJ3 = model.joints(still_TK3, torch.zeros(8, 3), torch.zeros(10), skeleton)
    turn_T33 = rotation_matrices(rotations_TK3[:, 0]).numpy()
    local_TJ3, unturned_TJ3 = joints_TJ3 - joints_TJ3[:, :1], unturned_TJ3 - unturned_TJ3[:, :1]
    np.testing.assert_allclose(local_TJ3, np.einsum("txy,tjy->tjx", turn_T33, unturned_TJ3), atol=1e-5)


def test_rotation_matrices_agree_with_scipy_down_to_no_angle_at_all() -> None:
    vectors = np.concatenate(
        [np.random.default_rng(0).normal(0, 2, (50, 3)), np.zeros((1, 3)), [[1e-9, 0, 0]]]
    )
    expected = Rotation.from_rotvec(vectors).as_matrix()
    np.testing.assert_allclose(rotation_matrices(torch.from_numpy(vectors)).numpy(), expected, atol=1e-6)


def test_skeletons_that_a_model_cannot_give() -> None:
    with pytest.raises(LampError, match="SMPL bodies give the skeletons smpl22, not smplx52"):
        joint_order(load_skeleton("smplx52"), 24)
    with pytest.raises(LampError, match=r"not kit21"):
        joint_order(load_skeleton("kit21"), 55)
    with pytest.raises(LampError, match=r"16 joints is not known; known: 24 \(SMPL\)"):
        joint_order(load_skeleton("smpl22"), 16)


def cyclic(tree: np.ndarray) -> np.ndarray:
    changed = tree.copy()
    changed[0, 4] = 7  # 7 hangs on 4
    return changed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"J_regressor": None}, "it lacks J_regressor"),
        ({"v_template": np.zeros((7, 3))}, "do not fit together"),
        ({"shapedirs": np.zeros((104, 3))}, "do not fit together"),
        ({"kintree_table": cyclic(body_fields()["kintree_table"])}, "form no tree"),
        ({"v_template": np.full((104, 3), np.nan)}, "not finite"),
        ({"shapedirs": np.array([{"a": 1}], dtype=object)}, "cannot be read"),
    ],
)
def test_file_that_is_no_body_model(tmp_path: Path, changes, message: str) -> None:
    with pytest.raises(LampError, match=message):
        load_body_model(write_body(tmp_path / "model.npz", **changes))


def test_pickled_model_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "SMPLX_MALE.pkl"
    path.write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    with pytest.raises(LampError, match=r"a \.pkl can run code"):
        load_body_model(path)


def test_model_of_a_gender(tmp_path: Path) -> None:
    one = write_body(tmp_path / "one.npz")
    assert body_model_file(one, "female") == one
    male = write_body(tmp_path / "smplh" / "male" / "model.npz")
    female = write_body(tmp_path / "smplh" / "female" / "model.npz")
    assert [body_model_file(tmp_path / "smplh", g) for g in ("male", "female", "neutral")] == [
        male,
        female,
        female,
    ]
    neutral = write_body(tmp_path / "smplx" / "SMPLX_NEUTRAL.npz", 55)
    assert body_model_file(tmp_path / "smplx", "neutral") == neutral
    with pytest.raises(LampError, match="no body model in"):
        body_model_file(tmp_path / "nowhere", "male")
