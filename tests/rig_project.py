"""A project whose models, trained on nothing, are those of a rig of its own: BVH that needs a joint map."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import yaml

from lamp_core.config import Config, override, save_params
from lamp_core.datasets.clips import Clip
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import load_source, register_source
from lamp_core.datasets.synthetic.generate import generate_clips
from lamp_core.lexical.folder import joined, save_lexical
from lamp_core.lexical.lexicon import MODEL
from lamp_core.lexical.motion_training import new_motion_model
from lamp_core.lexical.text_training import new_text_model
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.skeleton import load_skeleton
from tests.small_project import make_models, make_speaker, small_config

SKELETON = load_skeleton("smpl22")
CLIPS = 24
JOINT = re.compile(r"^(\s*(?:ROOT|JOINT) )(\w+)$", re.MULTILINE)
NAME = "own"


def own_name(joint: str) -> str:
    """A joint's name in the rig: no map that is built in knows it."""
    return f"Körper {joint}"


def write_rig(path: Path, joints_TJ3: np.ndarray, rate: float = 20.0) -> Path:
    """Write joints as a BVH file of the rig, in the unit and axes that they have."""
    write_bvh(path, joints_TJ3, SKELETON, rate)
    text = JOINT.sub(lambda found: found[1] + own_name(found[2]), path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return path


def write_map(path: Path) -> Path:
    """Write the rig's joint map: metres, Y up."""
    joints = {joint: own_name(joint) for joint in SKELETON.joints}
    described = {"name": NAME, "metres_per_unit": 1.0, "skeletons": {"smpl22": joints}}
    path.write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
    return path


def write_rig_set(folder: Path, clips: Iterable[Clip]) -> None:
    """Write clips as a folder of the rig's files, their captions and splits."""
    for part in ("motions", "texts", "splits"):
        (folder / part).mkdir(parents=True)
    names: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for index, clip in enumerate(clips):
        write_rig(folder / "motions" / f"{clip.name}.bvh", clip.joints_TJ3)
        lines = "\n".join(caption.text for caption in clip.captions)
        (folder / "texts" / f"{clip.name}.txt").write_text(lines, encoding="utf-8")
        names["test" if index % 4 == 0 else "val" if index % 4 == 1 else "train"].append(clip.name)
    for split, named in names.items():
        (folder / "splits" / f"{split}.txt").write_text("\n".join(named) + "\n", encoding="utf-8")


def make_rig_project(root: Path) -> None:
    """Fill a project as if it had run on a set of the rig, which lies in ``rig``, its map in ``own.yaml``."""
    data = root / "data"
    write_rig_set(root / "rig", generate_clips(CLIPS, 0, SKELETON))
    places = {
        "motions": root / "rig" / "motions",
        "captions": root / "rig" / "texts",
        "splits": root / "rig" / "splits",
        "map": str(write_map(root / "own.yaml")),
    }
    register_source(data, NAME, "bvh", places)
    ingest(load_source(data, NAME), SKELETON, data / "ingest", workers=1)
    extract_features(data / "ingest", data / "features")
    config = override(small_config(), [f"ingest.data={NAME}"])
    make_models(data, config)
    make_lexical(data, config)
    make_speaker(data, config)
    save_params(config, root / "params.yaml")


def make_lexical(data: Path, config: Config) -> None:
    """Write an untrained lexical model, which `lamp explain` asks."""
    features = FeatureSet.load(data / "features")
    captions = [caption.text for clip in features.captions for caption in clip]
    text, words = new_text_model(config.lexical_text, captions, torch.device("cpu"))
    motion = new_motion_model(config.lexical_motion, features.skeleton, torch.device("cpu"))
    save_lexical(data / MODEL, joined(text.text, motion.encoder, 0), words)
