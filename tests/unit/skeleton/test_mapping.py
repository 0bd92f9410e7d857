from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.mapping import JointMap, detect_map, load_map, map_names
from lamp_core.skeleton.resampling import resample
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import turn_back, turn_to_y_up


def map_entries(**changes: object) -> dict[str, object]:
    skeleton = load_skeleton("smpl22")
    entries = {
        "name": "mine",
        "metres_per_unit": 0.01,
        "skeletons": {"smpl22": {joint: f"Source_{joint}" for joint in skeleton.joints}},
    }
    return entries | changes


def test_built_in_maps_load_and_bandai_namco_knows_both_skeletons():
    rigs = {"bandai-namco", "cmu", "lafan1", "mixamo", "rokoko", *FOREIGN}
    assert rigs | {"smpl22", "kit21", "smplx52"} == set(map_names())
    bandai_namco = load_map("bandai-namco")
    assert bandai_namco.reference_clip == "BN2_walk_normal_001"
    assert bandai_namco.metres_per_unit == 0.01
    assert set(bandai_namco.skeletons) == {"smpl22", "kit21"}
    assert bandai_namco.skeletons["smpl22"]["spine2"] == ("Spine", "Chest")


def test_map_is_detected_by_joint_names():
    names = sorted(load_map("bandai-namco").source_joints("smpl22"))
    assert detect_map([*names, "Tail"]).name == "bandai-namco"
    assert detect_map(load_skeleton("smpl22").joints).name == "smpl22"
    assert detect_map(load_skeleton("kit21").joints).name == "kit21"
    assert detect_map(load_skeleton("smplx52").joints).name == "smplx52"


ARMS = [f"{side}{part}" for side in ("Left", "Right") for part in ("Shoulder", "Arm", "ForeArm", "Hand")]
LEGS = [f"{side}{part}" for side in ("Left", "Right") for part in ("UpLeg", "Leg", "Foot")]
SPINE = ["Hips", "Spine", "Spine1", "Neck", "Head"]
RIGS = {
    "cmu": [
        *SPINE,
        *ARMS,
        *LEGS,
        *("LHipJoint", "RHipJoint", "LowerBack", "Neck1", "LeftToeBase", "RightToeBase", "LThumb"),
    ],
    "lafan1": [*SPINE, *ARMS, *LEGS, "Spine2", "LeftToe", "RightToe"],
    "mixamo": [*SPINE, *ARMS, *LEGS, "Spine2", "LeftToeBase", "RightToeBase", "LeftHandIndex1"],
    "rokoko": ["Hips", "Spine1", "Spine2", "Spine3", "Spine4", "Neck", "Head", *ARMS]
    + [f"{side}{part}" for side in ("Left", "Right") for part in ("Thigh", "Shin", "Foot", "Toe", "ToeTip")],
}


FOREIGN = {
    "auto-rig": "root.x",
    "biped": "Bip01 L Thigh",
    "biped-two-spines": "Bip001_R_Calf",
    "motive": "Skeleton:LUArm",
    "motive-fbx": "Skeleton:LeftUpLeg",
    "perception-neuron": "LeftFoot_End",
    "rigify": "DEF-thigh.L",
    "smpl": "m_avg_L_Hip",
    "smpl-words": "Left_hip",
    "xsens": "LeftCollar",
}
"""A joint of each further rig as its files write it."""


@pytest.mark.parametrize(("rig", "example"), FOREIGN.items())
def test_a_rig_is_told_by_its_names_and_has_a_mirror_image(rig: str, example: str):
    joint_map = load_map(rig)
    own = joint_map.own_names([example])[0]
    before = example[: len(example) - len(own)]
    sources = sorted(joint_map.source_joints("smpl22"))
    assert own in sources
    assert detect_map([before + name for name in sources]).name == rig
    for joints in joint_map.skeletons.values():
        lefts = [joint for joint in joints if joint.startswith("left_")]
        assert all(joints[left] != joints[left.replace("left_", "right_")] for left in lefts)


