"""Inputs as people really have them, through every command: each is taken, or refused in the words that help.

The folder of cases is read where it stands beside the project; `test_odd_inputs` makes such inputs for every
source, and `test_gate` for every command.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clips
from lamp_core.skeleton.skeleton import load_skeleton
from tests.flows.commands import run
from tests.flows.test_gate import TOO_LONG
from tests.workspace import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
SKELETON = load_skeleton("smpl22")
SOUND = "8 clips (train 5, val 1, test 2), 16 captions"
NO_MAP = "no joint map fits the joints Bip01 Pelvis, Bip01 Spine"
BIPED = "biped.yaml"
END_SITES, FEET_TWICE = (str(CASES / "no-toe" / f"map-{name}.yaml") for name in ("end-site", "foot-twice"))


@dataclass(frozen=True)
class Case:
    """An input, and what is said of it.

    Args:
        kind: of source.
        file: a motion of it.
        taken: words of `lamp import`, called as it has to be.
        options: by which the motions are taken.
        without: words of every command without these options; the input is refused for them, or only noted.
        told: words of every command that reads the motion, called as it has to be.
        is_refused: whether `without` refuses.
        unreadable: words of commands of single files, where the file cannot be used whatever is said.
    """

    kind: str
    file: str
    taken: str = SOUND
    options: tuple[str, ...] = ()
    without: str = ""
    told: str = ""
    is_refused: bool = True
    unreadable: str = ""


BVH, NPY = "bvh/walk_00.bvh", "joints/walk_00.npy"
FOUND = {
    "names-with-spaces": Case("bvh", "bvh/Hip Hop Dancing.bvh"),
    "appledouble-few": Case("bvh", BVH, "hidden files"),
    "linked-subfolders": Case("npy", "joints/day_1/walk_00.npy", "lead out of the folder"),
    "utf16-splits": Case("bvh", BVH),
    "bvh-bom": Case("bvh", BVH),
    "split-with-endings": Case("bvh", BVH, "with an ending"),
    "frames-off-by-one": Case("bvh", BVH, told="says 90 frames and has 91"),
    "joint-names-with-spaces": Case("bvh", BVH, options=("--map", BIPED), without=NO_MAP),
    "no-toe": Case("bvh", BVH, options=("--map", END_SITES)),
    "manifest-bvh-fps": Case(
        *("manifest", "walk_00.bvh", "2 clips (train 1, val 0, test 1), 2 captions", ("--fps", "120")),
        without="is the frame rate right? --fps sets it",
        is_refused=False,
    ),
    "npy-z-up": Case("npy", NPY, options=("--up", "z"), without="give --up z"),
    "npy-left-handed": Case("npy", NPY, options=("--left-handed",), without="give --left-handed"),
    "plain-captions": Case("bvh", BVH),
    "tags-of-spacy": Case("bvh", BVH, SOUND.replace("16", "24")),
    "manifest-accents": Case("manifest", "walk_00.npy", "8 clips"),
    "manifest-commas": Case("manifest", "walk_00.npy"),
    "manifest-bad-npy": Case(
        "manifest", "walk_03.npy", "of the first files 1 cannot be used: ", unreadable="cannot be used"
    ),
    "amass-betas": Case(
        "amass", "amass/A/betas_1x10.npz", "8 clips", unreadable="motions are read from .npy and .bvh"
    ),
}
COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "features": lambda path, out: [
        *("features", str(path), "-o", str(out / "out.npy"), "--skeleton", "smpl22")
    ],
    "export": lambda path, out: ["export", str(path), "-o", str(out / "out.npy")],
    "caption": lambda path, out: ["caption", str(path)],
    "search": lambda path, out: ["search", "--motion", str(path)],
    "explain": lambda path, out: ["explain", str(path)],
    "ask": lambda path, out: ["ask", "What is the person doing?", "--motion", str(path)],
    "edit": lambda path, out: [*("edit", str(path), "-o", str(out / "out.npy"), "--after", "--seconds", "1")],
    "evaluate": lambda path, out: [
        *("evaluate", "--motions", str(path.parent), "--protocol", "plausibility", "-o", str(out / "found"))
    ],
}


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the case that a test is of, below the present folder of the project."""
    name = request.node.callspec.params["name"]
    copied = tmp_path / name
    shutil.copytree(CASES / name, copied, copy_function=shutil.copyfile)
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if name == "linked-subfolders":  # the folder of cases holds no links
        (copied / "joints" / "day_1").unlink()
        (copied / "joints" / "day_1").symlink_to(copied / "elsewhere" / "day_1")
    return copied


