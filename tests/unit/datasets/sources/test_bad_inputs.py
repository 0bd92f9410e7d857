"""Every kind of source against every kind of bad input: one clip is lost with its reason, the others are not.

Faults that a kind cannot have are left out by name in `NOT_POSSIBLE`; what only one kind can have is tested
beside it.
"""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy_format

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clips
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.preprocessing.rejected_clips import REJECTED_FILE, read_rejected
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.bodies import body_fields, write_amass, write_body
from tests.unit.datasets.conftest import CAPTION_LINE, bvh_text, moving_joints, write_splits

NAMES = [f"walk_{index:02d}" for index in range(8)]
VICTIM = NAMES[3]
OUTSIDE = "../../outside"
ARRAYS = {"humanml3d": "smpl22", "kit": "kit21", "motionx": "smplx52", "npy": "smpl22", "manifest": "smpl22"}
"""Skeletons of the kinds whose motions are ``.npy`` arrays of joints here."""
SOURCES = (*ARRAYS, "amass", "bvh")
FRAMES = 48
TERABYTES = (400_000_000_000, 22, 3)
MEBIBYTE = 2**20


@dataclass
class Written:
    """A source on disk.

    Args:
        source: registered.
        folder: of all its files.
        motion: the victim's file.
    """

    source: Source
    folder: Path
    motion: Path

    @property
    def skeleton(self) -> str:
        return ARRAYS.get(self.source.kind, "smpl22")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Written]:
    """A function that writes a sound source of a kind."""

    def write_kind(kind: str) -> Written:
        folder = tmp_path / "source"
        motions = folder / {"humanml3d": "new_joints", "kit": "new_joints", "motionx": "new_joints"}.get(
            kind, "motions"
        )
        texts = folder / "texts"
        for part in (motions, texts):
            part.mkdir(parents=True)
        ending = {"amass": "npz", "bvh": "bvh"}.get(kind, "npy")
        for index, name in enumerate(NAMES):
            write_motion(kind, motions / f"{name}.{ending}", index)
            (texts / f"{name}.txt").write_text(CAPTION_LINE)
        write_splits(folder, NAMES)
        options = options_of(kind, folder, motions)
        source = KINDS[kind].complete(Source.model_validate({"name": "tiny", "kind": kind, **options}))
        return Written(source, folder, motions / f"{VICTIM}.{ending}")

    return write_kind


def write_motion(kind: str, path: Path, index: int) -> None:
    if kind == "amass":
        write_amass(path, FRAMES, rate=20.0, seed=index)
    elif kind == "bvh":
        path.write_text(bvh_text(load_skeleton("smpl22"), FRAMES))
    else:
        np.save(path, moving_joints(load_skeleton(ARRAYS[kind]), FRAMES, index))


def options_of(kind: str, folder: Path, motions: Path) -> dict[str, object]:
    if kind in {"humanml3d", "kit", "motionx"}:
        return {"motions": folder}
    if kind == "manifest":
        rows = [f"{name}.npy,a man walks,train" for name in NAMES]
        (folder / "clips.csv").write_text("\n".join(["file,captions,split", *rows]) + "\n")
        return {"manifest": folder / "clips.csv", "motions": motions, "skeleton": "smpl22"}
    options: dict[str, object] = {"motions": motions, "captions": folder / "texts", "splits": folder}
    if kind == "amass":
        options["body_model"] = write_body(folder / "body.npz")
    if kind == "npy":
        options["skeleton"] = "smpl22"
    return options