@pytest.mark.parametrize("rig", RIGS)
def test_the_rigs_of_the_field_are_told_apart_by_their_names(rig: str):
    detected = detect_map(RIGS[rig])
    assert detected.name == rig
    for skeleton_name in ("smpl22", "kit21"):
        assert detected.source_joints(skeleton_name) <= set(RIGS[rig])


@pytest.mark.parametrize("rig", sorted({*RIGS, *FOREIGN}))
@pytest.mark.parametrize("namespace", ["Actor 1:", "Scene:Läufer:"])
def test_a_namespace_before_the_names_changes_no_map(rig: str, namespace: str):
    joint_map = load_map(rig)
    names = RIGS.get(rig) or sorted(joint_map.source_joints("smpl22"))
    named = [namespace + name for name in names]
    assert detect_map(named).name == rig
    assert joint_map.own_names(named) == joint_map.own_names(names)


def test_a_map_that_names_the_namespace_is_taken_at_its_word():
    described = load_map("mixamo").model_dump() | {"prefix": "", "name": "own"}
    described["skeletons"] = {
        "smpl22": {joint: f"Actor:{name}" for joint, name in described["skeletons"]["smpl22"].items()}
    }
    own = JointMap.model_validate(described)
    assert own.own_names(["Actor:Hips", "Other:Hips"]) == ["Actor:Hips", "Other:Hips"]


@pytest.mark.parametrize("prefix", ["mixamorig:", "mixamorig_", "mixamorig5:", "mixamorig"])
def test_mixamos_prefix_is_taken_off(prefix: str):
    names = [prefix + name for name in RIGS["mixamo"]]
    detected = detect_map(names)
    joints = detected.apply(np.ones((2, len(names), 3)), names, load_skeleton("smpl22"))
    assert detected.name == "mixamo" and joints.shape == (2, 22, 3)


@pytest.mark.parametrize("rig", RIGS)
def test_every_left_joint_of_a_map_has_its_right_one(rig: str):
    for joints in load_map(rig).skeletons.values():
        for joint, source in joints.items():
            if joint.startswith("left_"):
                right = joints[joint.replace("left_", "right_")]
                assert str(source).replace("Left", "Right") == str(right)
                assert "Left" in str(source)


def test_no_map_fits_names_the_known_ones():
    with pytest.raises(LampError, match=r"Tail.*bandai-namco.* cmu, kit21"):
        detect_map(["Hips", "Tail"])


def test_apply_takes_midpoints_and_the_skeletons_unit():
    bandai_namco = load_map("bandai-namco")
    names = sorted(bandai_namco.source_joints("smpl22") | bandai_namco.source_joints("kit21"))
    centimetres = np.random.default_rng(0).normal(0, 100, (3, len(names), 3))
    for skeleton_name, units in (("smpl22", 0.01), ("kit21", 10.0)):
        skeleton = load_skeleton(skeleton_name)
        joints = bandai_namco.apply(centimetres, names, skeleton)
        assert joints.shape == (3, skeleton.joint_count, 3)
        chest = centimetres[:, names.index("Chest")]
        middle = (chest + centimetres[:, names.index("Spine")]) / 2
        if skeleton_name == "smpl22":
            np.testing.assert_allclose(joints[:, skeleton.index("spine2")], middle * units)
            np.testing.assert_allclose(joints[:, skeleton.index("spine3")], chest * units)
        else:
            np.testing.assert_allclose(joints[:, skeleton.index("chest")], chest * units)


def test_source_without_a_joint_is_rejected():
    with pytest.raises(RejectedClip, match=r"joint-count.*Toes_R"):
        names = sorted(load_map("bandai-namco").source_joints("smpl22") - {"Toes_R"})
        load_map("bandai-namco").apply(np.zeros((2, len(names), 3)), names, load_skeleton("smpl22"))


def test_map_of_another_skeleton_is_refused():
    with pytest.raises(LampError, match="no skeleton 'kit21'"):
        load_map("smpl22").source_joints("kit21")


