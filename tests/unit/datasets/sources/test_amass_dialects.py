"""AMASS and its kin write the same motion in many shapes: each is read back as it was meant."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamp_core.datasets.sources.amass import read_parameters
from lamp_core.errors import RejectedClip
from tests.unit.bodies import amass_fields

FRAMES, RATE = 6, 59.94
SHAPES = {
    "(B)": lambda betas: betas,
    "(1, B)": lambda betas: betas[None],
    "(T, B)": lambda betas: np.repeat(betas[None], FRAMES, axis=0),
}
PLACES = {"(T, 3)": lambda trans: trans, "(T, 1, 3)": lambda trans: trans[:, None]}
POSES = {"(T, 3 K)": lambda poses: poses, "(T, K, 3)": lambda poses: poses.reshape(FRAMES, -1, 3)}
WORDS = {
    "text": np.array,
    "bytes": lambda word: np.array(str(word).encode()),
    "array": lambda word: np.array([str(word)]),
    "array of bytes": lambda word: np.array([str(word).encode()]),
    "object": lambda word: np.array(str(word), dtype=object),
    "bytes as text": lambda word: np.array(str(str(word).encode())),
}
RATES = {
    "number": np.array,
    "array": lambda rate: np.array([[rate]]),
    "text": lambda rate: np.array(str(rate)),
}
RATES |= {"bytes": lambda rate: np.array(str(rate).encode())}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    betas=st.tuples(st.sampled_from(list(SHAPES)), st.sampled_from([10, 16])),
    trans=st.sampled_from(list(PLACES)),
    poses=st.tuples(st.sampled_from(list(POSES)), st.sampled_from([22, 24, 52, 55])),
    gender=st.tuples(st.sampled_from(list(WORDS)), st.sampled_from(["male", "Female", "NEUTRAL"])),
    rate=st.tuples(st.sampled_from(list(RATES)), st.sampled_from(["mocap_framerate", "mocap_frame_rate"])),
    kind=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_files_of_every_dialect_are_read_back(
    tmp_path: Path,
    betas: tuple[str, int],
    trans: str,
    poses: tuple[str, int],
    gender: tuple[str, str],
    rate: tuple[str, str],
    kind: type,
) -> None:
    meant = amass_fields(FRAMES, RATE, poses[1])
    shape_B = meant["betas"][: betas[1]].astype(kind)
    path = tmp_path / "clip_poses.npz"
    fields = {
        "betas": SHAPES[betas[0]](shape_B),
        "trans": PLACES[trans](meant["trans"].astype(kind)),
        "poses": POSES[poses[0]](meant["poses"].astype(kind)),
        "gender": WORDS[gender[0]](gender[1]),
        rate[1]: RATES[rate[0]](RATE),
    }
    np.savez(path, **fields)
    read = read_parameters(path)
    np.testing.assert_allclose(read.rotations_TK3.reshape(FRAMES, -1), meant["poses"].astype(kind))
    np.testing.assert_allclose(read.root_T3, meant["trans"].astype(kind))
    np.testing.assert_array_equal(read.betas_B, shape_B)
    assert (read.gender, read.rate) == (gender[1].lower(), RATE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"betas": None}, "it lacks betas"),
        ({"trans": None}, "it lacks trans"),
        ({"poses": None}, "it lacks poses"),
        ({"mocap_framerate": None}, r"it lacks mocap_framerate or mocap_frame_rate \(--fps states it\)"),
        ({"betas": np.zeros((2, 10))}, r"betas \(2, 10\) are neither"),
        ({"trans": np.zeros((3, FRAMES))}, r"trans \(3, 6\) is not \(6, 3\)"),
        ({"poses": np.zeros((FRAMES, 63))}, "poses have 63 numbers a frame"),
        ({"poses": np.zeros((FRAMES, 52, 3, 3))}, r"poses \(6, 52, 3, 3\) are neither"),
        ({"mocap_framerate": "60 fps"}, "'60 fps' is no number; --fps states it"),
        ({"mocap_framerate": "nan"}, "says nan frames a second"),
    ],
)
def test_each_miss_has_its_own_message(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    fields = amass_fields(FRAMES, RATE) | changes
    path = tmp_path / "clip.npz"
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})
    with pytest.raises(RejectedClip, match=told):
        read_parameters(path)