def change_array(written: Written, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(written.motion, change(np.load(written.motion)))


def truncate(written: Written) -> None:
    content = written.motion.read_bytes()
    written.motion.write_bytes(content[: int(0.6 * len(content))])


def put_nan(written: Written) -> None:
    if written.source.kind == "amass":
        write_amass(written.motion, FRAMES, poses=np.full((FRAMES, 156), np.nan))
    elif written.source.kind == "bvh":
        text = written.motion.read_text().rstrip()
        written.motion.write_text(text.rpartition(" ")[0] + " nan\n")
    else:
        change_array(
            written, lambda joints_TJ3: np.where(joints_TJ3 == joints_TJ3[5, 1, 2], np.nan, joints_TJ3)
        )


def drop_a_joint(written: Written) -> None:
    if written.source.kind == "amass":
        write_amass(written.motion, FRAMES, poses=np.zeros((FRAMES, 153)))
    elif written.source.kind == "bvh":
        written.motion.write_text(written.motion.read_text().replace("left_foot", "toe"))
    else:
        change_array(written, lambda joints_TJ3: joints_TJ3[:, :-1])


def take_another_unit(written: Written) -> None:
    """Metres as millimetres, millimetres as metres; an AMASS body has its size from the model."""
    if written.source.kind == "amass":
        write_amass(written.motion, FRAMES, trans=1000.0 * np.arange(3 * FRAMES).reshape(-1, 3) / 20)
    elif written.source.kind == "bvh":
        lines = [
            " ".join(["OFFSET", *(str(1000 * float(number)) for number in line.split()[1:])])
            if line.startswith("OFFSET")
            else line
            for line in written.motion.read_text().splitlines()
        ]
        written.motion.write_text("\n".join(lines) + "\n")
    else:
        factor = 0.001 if written.skeleton == "kit21" else 1000.0
        change_array(written, lambda joints_TJ3: factor * joints_TJ3)


def declare_terabytes(written: Written) -> None:
    """A header that declares more than any memory holds, before a few bytes."""
    if written.source.kind == "bvh":
        text = written.motion.read_text()
        written.motion.write_text(text.replace(f"Frames: {FRAMES}", "Frames: 999999999999"))
        return
    header = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": TERABYTES}
    npy_format.write_array_header_1_0(header, described)
    if written.source.kind != "amass":
        written.motion.write_bytes(header.getvalue() + bytes(100))
        return
    with zipfile.ZipFile(written.motion, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("poses.npy", header.getvalue() + bytes(100))


def leave_the_folder(written: Written) -> None:
    """A name in a list or a table that points out of the source's folder, to a file that is there."""
    (written.folder.parent / "outside.npy").write_bytes(written.motion.read_bytes())
    if written.source.kind == "manifest":
        with (written.folder / "clips.csv").open("a") as file:
            file.write(f"{OUTSIDE}.npy,a man walks,train\n")
    else:
        with (written.folder / "train.txt").open("a") as file:
            file.write(f"{OUTSIDE}\n")


def make_a_cycle(written: Written) -> None:
    text = written.motion.read_text()
    written.motion.write_text(text.replace("JOINT left_foot", "JOINT left_hip"))


FAULTS: dict[str, tuple[str, Callable[[Written], None]]] = {
    "truncated": ("truncated", truncate),
    "NaN": ("not-finite", put_nan),
    "wrong joint count": ("joint-count", drop_a_joint),
    "wrong unit": ("unit", take_another_unit),
    "terabytes in the header": ("truncated", declare_terabytes),
    "a path that leaves the folder": ("outside", leave_the_folder),
    "cyclic hierarchy": ("unreadable", make_a_cycle),
}
NOT_POSSIBLE = {("cyclic hierarchy", kind) for kind in SOURCES if kind != "bvh"}
OTHER_REASONS = {
    ("truncated", "amass"): "unreadable",  # what is missing of an archive is its directory
    ("wrong unit", "amass"): "jump",
}
CASES = [(fault, kind) for fault in FAULTS for kind in SOURCES if (fault, kind) not in NOT_POSSIBLE]


@pytest.mark.parametrize(("fault", "kind"), CASES)
def test_the_clip_is_rejected_and_the_others_are_not(
    write: Callable[[str], Written], tmp_path: Path, fault: str, kind: str
) -> None:
    reason, spoil = FAULTS[fault]
    written = write(kind)
    spoil(written)
    tracemalloc.start()
    summary = ingest(
        written.source, load_skeleton(written.skeleton), tmp_path / "out", max_rejected=0.5, workers=1
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    victim = OUTSIDE if fault == "a path that leaves the folder" else VICTIM
    found = [(row.clip, row.reason) for row in read_rejected(tmp_path / "out" / REJECTED_FILE)]
    assert found == [(victim, OTHER_REASONS.get((fault, kind), reason))]
    kept = [clip.name for clip in read_clips(tmp_path / "out" / CLIPS_FILE)]
    assert kept == [name for name in NAMES if name != victim]
    assert summary.clips == len(kept)
    assert peak < 64 * MEBIBYTE


def test_a_body_model_whose_joints_go_in_a_circle_is_refused(write: Callable[[str], Written]) -> None:
    written = write("amass")
    tree = body_fields()["kintree_table"]
    tree[0, 4] = 7  # 7 hangs on 4
    body = write_body(written.folder / "cyclic.npz", kintree_table=tree)
    with pytest.raises(LampError, match="form no tree"):
        KINDS["amass"].complete(written.source.model_copy(update={"body_model": body}))
