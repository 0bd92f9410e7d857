"""One gate for every motion that comes in: commands read, refuse and take the same in the same words."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer

from flows.commands import import_data
from lamp_core.datasets.body_checks import OPTIONS
from lamp_core.datasets.clips_store import CLIPS_FILE, read_clips
from lamp_core.datasets.sources import KINDS
from lamp_core.skeleton.posture import body_height
from tests.flows.commands import run
from tests.rig_project import SKELETON, write_rig

OWN_MAP = ("--map", "own.yaml")

Words = Callable[[Path, Path], list[str]]
COMMANDS: dict[str, Words] = {
    "import": lambda path, out: import_words(path),
    "export": lambda path, out: ["export", str(path), "-o", str(out / "out.npy")],
    "features": lambda path, out: [
        *("features", str(path), "-o", str(out / "out.npy"), "--skeleton", "smpl22")
    ],
    "caption": lambda path, out: ["caption", str(path)],
    "search": lambda path, out: ["search", "--motion", str(path)],
    "explain": lambda path, out: ["explain", str(path)],
    "ask": lambda path, out: ["ask", "What is the person doing?", "--motion", str(path)],
    "edit": lambda path, out: [*("edit", str(path), "-o", str(out / "out.npy"), "--after", "--seconds", "1")],
    "evaluate": lambda path, out: [
        *("evaluate", "--motions", str(path.parent), "--protocol", "plausibility", "-o", str(out / "found"))
    ],
}
TOO_LONG = "the model looks at 9.8 s at most"
"""What `ask` says of a motion that is read at a fifth of its rate."""
WITHOUT_MODELS = {"import", "export", "features"}
"""Commands that know of no models, and so of no map but one that is named or built in."""


def import_words(path: Path) -> list[str]:
    if path.suffix == ".npy":
        return ["import", "npy", str(path.parent), "--skeleton", "smpl22", "--name", "odd"]
    sides = ["--captions", str(path.parent), "--splits", str(path.parent)]
    return ["import", "bvh", str(path.parent), *sides, "--name", "odd"]


@dataclass(frozen=True)
class Turned:
    """A motion that stands otherwise in its file, what mends it, and what is said."""

    change: Callable[[np.ndarray], np.ndarray]
    remedy: tuple[str, ...]
    told: str


TURNED = {
    "sound": Turned(lambda joints: joints, (), ""),
    "z up": Turned(
        lambda joints: joints[..., [0, 2, 1]] * np.array([-1, 1, 1]), ("--up", "z"), "give --up z"
    ),
    "centimetres": Turned(lambda joints: joints * 100, ("--unit", "cm"), "give --unit cm"),
    "left-handed": Turned(
        lambda joints: joints * np.array([-1, 1, 1]), ("--left-handed",), "give --left-handed"
    ),
}


@pytest.fixture(scope="module")
def clip(rig_root: Path) -> tuple[str, np.ndarray]:
    """Name and joints of a clip of the test split that walks."""
    clips = [clip for clip in read_clips(rig_root / "data" / "ingest" / CLIPS_FILE) if clip.split == "test"]
    longest = max(clips, key=lambda clip: len(clip.joints_TJ3))
    return longest.name, longest.joints_TJ3.astype(np.float64)


def write(folder: Path, name: str, ending: str, joints_TJ3: np.ndarray, rate: float = 20.0) -> Path:
    """A motion in a folder of its own, as a file of joints, or of the rig with caption and splits."""
    folder.mkdir()
    path = folder / f"{name}{ending}"
    if ending == ".npy":
        np.save(path, joints_TJ3.astype(np.float32))
        return path
    (folder / f"{name}.txt").write_text("a person walks\n")
    for split in ("train", "val", "test"):
        (folder / f"{split}.txt").write_text(f"{name}\n" if split == "train" else "")
    return write_rig(path, joints_TJ3, rate)


def needed(command: str, ending: str) -> tuple[str, ...]:
    """The map of the rig, where no model's data set says it."""
    return OWN_MAP if ending == ".bvh" and command in WITHOUT_MODELS else ()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("ending", [".npy", ".bvh"])
