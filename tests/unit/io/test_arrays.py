"""Arrays from files that nobody vouches for: what a header declares is held against what is there."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lamp_core.errors import RejectedClip
from lamp_core.io.arrays import read_npy, read_npz


def header(shape: tuple[int, ...], descr: str = "<f4", order: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": order, "shape": shape})
    return stream.getvalue()


def reason_of(read, *arguments) -> str:
    with pytest.raises(RejectedClip) as rejected:
        read(*arguments)
    assert rejected.value.detail
    return rejected.value.reason


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_come_back(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4), dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", one=array, two=array + 1, gender=np.array("male"))
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), array)
    found = read_npz(tmp_path / "a.npz", ("two", "three"), ("gender",))
    assert set(found) == {"two", "gender"}
    np.testing.assert_array_equal(found["two"], array + 1)
    assert str(found["gender"]) == "male"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"no array at all", "unreadable"),
        (header((2, 3)), "truncated"),
        (header((2, 3)) + b"\0" * 23, "truncated"),
        (header((10**9, 10**3)) + b"\0" * 64, "truncated"),
        (header((0, 3)), "empty"),
        (header((1,), "|O") + b"\0" * 64, "unreadable"),
        (header((1,), "<U4") + b"\0" * 64, "unreadable"),
    ],
)
def test_bad_file(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    assert reason_of(read_npy, path) == reason


def test_missing_file(tmp_path: Path) -> None:
    assert reason_of(read_npy, tmp_path / "a.npy") == "motion-missing"
    assert reason_of(read_npz, tmp_path / "a.npz", ("a",)) == "motion-missing"


def test_a_header_reserves_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(header((10**10,)) + b"\0" * 100)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("poses.npy", header((10**10,)) + b"\0" * 100)
    tracemalloc.start()
    assert reason_of(read_npy, tmp_path / "a.npy") == "truncated"
    assert reason_of(read_npz, tmp_path / "a.npz", ("poses",)) == "truncated"
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_an_archive_that_really_grows_is_refused_before_it_does(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("lamp_core.io.arrays.LARGEST_BYTES", 2**20)
    np.savez_compressed(tmp_path / "a.npz", poses=np.zeros(2**20, dtype=np.float32))
    assert (tmp_path / "a.npz").stat().st_size < 2**14
    tracemalloc.start()
    assert reason_of(read_npz, tmp_path / "a.npz", ("poses",)) == "too-large"
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()


def test_a_size_in_the_archives_directory_reserves_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, poses=np.arange(4, dtype=np.float32))
    content = bytearray(path.read_bytes())
    size = content.index(b"PK\x01\x02") + 24
    content[size : size + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    tracemalloc.start()
    np.testing.assert_array_equal(read_npz(path, ("poses",))["poses"], [0, 1, 2, 3])
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_torn_archive(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, poses=np.random.default_rng(0).normal(size=1000))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert reason_of(read_npz, path, ("poses",)) == "unreadable"


def test_damaged_member_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, poses=np.arange(1000, dtype=np.float32))
    content = bytearray(path.read_bytes())
    content[2000] ^= 255
    path.write_bytes(bytes(content))
    assert reason_of(read_npz, path, ("poses",)) == "unreadable"


def test_pickled_objects_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", poses=np.array([{"an": "object"}], dtype=object))
    assert reason_of(read_npz, tmp_path / "a.npz", ("poses",)) == "unreadable"