def test_map_from_a_file(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(map_entries()))
    assert load_map(path).skeletons["smpl22"]["head"] == "Source_head"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"colour": "red"}, "colour"),
        ({"metres_per_unit": 0}, "metres_per_unit"),
        ({"skeletons": {"smpl23": {}}}, "unknown skeleton 'smpl23'"),
        ({"skeletons": {"smpl22": {"pelvis": "Hips"}}}, "lacks head"),
        ({"skeletons": {}}, "skeletons"),
        ({"up": "w"}, "up"),
        ({"prefix": "("}, "regular expression"),
    ],
)
def test_faults_of_a_map_file_are_one_line_that_names_them(
    tmp_path: Path, changes: dict[str, object], fault: str
):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(map_entries(**changes)))
    with pytest.raises(LampError) as caught:
        load_map(path)
    assert fault in str(caught.value) and "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_not_a_map_is_refused(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    for text in ("a: [1", "- 1\n- 2", ""):
        path.write_text(text)
        with pytest.raises(LampError, match="joint map"):
            load_map(path)
    with pytest.raises(LampError, match=r"known: .*bandai-namco"):
        load_map(tmp_path / "none.yaml")


def test_unit_and_up_axis_of_the_files_win_over_the_maps():
    skeleton = load_skeleton("smpl22")
    smpl22 = load_map("smpl22")
    metres = np.random.default_rng(0).normal(size=(2, 22, 3))
    upright = smpl22.apply(metres, skeleton.joints, skeleton)
    in_centimetres = smpl22.measured(unit="cm").apply(100 * metres, skeleton.joints, skeleton)
    np.testing.assert_allclose(in_centimetres, upright)
    for up in ("x", "y", "z"):
        lying = turn_back(metres, up)
        np.testing.assert_allclose(smpl22.measured(up=up).apply(lying, skeleton.joints, skeleton), upright)


@pytest.mark.parametrize("up", ["x", "y", "z"])
def test_turns_put_the_up_axis_on_y_without_a_mirror_image(up: str):
    turned = turn_to_y_up(np.eye(3), up)  # type: ignore[arg-type]
    np.testing.assert_array_equal(turned["xyz".index(up)], [0, 1, 0])
    assert np.linalg.det(turned) == pytest.approx(1)


def test_map_is_frozen():
    joint_map = JointMap.model_validate(map_entries())
    with pytest.raises(ValidationError):
        joint_map.name = "other"  # type: ignore[misc]


def line(frames: int) -> np.ndarray:
    return np.arange(frames, dtype=np.float64)[:, None, None] * np.ones((1, 2, 3))


@pytest.mark.parametrize(
    ("frames", "source", "target", "count"),
    [(61, 30, 20, 41), (60, 30, 20, 40), (2, 30, 20, 1), (31, 30, 12.5, 13)],
)
def test_resample_takes_the_times_up_to_the_last_frame(frames: int, source: float, target: float, count: int):
    resampled = resample(line(frames), source, target)
    np.testing.assert_allclose(resampled[:, 0, 0], np.arange(count) * source / target)


def test_resample_at_the_same_rate_changes_nothing():
    np.testing.assert_array_equal(resample(line(7), 20, 20), line(7))


def test_golden_joints_are_ours(shared: Path, skeleton: Skeleton):
    """The golden files hold single precision numbers of a few metres, so a few ten-millionths apart."""
    golden = np.load(shared / "golden" / f"features_{skeleton.feature_count}.npz")
    for name in golden["names"]:
        bvh = read_bvh(shared / "data" / "bandai-namco" / "bvh" / f"{name}.bvh")
        joint_map = detect_map(bvh.joint_names)
        joints = joint_map.apply(bvh.joint_positions(), bvh.joint_names, skeleton)
        joints = resample(joints, bvh.frames_per_second, skeleton.frames_per_second)
        expected = golden[f"{name}/joints"]
        assert joints.shape == expected.shape
        np.testing.assert_allclose(joints, expected, atol=1e-6 / skeleton.metres_per_unit)