@pytest.mark.parametrize("turned", TURNED)
def test_every_command_refuses_and_takes_the_same(
    rig_project: Path, clip: tuple[str, np.ndarray], tmp_path: Path, turned: str, ending: str, command: str
) -> None:
    name, joints_TJ3 = clip
    case = TURNED[turned]
    path = write(tmp_path / "given", name, ending, case.change(joints_TJ3))
    words = [*COMMANDS[command](path, tmp_path), *needed(command, ending)]
    status, shown = run(*words)
    assert (status == 2) == bool(case.told), shown
    assert case.told in shown and ("--force takes them as they are" in shown) == bool(case.told)
    if case.told:
        status, shown = run(*words, *case.remedy)
        assert status == 0, shown


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_refused_is_taken_when_it_is_forced(
    rig_project: Path, clip: tuple[str, np.ndarray], tmp_path: Path, command: str
) -> None:
    path = write(tmp_path / "given", clip[0], ".npy", TURNED["z up"].change(clip[1]))
    status, shown = run(*COMMANDS[command](path, tmp_path), "--force")
    assert status == 0, shown


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_body_is_refused_unless_it_is_forced(
    rig_project: Path, clip: tuple[str, np.ndarray], tmp_path: Path, command: str
) -> None:
    path = write(tmp_path / "given", clip[0], ".npy", 0 * clip[1])
    words = COMMANDS[command](path, tmp_path)
    status, shown = run(*words)
    assert status == 2 and "the people are 0 m tall" in shown
    status, shown = run(*words, "--force")
    # What does not move has no features, whoever insists.
    assert status == 0 if command in {"import", "export"} else (status == 2 and "no-motion" in shown), shown


@pytest.mark.parametrize("command", COMMANDS)
def test_a_rig_is_read_by_the_models_map_or_by_one_that_is_named(
    rig_project: Path, clip: tuple[str, np.ndarray], tmp_path: Path, command: str
) -> None:
    words = COMMANDS[command](write(tmp_path / "given", clip[0], ".bvh", clip[1]), tmp_path)
    status, shown = run(*words)
    if command in WITHOUT_MODELS:
        assert status == 2 and "no joint map fits the joints Körper pelvis" in shown
    else:
        assert status == 0, shown
    status, shown = run(*words, "--map", "mixamo")
    assert status == 2 and ("map 'mixamo'" in shown or "joint-count" in shown), shown
    status, shown = run(*words, "--map", "none.yaml")
    assert status == 2 and "unknown joint map 'none.yaml'" in shown


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("ending", [".npy", ".bvh"])
def test_a_wrong_rate_is_said_by_every_command_and_set_right(
    rig_project: Path, tmp_path: Path, clip: tuple[str, np.ndarray], ending: str, command: str
) -> None:
    """A motion of 100 frames a second in a file that says 20, or says nothing and counts as 20."""
    time_T = np.arange(400) / 100
    steps_TJ3 = np.repeat(clip[1][:1], len(time_T), axis=0)
    steps_TJ3[..., 2] += 1.2 * time_T[:, None]
    legs = [SKELETON.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("ankle", "foot")]
    steps_TJ3[:, legs, 2] += 0.3 * np.sin(2 * np.pi * time_T)[:, None] * np.array([1, 1, -1, -1])
    path = write(tmp_path / "given", clip[0], ending, steps_TJ3)
    words = [*COMMANDS[command](path, tmp_path), *needed(command, ending)]
    status, shown = run(*words)
    assert "as in slow motion; is the frame rate right? --fps sets it" in shown, shown
    assert status == 0 or TOO_LONG in shown, shown
    status, shown = run(*words, "--fps", "100")
    assert status == 0 and "slow motion" not in shown, shown


@pytest.mark.parametrize("command", ["export", "caption", "search", "explain", "edit"])
def test_nothing_is_stated_of_ready_features(
    rig_project: Path, clip: tuple[str, np.ndarray], tmp_path: Path, command: str
) -> None:
    joints = write(tmp_path / "given", clip[0], ".npy", clip[1])
    made = tmp_path / f"{clip[0]}.npy"
    assert run("features", str(joints), "-o", str(made), "--skeleton", "smpl22")[0] == 0
    words = COMMANDS[command](made, tmp_path)
    assert run(*words)[0] == 0
    for option in (("--unit", "m"), ("--up", "y"), ("--fps", "20"), ("--left-handed",)):
        status, shown = run(*words, *option)
        assert status == 2 and "holds ready features" in shown, shown


