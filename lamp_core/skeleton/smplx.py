"""Joints of the SMPL family of bodies (SMPL, SMPL+H, SMPL-X) from their parameters.

Only joints are needed, so no vertex is ever posed: the joints of a body of some shape are a linear function
of the shape (the regressor applied to template and shape directions, once a model), and a pose turns them
about each other (Loper et al. 2015, section 3; Romero et al. 2017; Pavlakos et al. 2019).

Shapes: T frames, K joints of the model, J joints of the skeleton, B shape parameters, V vertices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.arrays import read_npz
from lamp_core.skeleton.skeleton import Skeleton

BETAS = 10
"""Shape parameters that the published procedure uses, of the 10, 16 or 300 that files hold."""
BODY_JOINTS, HAND_JOINTS = 22, 30
JOINT_COUNTS = {24: "SMPL", 52: "SMPL+H", 55: "SMPL-X"}
"""Joints of the known models; SMPL-X has jaw and two eyes between body and hands."""
MODEL_FIELDS = ("v_template", "shapedirs", "J_regressor", "kintree_table")
HAND_MEANS = ("hands_meanl", "hands_meanr")
SMALLEST_ANGLE = 1e-8  # radians; a rotation by less has no axis of its own
MODEL_NAMES = ("{gender}/model.npz", "SMPLX_{GENDER}.npz", "SMPLH_{GENDER}.npz", "SMPL_{GENDER}.npz")


@dataclass(frozen=True, eq=False)
class BodyModel:
    """What joints need of a body model.

    Args:
        template_K3: joints of the mean shape in the rest pose, metres, Y up.
        shape_K3B: how they move with each shape parameter.
        parents: of each joint, -1 for the first; a parent stands before its children.
        hand_mean_H3: mean rotation of each finger joint, radians; zero when the model has none.
    """

    template_K3: Tensor
    shape_K3B: Tensor
    parents: tuple[int, ...]
    hand_mean_H3: Tensor

    def joints(
        self, rotations_TK3: Tensor, root_T3: Tensor, betas_B: Tensor, skeleton: Skeleton
    ) -> NDArray[np.float32]:
        """Joints of a skeleton in every frame.

        Args:
            rotations_TK3: rotation of each joint as seen from its parent, axis times angle in radians.
            root_T3: translation of the body, metres.
            betas_B: shape; the first `BETAS` count, as in the published procedure.
            skeleton: smpl22, or smplx52 when the model has hands.

        Returns:
            joints_TJ3: metres, in the axes of `root_T3`.

        Raises:
            LampError: the skeleton is none of the model's.
        """
        chosen = joint_order(skeleton, len(self.parents))
        count = min(len(betas_B), self.shape_K3B.shape[-1], BETAS)
        rest_K3 = self.template_K3 + self.shape_K3B[..., :count] @ betas_B[:count]
        turned_TK33 = rotation_matrices(rotations_TK3)
        world_33: list[Tensor] = []
        joints_3: list[Tensor] = []
        for joint, parent in enumerate(self.parents[: max(chosen) + 1]):
            if parent < 0:
                world_33.append(turned_TK33[:, joint])
                joints_3.append(rest_K3[joint] + root_T3)
                continue
            bone_3 = rest_K3[joint] - rest_K3[parent]
            joints_3.append(joints_3[parent] + world_33[parent] @ bone_3)
            world_33.append(world_33[parent] @ turned_TK33[:, joint])
        joints_TJ3 = torch.stack([joints_3[joint] for joint in chosen], dim=1)
        return np.asarray(joints_TJ3.numpy(), dtype=np.float32)


def joint_order(skeleton: Skeleton, joint_count: int) -> list[int]:
    """Which of the joints of a model, or of an array that it made, are those of the skeleton.

    Raises:
        LampError: the model is none that is known, or does not have the skeleton's joints.
    """
    body, hands = list(range(BODY_JOINTS)), list(range(joint_count - HAND_JOINTS, joint_count))
    has_hands = joint_count >= BODY_JOINTS + HAND_JOINTS
    orders = {"smpl22": body} | ({"smplx52": body + hands} if has_hands else {})
    if joint_count not in JOINT_COUNTS:
        known = ", ".join(f"{count} ({name})" for count, name in JOINT_COUNTS.items())
        raise LampError(f"a body model with {joint_count} joints is not known; known: {known}")
    if skeleton.name not in orders:
        raise LampError(
            f"{JOINT_COUNTS[joint_count]} bodies give the skeletons {', '.join(orders)}, not {skeleton.name}"
        )
    return orders[skeleton.name]


def rotation_matrices(rotations_x3: Tensor) -> Tensor:
    """Matrices (..., 3, 3) of rotations given as axis times angle (Rodrigues)."""
    angle_x1 = torch.linalg.vector_norm(rotations_x3, dim=-1, keepdim=True).clamp(min=SMALLEST_ANGLE)
    x, y, z = (rotations_x3 / angle_x1).unbind(-1)
    zero = torch.zeros_like(x)
    cross_x9 = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1)
    cross_x33 = cross_x9.reshape(*rotations_x3.shape, 3)
    sine, cosine = angle_x1.sin()[..., None], angle_x1.cos()[..., None]
    identity_33 = torch.eye(3, dtype=rotations_x3.dtype)
    matrices_x33: Tensor = identity_33 + sine * cross_x33 + (1 - cosine) * (cross_x33 @ cross_x33)
    return matrices_x33


def body_model_file(place: Path, gender: str) -> Path:
    """The body model of a gender.

    Args:
        place: a file, which serves every gender, or a folder of files in the layout of SMPL+H
            (``male/model.npz``) or SMPL-X (``SMPLX_MALE.npz``).
        gender: as a motion file states it. Where the folder has no model of it, the female one serves, as in
            the published procedure.

    Raises:
        LampError: nothing there.
    """
    if place.is_file():
        return place
    for wanted in (gender.lower(), "female", "neutral"):
        for name in MODEL_NAMES:
            path = place / name.format(gender=wanted, GENDER=wanted.upper())
            if path.is_file():
                return path
    names = ", ".join(name.format(gender="female", GENDER="FEMALE") for name in MODEL_NAMES)
    raise LampError(f"there is no body model in {place}; name a .npz file, or a folder with one of {names}")


@lru_cache(maxsize=4)
def load_body_model(path: Path) -> BodyModel:
    """Read a body-model file (``.npz``).

    Raises:
        LampError: a ``.pkl``, which can run code when it is read; a file that cannot be read, lacks a field,
            holds shapes that do not fit together, or whose joints do not form a tree.
    """
    if path.suffix.lower() != ".npz":
        raise LampError(
            f"{path}: body models are read from .npz files; a .pkl can run code when it is opened. "
            "SMPL-X and the extended SMPL+H of AMASS are published as .npz too"
        )
    try:
        fields = read_npz(path, (*MODEL_FIELDS, *HAND_MEANS))
    except RejectedClip as fault:
        raise LampError(f"the body model {path} cannot be read: {fault.detail}") from fault
    if missing := [name for name in MODEL_FIELDS if name not in fields]:
        raise LampError(f"{path} is no body model: it lacks {', '.join(missing)}")
    _check_shapes(path, fields)
    regressor_KV = fields["J_regressor"].astype(np.float64)
    template_K3 = regressor_KV @ fields["v_template"].astype(np.float64)
    directions_V3B = fields["shapedirs"][..., :BETAS].astype(np.float64)
    shape_K3B = np.einsum("kv,vxb->kxb", regressor_KV, directions_V3B)
    if not (np.isfinite(template_K3).all() and np.isfinite(shape_K3B).all()):
        raise LampError(f"{path} holds numbers that are not finite")
    return BodyModel(
        template_K3=torch.from_numpy(template_K3).float(),
        shape_K3B=torch.from_numpy(shape_K3B).float(),
        parents=_parents(path, fields["kintree_table"]),
        hand_mean_H3=_hand_mean(fields),
    )


def _check_shapes(path: Path, fields: Mapping[str, NDArray[Any]]) -> None:
    joints, vertices = fields["J_regressor"].shape if fields["J_regressor"].ndim == 2 else (0, 0)
    directions = fields["shapedirs"].shape
    fits = (
        fields["v_template"].shape == (vertices, 3)
        and len(directions) == 3
        and directions[:2] == (vertices, 3)
        and fields["kintree_table"].shape == (2, joints)
    )
    if not fits:
        shapes = ", ".join(f"{name} {fields[name].shape}" for name in MODEL_FIELDS)
        raise LampError(f"the fields of the body model {path} do not fit together: {shapes}")


def _parents(path: Path, kintree_table: NDArray[Any]) -> tuple[int, ...]:
    """Parents by joint; files write the first one's as -1, or as the largest unsigned number."""
    parents = (-1, *(int(parent) for parent in kintree_table[0, 1:]))
    if any(not 0 <= parent < joint for joint, parent in enumerate(parents[1:], start=1)):
        raise LampError(f"the joints of {path} form no tree: a joint's parent does not stand before it")
    return parents


def _hand_mean(fields: Mapping[str, NDArray[Any]]) -> Tensor:
    means = [fields[name].reshape(-1) for name in HAND_MEANS if name in fields]
    mean = np.concatenate(means) if len(means) == len(HAND_MEANS) else np.zeros(0)
    if mean.size != HAND_JOINTS * 3:
        return torch.zeros(HAND_JOINTS, 3)
    return torch.from_numpy(mean.astype(np.float32)).view(HAND_JOINTS, 3)
