"""Bad and odd inputs against every source and command: taken, or refused in a line, never a traceback."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lamp_core.config import profile_config, save_params
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.skeleton import load_skeleton
from tests.flows.commands import run
from tests.unit.bodies import write_amass, write_body
from tests.unit.datasets.conftest import CAPTION_LINE, moving_joints

SKELETON = load_skeleton("smpl22")
NAMES = ["walk_00", "walk_01", "walk_02"]
PLACES = {
    "bvh": "motions",
    "npy": "motions",
    "amass": "motions",
    "humanml3d": "new_joints",
    "kit": "new_joints",
    "motionx": "new_joints",
}
SKELETONS = {"kit": "kit21", "motionx": "smplx52"}
ENDINGS = {"bvh": ".bvh", "amass": ".npz"}
KINDS = (*PLACES, "manifest")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "data" / "sources").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages:\n  ingest:\n    cmd: 'true'\n    outs: [data/ingest]\n")
    save_params(profile_config("smoke"), root / "params.yaml")
    monkeypatch.chdir(root)
    return root


def write_set(kind: str, folder: Path) -> None:
    """A sound set of three clips."""
    if kind == "manifest":
        write_set("npy", folder)
        rows = [f"motions/{name}.npy,a man walks,train" for name in NAMES]
        (folder / "clips.csv").write_text("\n".join(["file,captions,split", *rows]) + "\n")
        return
    motions, texts = folder / PLACES[kind], folder / "texts"
    motions.mkdir(parents=True)
    texts.mkdir()
    for index, name in enumerate(NAMES):
        path = motions / f"{name}{ENDINGS.get(kind, '.npy')}"
        if kind == "bvh":
            write_bvh(path, moving_joints(SKELETON, 24, index), SKELETON, 20.0)
        elif kind == "amass":
            write_amass(path, 24, rate=20.0, seed=index)
        else:
            np.save(path, moving_joints(load_skeleton(SKELETONS.get(kind, "smpl22")), 24, index))
        (texts / f"{name}.txt").write_text(CAPTION_LINE)
    for split, name in zip(("train", "val", "test"), NAMES, strict=True):
        (folder / f"{split}.txt").write_text(f"{name}\n")
    if kind == "amass":
        write_body(folder / "body.npz")


def words_of(kind: str, folder: Path) -> list[str]:
    sides = ["--captions", str(folder / "texts"), "--splits", str(folder)]
    if kind == "manifest":
        return ["import", kind, str(folder / "clips.csv"), "--skeleton", "smpl22", "--name", "odd"]
    if kind in {"humanml3d", "kit", "motionx"}:
        return ["import", kind, str(folder), "--name", "odd"]
    more = {"npy": ["--skeleton", "smpl22"], "amass": ["--body-model", str(folder / "body.npz")]}.get(
        kind, []
    )
    return ["import", kind, str(folder / "motions"), *sides, *more, "--name", "odd"]


def motion_of(kind: str, folder: Path) -> Path:
    place = folder / PLACES.get(kind, "motions")
    return place / f"{NAMES[0]}{ENDINGS.get(kind, '.npy')}"


def spoil_motion(content: bytes) -> Callable[[str, Path], None]:
    return lambda kind, folder: void(motion_of(kind, folder).write_bytes(content))


def spoil_text(name: str, content: bytes) -> Callable[[str, Path], None]:
    return lambda kind, folder: void(
        (folder / ("clips.csv" if kind == "manifest" else name)).write_bytes(content)
    )


def void(_: object) -> None:
    return None


def put_litter(kind: str, folder: Path) -> None:
    for place in {motion_of(kind, folder).parent, folder / "texts", folder}:
        for name in ("._walk_00.bvh", ".DS_Store", "Thumbs.db", "desktop.ini"):
            (place / name).write_bytes(b"\x00\x05\x16\x07")
        (place / "__MACOSX").mkdir(exist_ok=True)
        (place / "__MACOSX" / f"walk_00{ENDINGS.get(kind, '.npy')}").write_bytes(b"\x00")


def raise_endings(kind: str, folder: Path) -> None:
    for path in [*motion_of(kind, folder).parent.iterdir(), *(folder / "texts").iterdir()]:
        path.rename(path.with_suffix(path.suffix.upper()))


def link_folder(kind: str, folder: Path) -> None:
    place = motion_of(kind, folder).parent
    place.rename(folder / "elsewhere")
    place.mkdir()
    (folder / "elsewhere").rename(folder.parent / "elsewhere")
    for path in (folder.parent / "elsewhere").iterdir():
        (place / path.name).symlink_to(path)


def link_in_a_loop(kind: str, folder: Path) -> None:
    (motion_of(kind, folder).parent / "again").symlink_to(motion_of(kind, folder).parent)


def link_to_nothing(kind: str, folder: Path) -> None:
    (motion_of(kind, folder).parent / f"gone{ENDINGS.get(kind, '.npy')}").symlink_to(folder / "nowhere")


def link_to_itself(kind: str, folder: Path) -> None:
    link = motion_of(kind, folder).parent / f"again{ENDINGS.get(kind, '.npy')}"
    link.symlink_to(link)


def name_splits_in_capitals(kind: str, folder: Path) -> None:
    for name in ("train", "val", "test"):
        (folder / f"{name}.txt").rename(folder / f"{name.capitalize()}.TXT")


def rename_to_accents(kind: str, folder: Path) -> None:
    """Files with decomposed accents, splits with composed ones."""
    motion = motion_of(kind, folder)
    motion.rename(motion.with_stem("la\u0308uft"))
    (folder / "texts" / f"{NAMES[0]}.txt").rename(folder / "texts" / "la\u0308uft.txt")
    (folder / "train.txt").write_text("l\u00e4uft\n")


def write_split(text: str, encoding: str = "utf-8") -> Callable[[str, Path], None]:
    return lambda _, folder: void((folder / "train.txt").write_bytes(text.encode(encoding)))


def write_caption(text: str, encoding: str = "utf-8") -> Callable[[str, Path], None]:
    return lambda _, folder: void((folder / "texts" / f"{NAMES[0]}.txt").write_bytes(text.encode(encoding)))


ODD: dict[str, Callable[[str, Path], None]] = {
    "litter": put_litter,
    "upper-case endings": raise_endings,
    "links to files": link_folder,
    "a loop of links": link_in_a_loop,
    "a link to nothing": link_to_nothing,
    "a link to itself": link_to_itself,
    "split files in capitals": name_splits_in_capitals,
    "accents in two forms": rename_to_accents,
    "an empty motion": spoil_motion(b""),
    "a torn motion": spoil_motion(b"HIERARCHY\nROOT hips\n{\nOFFSET 0 0"),
    "noise for a motion": spoil_motion(bytes(range(256))),
    "a pickle for a motion": spoil_motion(
        b"\x93NUMPY\x01\x00F\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}".ljust(80) + b"cos\n."
    ),
    "a split in UTF-16": write_split("walk_00\r\n", "utf-16"),
    "a split with a mark": write_split("walk_00\r\n", "utf-8-sig"),
    "a split in Latin-1": write_split("l\u00e4uft\n", "latin-1"),
    "a split with endings": write_split("walk_00.bvh\n"),
    "a split with folders": write_split("motions\\walk_00.npy\n"),
    "a split that leads out": write_split("../../etc/passwd\n/etc/passwd\n"),
    "a split with zeros": write_split("walk_00\0\n"),
    "an empty split": write_split(""),
    "a name in two splits": write_split("walk_00\nwalk_01\n"),
    "a plain caption": write_caption("a person walks. #1 of all\n"),
    "a caption in Russian": write_caption(
        "\u0447\u0435\u043b\u043e\u0432\u0435\u043a \u0438\u0434\u0451\u0442\n"
    ),
    "a caption in UTF-32": write_caption(CAPTION_LINE, "utf-32"),
    "a caption of JSON lines": write_caption(
        '{"caption": "a man runs", "start": 1, "end": 0}\n"she turns"\n[1]\n{"a": {}}\n'
    ),
    "a caption of noise": spoil_text(f"texts/{NAMES[0]}.txt", bytes(range(256))),
    "a caption with odd times": write_caption("a#a/DET#inf#nan\nb#b/X#-1#2\nc#c/X#3#1\nd####\n#\n##\n###\n"),
}
TAKEN = {
    *("litter", "upper-case endings", "links to files", "accents in two forms", "a link to nothing"),
    *("a link to itself", "split files in capitals"),
}
NOT_FOR_MANIFESTS = {"links to files", "accents in two forms", "upper-case endings"}
CASES = [(odd, kind) for odd in ODD for kind in KINDS if kind != "manifest" or odd not in NOT_FOR_MANIFESTS]


@pytest.mark.parametrize(("odd", "kind"), CASES)
def test_sources_take_or_refuse_in_a_line(project: Path, odd: str, kind: str) -> None:
    folder = project / "set"
    write_set(kind, folder)
    ODD[odd](kind, folder)
    status, shown = run(*words_of(kind, folder))
    assert status in {0, 2}, shown
    if odd in TAKEN:
        assert status == 0 and "3 clips" in shown and "will be rejected" not in shown, shown
    if odd == "a loop of links":
        assert kind == "manifest" or (status == 2 and "remove the link" in shown)


TABLES = {
    "clips.tsv": "walk_00\ta man walks\nwalk_01.npy\tshe turns\t0\t1\nwalk_02\the \u201cstops\u201d\n",
    "clips.csv": 'name,caption\nwalk_00,"walks, then turns"\nwalk_01,turns\nwalk_02,"a ""quoted"" word"\n',
    "clips.jsonl": "\n".join(
        json.dumps({"name": name, "caption": ["a man walks", "he goes"]}) for name in NAMES
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_one_table_holds_the_captions_of_a_set(project: Path, name: str) -> None:
    folder = project / "set"
    write_set("npy", folder)
    (folder / name).write_text(TABLES[name])
    words = words_of("npy", folder)
    words[words.index("--captions") + 1] = str(folder / name)
    status, shown = run(*words)
    assert status == 0 and f"{6 if name.endswith('jsonl') else 3} captions" in shown, shown


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name,caption\nwalk_00,one, two, three\n", "row 2: 4 cells in 2 columns"),
        ("walk_00,one, then two\nwalk_01,one\n", "row 1: 3 cells in 2 columns"),
        ("walk_00;one\nwalk_01;two\n", "holds no caption of 'walk_00'; its first are of 'walk_00;one'"),
        ('name,caption\nwalk_00,"one\nwalk_01,two\n', "line 3: unexpected end of data; a text in quotes"),
        ('{"name": "walk_00"}\n', "clips.csv holds no caption"),
        ("walk_00\n", ""),
    ],
)
def test_tables_with_faults_name_the_row(project: Path, text: str, fault: str) -> None:
    folder = project / "set"
    write_set("npy", folder)
    (folder / "clips.csv").write_text(text)
    words = words_of("npy", folder)
    words[words.index("--captions") + 1] = str(folder / "clips.csv")
    status, shown = run(*words)
    assert status == (0 if not fault or "holds no" in fault else 2) and fault in shown


def test_a_map_is_suggested_with_a_picture(project: Path) -> None:
    write_set("bvh", project / "set")
    status, shown = run("import", "bvh", str(project / "set" / "motions"), "--suggest-map", "mine.yaml")
    assert status == 0 and "of 22 joints by name" in shown
    assert (project / "mine.png").read_bytes().startswith(b"\x89PNG")
    status, shown = run(*words_of("bvh", project / "set"), "--map", "mine.yaml", "--unit", "m")
    assert status == 0, shown
