"""GLB files as their format says they are read: the container by hand, forward kinematics from the nodes."""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lamp_core.errors import LampError
from lamp_core.exports.glb import save_glb
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.viz.figure import HEAD_RADIUS
from tests.unit.exports.motions import MILLIMETRE, SMPL, forward, posed, stretching

pytest.importorskip("pygltflib", reason="pygltflib (extra exports) is not installed")

TYPES = {5126: np.dtype("<f4"), 5121: np.dtype("u1"), 5123: np.dtype("<u2")}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """A file: its JSON, and its accessors as arrays."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        json_length, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON" and json_length % 4 == 0
        self.json: dict[str, Any] = json.loads(data[20 : 20 + json_length])
        binary_length, kind = struct.unpack_from("<I4s", data, 20 + json_length)
        assert kind == b"BIN\0" and binary_length % 4 == 0
        self.binary = data[28 + json_length :]

    def array(self, index: int) -> np.ndarray:
        accessor = self.json["accessors"][index]
        view = self.json["bufferViews"][accessor["bufferView"]]
        dtype, width = TYPES[accessor["componentType"]], WIDTHS[accessor["type"]]
        numbers = np.frombuffer(self.binary, dtype, accessor["count"] * width, view["byteOffset"])
        return numbers.reshape(-1, width)

    def animated(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times, local rotations (T, J, 3, 3) and places (T, J, 3) of the joints in their parents."""
        animation = self.json["animations"][0]
        times = self.array(animation["samplers"][0]["input"])[:, 0]
        nodes = [self.json["nodes"][index] for index in self.json["skins"][0]["joints"]]
        rotations = np.tile(np.eye(3), (len(times), len(nodes), 1, 1))
        places = np.tile([node["translation"] for node in nodes], (len(times), 1, 1)).astype(float)
        for channel in animation["channels"]:
            output = self.array(animation["samplers"][channel["sampler"]]["output"])
            joint = channel["target"]["node"]
            if channel["target"]["path"] == "rotation":
                assert np.abs(np.linalg.norm(output, axis=1) - 1).max() < 1e-6
                rotations[:, joint] = Rotation.from_quat(output).as_matrix()
            else:
                places[:, joint] = output
        return times, rotations, places

    def parents(self) -> list[int]:
        nodes = self.json["nodes"]
        above = {child: node for node, entry in enumerate(nodes) for child in entry.get("children", [])}
        return [above.get(joint, -1) for joint in self.json["skins"][0]["joints"]]


def written(path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, rate: float = 20.0) -> Glb:
    save_glb(path / "clip.glb", joints_TJ3, skeleton, rate, "walks")
    return Glb(path / "clip.glb")


@pytest.mark.parametrize("name", ["smpl22", "kit21", "smplx52"])
@pytest.mark.parametrize("motion", [posed, stretching])
def test_the_nodes_lead_to_the_joints(tmp_path: Path, name: str, motion: Any) -> None:
    skeleton = load_skeleton(name)
    joints_TJ3 = motion(skeleton)
    glb = written(tmp_path, joints_TJ3, skeleton, 12.5)
    times, rotations, places = glb.animated()
    again = forward(rotations, places, places[:, 0], glb.parents())
    assert np.abs(again - joints_TJ3 * skeleton.metres_per_unit).max() < 0.2 * MILLIMETRE
    assert times == pytest.approx(np.arange(len(joints_TJ3)) / 12.5)
    assert [glb.json["nodes"][joint]["name"] for joint in glb.json["skins"][0]["joints"]] == list(
        skeleton.joints
    )
    assert glb.json["animations"][0]["name"] == "walks"


def test_a_body_that_keeps_its_bones_is_animated_by_rotations_alone(tmp_path: Path) -> None:
    moved = [
        channel["target"]["node"]
        for channel in written(tmp_path, posed(SMPL), SMPL).json["animations"][0]["channels"]
        if channel["target"]["path"] == "translation"
    ]
    assert moved == [0]