@pytest.mark.parametrize("command", COMMANDS)
def test_people_as_small_as_inches_read_as_centimetres_are_said(
    rig_project: Path, tmp_path: Path, clip: tuple[str, np.ndarray], command: str
) -> None:
    size = body_height(clip[1], SKELETON)
    path = write(tmp_path / "given", clip[0], ".npy", clip[1] * (0.65 / size))
    status, shown = run(*COMMANDS[command](path, tmp_path))
    assert status == 0 and "0.65 m tall, as small children are; is the unit right? --unit sets it" in shown, (
        shown
    )
    np.save(path, clip[1] * (1.2 / size))
    status, shown = run(*COMMANDS[command](path, tmp_path))
    assert status == 0 and "is the unit right" not in shown, shown


ODD_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a name with blanks and accents": (lambda path: renamed(path, "mein Läufer 01"), ""),
    "an ending in capitals": (lambda path: path.rename(path.with_suffix(path.suffix.upper())), ""),
    "a link": (lambda path: linked(path), ""),
    "a mark before the text": (lambda path: rewritten(path, lambda text: b"\xef\xbb\xbf" + text), ""),
    "Windows' line ends": (lambda path: rewritten(path, lambda text: text.replace(b"\n", b"\r\n")), ""),
    "a frame more than it says": (lambda path: rewritten(path, one_frame_more), ""),
    "nothing": (lambda path: rewritten(path, lambda text: b""), "empty"),
    "half of it": (lambda path: rewritten(path, lambda text: text[: len(text) // 2]), "truncated"),
    "noise": (lambda path: rewritten(path, lambda text: bytes(range(256))), "cannot be used"),
}
OF_TEXT = {"a mark before the text", "Windows' line ends", "a frame more than it says"}
READERS = ["export", "features", "caption"]
"""Commands of single files; those of folders are held against such files in `test_odd_inputs`. `search`,
`explain` and `edit` read as `caption` does."""


def renamed(path: Path, stem: str) -> Path:
    return path.rename(path.with_stem(stem))


def linked(path: Path) -> Path:
    link = path.with_stem("link")
    link.symlink_to(path)
    return link


def rewritten(path: Path, change: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(change(path.read_bytes()))
    return path


def one_frame_more(text: bytes) -> bytes:
    lines = text.rstrip().splitlines()
    return b"\n".join([*lines, lines[-1], b""])


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("odd", ODD_FILES)
@pytest.mark.parametrize("ending", [".npy", ".bvh"])
def test_odd_files_are_read_or_refused_in_a_line(
    rig_project: Path, clip: tuple[str, np.ndarray], tmp_path: Path, ending: str, odd: str, command: str
) -> None:
    if ending == ".npy" and odd in OF_TEXT:
        pytest.skip("of text files")
    change, told = ODD_FILES[odd]
    path = change(write(tmp_path / "given", clip[0], ending, clip[1]))
    status, shown = run(*COMMANDS[command](path, tmp_path), *needed(command, ending))
    assert (status == 0) == (told == ""), shown
    assert (told in shown and path.name in shown) or not told
    if odd == "a frame more than it says":
        assert "frames and has" in shown


def test_every_import_command_has_the_options_that_its_remedies_name() -> None:
    commands = typer.main.get_command(import_data.app).commands
    assert set(commands) == set(KINDS) - {"procedural"}
    for name, command in commands.items():
        offered = {option for parameter in command.params for option in parameter.opts}
        assert offered & OPTIONS == KINDS[name].options, name


@pytest.mark.parametrize(
    "words",
    [
        ("search", "a person walks"),
        ("edit", "--clip", "procedural", "-o", "out.npy", "--after", "--seconds", "1"),
        ("evaluate", "--protocol", "plausibility"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("option", [("--up", "z"), ("--map", "mixamo"), ("--fps", "30"), ("--force",)])
def test_an_option_that_would_change_nothing_is_refused(
    rig_project: Path, words: tuple[str, ...], option: tuple[str, ...]
) -> None:
    status, shown = run(*words, *option)
    assert status == 2 and "say how a motion file is read; none is given" in shown, shown