@pytest.fixture
def project(rig_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rig's project, with a map of 3ds Max's names as the cases have them."""
    monkeypatch.setenv("LAMP_THREADS", "1")  # eight clips are read before a second process has started
    parts = {"hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder"}
    parts |= {"shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand"}
    middle = {"pelvis": "Pelvis", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2"}
    joints = {joint: f"Bip01 {name}" for joint, name in {**middle, "neck": "Neck", "head": "Head"}.items()}
    for side in ("left", "right"):
        joints |= {f"{side}_{part}": f"Bip01 {side[0].upper()} {name}" for part, name in parts.items()}
    described = {"name": "own-biped", "metres_per_unit": 0.01, "skeletons": {"smpl22": joints}}
    (rig_project / BIPED).write_text(yaml.safe_dump(described))
    return rig_project


def import_words(case: Case, folder: Path) -> list[str]:
    """`lamp import` of a case, as its folders are."""
    if case.kind == "manifest":
        words = ["manifest", str(folder / "clips.csv")]
    else:
        words = [case.kind, str(folder / case.file.split("/")[0])]
        places = (("--captions", "texts"), ("--splits", "splits"), ("--body-model", "model.npz"))
        words += [
            word
            for option, name in places
            if (folder / name).exists()
            for word in (option, str(folder / name))
        ]
    skeleton = ["--skeleton", "smpl22"] if case.kind in {"npy", "manifest"} else []
    return ["import", *words, *skeleton, "--name", f"case-{folder.name}"]


def test_every_case_is_here() -> None:
    assert {path.name for path in CASES.iterdir() if path.is_dir()} == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_import_and_describe(project: Path, folder: Path, name: str) -> None:
    case = FOUND[name]
    words = import_words(case, folder)
    if name == "manifest-commas":
        status, shown = run(*words)
        assert status == 2 and "clips.csv, row 2: 5 cells in 3 columns" in shown
        return
    if case.options and case.without:
        status, shown = run(*words)
        assert (status == 2) == case.is_refused and case.without in shown, shown
    status, shown = run(*words, *case.options)
    assert status == 0 and case.taken in shown and case.told in shown, shown
    noted = [line.partition("note: ")[2] for line in shown.splitlines() if "note: " in line]
    status, shown = run("data", "describe", f"case-{name}")
    assert status == 0, shown
    described = " ".join(shown.split())
    assert all(" ".join(note.split()) in described for note in noted), shown
    clips = {"manifest-bvh-fps": 2, "manifest-bad-npy": 7}.get(name, 8)
    assert f"{clips} clips" in described
    assert ("rejected: none" in described) == (name != "manifest-bad-npy")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", FOUND)
def test_every_command_reads_or_refuses(
    project: Path, folder: Path, tmp_path: Path, name: str, command: str
) -> None:
    case = FOUND[name]
    words = COMMANDS[command](given(project, folder / case.file, tmp_path, command), tmp_path)
    if case.unreadable:
        status, shown = run(*words)
        assert status == 2 and told_by(command, case.unreadable) in shown, shown
        return
    if case.options and case.without:
        status, shown = run(*words)
        assert (status == 2) == (case.is_refused or TOO_LONG in shown), shown
        assert told_by(command, case.without) in shown, shown
    status, shown = run(*words, *case.options)
    assert status == 0 and case.told in shown and "Traceback" not in shown, shown
    if name == "no-toe":
        status, shown = run(*words, "--map", FEET_TWICE)
        assert status == 2 and "the bone from left_ankle to left_foot has no length" in shown, shown


def given(project: Path, path: Path, tmp_path: Path, command: str) -> Path:
    """The motion, for `evaluate` in a folder of its own under the name of a clip of the test split."""
    if command != "evaluate":
        return path
    clips = read_clips(project / "data" / "ingest" / CLIPS_FILE)
    clip = next(clip.name for clip in clips if clip.split == "test")
    (tmp_path / "given").mkdir()
    return Path(shutil.copy(path, tmp_path / "given" / f"{clip}{path.suffix}"))


def told_by(command: str, words: str) -> str:
    """What of a refusal `evaluate` says, which looks at a folder: a file by its reason."""
    if command != "evaluate":
        return words
    return {
        "cannot be used": "unreadable",
        "motions are read from .npy and .bvh": "holds no .npy or .bvh files",
    }.get(words, words)


@pytest.mark.parametrize("name", ["no-toe"])
def test_toes_at_end_sites(project: Path, folder: Path, tmp_path: Path, name: str) -> None:
    words = COMMANDS["export"](folder / FOUND[name].file, tmp_path)
    assert run(*words, "--map", END_SITES)[0] == 0
    joints_TJ3 = np.load(tmp_path / "out.npy")
    toe_T3 = joints_TJ3[:, SKELETON.index("left_foot")] - joints_TJ3[:, SKELETON.index("left_ankle")]
    np.testing.assert_allclose(np.linalg.norm(toe_T3, axis=1), 0.143, atol=1e-3)


@pytest.mark.parametrize("name", ["manifest-accents"])
def test_words_of_any_script_are_kept(project: Path, folder: Path, name: str) -> None:
    assert run(*import_words(FOUND[name], folder))[0] == 0
    assert run("data", "describe", f"case-{name}")[0] == 0
    (made,) = (project / ".lamp" / "data").glob(f"case-{name}-*/ingest/{CLIPS_FILE}")
    words = {word for clip in read_clips(made) for caption in clip.captions for word in caption.words}
    assert {"läuft", "grüßt", "человек", "идёт", "naïve", "一"} <= words