def test_the_skin_covers_the_bones_in_every_frame(tmp_path: Path) -> None:
    joints_TJ3 = posed(SMPL, sway=0.3)
    glb = written(tmp_path, joints_TJ3, SMPL)
    _, rotations, places = glb.animated()
    inverse_J44 = glb.array(glb.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
    world = [np.eye(4)] * SMPL.joint_count
    for joint, parent in enumerate(glb.parents()):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotations[-1, joint], places[-1, joint]
        world[joint] = local if parent < 0 else world[parent] @ local
    skin_J44 = np.array(world) @ inverse_J44
    ends = joints_TJ3[-1][[child for child, _ in SMPL.bones]]
    starts = joints_TJ3[-1][[parent for _, parent in SMPL.bones]]
    for primitive in glb.json["meshes"][0]["primitives"]:
        attributes = {name: glb.array(index) for name, index in primitive["attributes"].items()}
        assert np.abs(attributes["WEIGHTS_0"].sum(1) - 1).max() < 1e-6
        assert attributes["JOINTS_0"].max() < SMPL.joint_count
        rest_V4 = np.hstack((attributes["POSITION"], np.ones((len(attributes["POSITION"]), 1))))
        matrices_VK44 = skin_J44[attributes["JOINTS_0"]]
        skinned_V3 = np.einsum("vk,vkij,vj->vi", attributes["WEIGHTS_0"], matrices_VK44, rest_V4)[:, :3]
        assert _distance_to_bones(skinned_V3, starts, ends).max() < HEAD_RADIUS + 0.07


def _distance_to_bones(points_V3: np.ndarray, starts_E3: np.ndarray, ends_E3: np.ndarray) -> np.ndarray:
    along_E3 = ends_E3 - starts_E3
    share_VE = np.einsum("vex,ex->ve", points_V3[:, None] - starts_E3, along_E3) / (along_E3**2).sum(1)
    nearest_VE3 = starts_E3 + np.clip(share_VE, 0, 1)[..., None] * along_E3
    return np.linalg.norm(points_V3[:, None] - nearest_VE3, axis=-1).min(1)


def test_the_rest_pose_needs_no_skinning(tmp_path: Path) -> None:
    glb = written(tmp_path, posed(SMPL), SMPL)
    inverse_J44 = glb.array(glb.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4)
    places = np.array([node["translation"] for node in glb.json["nodes"][: SMPL.joint_count]])
    for joint, parent in list(enumerate(glb.parents()))[1:]:
        places[joint] += places[parent]
    assert np.abs(inverse_J44[:, 3, :3] + places).max() < 1e-6
    assert places[:, 1].min() == pytest.approx(0, abs=1e-6)


def test_the_file_keeps_the_rules_of_the_format(tmp_path: Path) -> None:
    glb = written(tmp_path, stretching(SMPL), SMPL)
    for index, accessor in enumerate(glb.json["accessors"]):
        array, view = glb.array(index), glb.json["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        end = view["byteOffset"] + view["byteLength"]
        assert end <= glb.json["buffers"][0]["byteLength"] <= len(glb.binary)
        assert accessor["min"] == array.min(0).tolist() and accessor["max"] == array.max(0).tolist()
    for primitive in glb.json["meshes"][0]["primitives"]:
        triangles = glb.array(primitive["indices"]).reshape(-1, 3)
        corners, normals = (
            glb.array(primitive["attributes"][name])[triangles] for name in ("POSITION", "NORMAL")
        )
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert np.linalg.norm(faces, axis=1).min() > 1e-9
        assert (faces * normals.sum(1)).sum(1).min() > 0  # counter-clockwise from outside
        joints, weights = (glb.array(primitive["attributes"][name]) for name in ("JOINTS_0", "WEIGHTS_0"))
        assert (joints[weights == 0] == 0).all()
    root, body = glb.json["scenes"][0]["nodes"]
    assert (root, glb.json["nodes"][body]["skin"]) == (0, 0)
    assert sorted(material["name"] for material in glb.json["materials"]) == ["left", "right", "spine"]


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygltflib", None)
    with pytest.raises(LampError, match=r"lamp-motion\[exports\]"):
        save_glb(tmp_path / "clip.glb", posed(SMPL, 4), SMPL, 20.0)
    assert not list(tmp_path.iterdir())
