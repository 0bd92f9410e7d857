"""Tiny body models of the form that SMPL+H and SMPL-X are published in, and motions for them."""

from pathlib import Path
from typing import Any

import numpy as np

from lamp_core.skeleton.skeleton import ROOT, load_skeleton

VERTICES_A_JOINT = 2


def body_fields(joints: int = 52, seed: int = 0) -> dict[str, np.ndarray]:
    """Fields of a body model whose joints are those of smplx52's rest pose, with two vertices about each."""
    skeleton = load_skeleton("smplx52")
    body, hands = list(range(22)), list(range(22, 52))
    places = [*body, *([15] * 3 if joints == 55 else []), *hands]  # jaw and eyes stand at the head
    rest_K3 = np.array(skeleton.rest)[places]
    order = {joint: place for place, joint in enumerate(places) if places.index(joint) == place}
    parents = [0 if skeleton.parents[j] == ROOT else order[skeleton.parents[j]] for j in places]
    if joints == 55:
        parents[22:25] = [15, 15, 15]
    random = np.random.default_rng(seed)
    apart_K3 = random.normal(0, 0.01, rest_K3.shape)
    template_V3 = np.concatenate([rest_K3 - apart_K3, rest_K3 + apart_K3])
    regressor_KV = 0.5 * np.concatenate([np.eye(joints), np.eye(joints)], axis=1)
    tree = np.stack([np.array(parents), np.arange(joints)]).astype(np.uint32)
    tree[0, 0] = 2**32 - 1
    return {
        "v_template": template_V3,
        "shapedirs": random.normal(0, 0.005, (len(template_V3), 3, 16)),
        "J_regressor": regressor_KV,
        "kintree_table": tree,
        "weights": np.zeros((len(template_V3), joints)),
        "hands_meanl": random.normal(0, 0.1, 45),
        "hands_meanr": random.normal(0, 0.1, 45),
    }


def write_body(path: Path, joints: int = 52, **changes: Any) -> Path:
    """Write a body model; a change of None leaves the field out."""
    fields = {name: value for name, value in (body_fields(joints) | changes).items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **fields)
    return path


def amass_fields(frames: int, rate: float = 120.0, joints: int = 52, seed: int = 0) -> dict[str, np.ndarray]:
    """Fields of an AMASS file: a body that stands up along Z, walks along Y and moves all its joints."""
    random = np.random.default_rng(seed)
    time_T = np.arange(frames) / rate
    phase_K = random.uniform(0, 6, 3 * joints)
    poses = 0.2 * np.sin(3 * time_T[:, None] + phase_K)
    poses[:, :3] = np.array([np.pi / 2, 0, 0])  # the model's Y becomes Z
    root_T3 = np.stack([0 * time_T, time_T, 0 * time_T], axis=1)
    return {
        "poses": poses,
        "trans": root_T3,
        "betas": random.normal(0, 1, 16),
        "gender": np.array("male"),
        "mocap_framerate": np.array(rate),
        "dmpls": np.zeros((frames, 8)),
    }


def write_amass(path: Path, frames: int = 240, *, leave_out: tuple[str, ...] = (), **changes: Any) -> Path:
    """Write an AMASS file."""
    rate = changes.pop("rate", 120.0)
    fields = amass_fields(frames, rate, changes.pop("joints", 52), changes.pop("seed", 0)) | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value for name, value in fields.items() if name not in leave_out})
    return path
