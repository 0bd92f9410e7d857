"""Motions that another system made for the test captions: a folder of ``.npy`` files.

``CLIP.npy`` is a motion of the clip's first caption, ``CLIP_k.npy`` one of its caption k, counted from 0 in
the order of its caption file. A file holds joints (T, J, 3) in the skeleton's unit and at its rate, or raw
features (T, D).

Shapes: T frames, J joints, D feature numbers a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING, Item
from lamp_core.datasets.motion_file import FeatureSpace, FileMotion, Gate, check_motions, open_motion
from lamp_core.errors import LampError, RejectedClip
from lamp_core.evaluation.families.family import asked_for
from lamp_core.evaluation.families.lamp_bert_score import LAMP_BERT_SCORE, measure_lamp_bert_score
from lamp_core.evaluation.families.plausibility import PLAUSIBILITY
from lamp_core.evaluation.families.text_to_motion import TEXT_TO_MOTION
from lamp_core.evaluation.protocols.common import TestItems
from lamp_core.evaluation.protocols.joints import MakeMotions, evaluate_plausibility
from lamp_core.evaluation.protocols.text_to_motion import GivenMotion, evaluate_given_motions
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.route import Route, embed_by
from lamp_core.evaluation.trained import ALL, TEST, Trained
from lamp_core.features.encode import encode
from lamp_core.io.folders import files_below, has_ending, without_ending
from lamp_core.io.text import composed
from lamp_core.skeleton.mapping import JointMap

EXAMPLES_A_REASON = 3
FAMILIES = (TEXT_TO_MOTION, PLAUSIBILITY, LAMP_BERT_SCORE)
"""What can be measured of motions alone."""
UNKNOWN, OUTSIDE = "not-in-the-split", "outside-the-protocol"
SHORT = "too-short"
ENDINGS = (".npy", ".bvh")
FILES_TRIED, FILES_LOOKED_AT = 20, 5


@dataclass(frozen=True)
class LeftOut:
    """A file, or an entry of a file by its clip, that is not scored, and why."""

    file: str
    reason: str
    detail: str


@dataclass(frozen=True)
class ReadMotions:
    """What a folder holds.

    Args:
        given: the motions that can be scored.
        left_out: the files that cannot.
        missing: the test items without a motion, ``clip`` or ``clip at frame N``.
        cut: motions that were longer than the protocol's longest and were cut to it.
        from_joints: motions that were joints, whose features were made here.
    """

    given: list[GivenMotion]
    left_out: list[LeftOut]
    missing: list[str]
    cut: int
    from_joints: int = 0

    @property
    def note(self) -> str:
        """How many files are left out and why, with the first of each reason; empty when none is."""
        cut = f"{self.cut} motions cut to the protocol's longest" if self.cut else ""
        return "; ".join(filter(None, (told_reasons(self.left_out, "files"), cut)))

    @property
    def summary(self) -> str:
        """What was scored and what was not, in a sentence."""
        missing = f"{len(self.missing)} items" if self.missing else "no item"
        return (
            f"{len(self.given)} motions scored, {missing} without a motion, "
            f"{len(self.left_out)} files left out"
        )


def told_reasons(left_out: Sequence[LeftOut], what: str) -> str:
    """How many are left out and why, with the first of each reason; empty when none is."""
    parts = []
    for reason in dict.fromkeys(left.reason for left in left_out):
        names = [left.file for left in left_out if left.reason == reason]
        shown = ", ".join(names[:EXAMPLES_A_REASON]) + (", ..." if names[EXAMPLES_A_REASON:] else "")
        parts.append(f"{len(names)} {reason} ({shown})")
    return f"{len(left_out)} {what} left out: {', '.join(parts)}" if parts else ""


def read_motions(
    folder: Path,
    features: FeatureSet,
    items: Sequence[Item],
    max_frames: int,
    split: str = TEST,
    gate: Gate | None = None,
) -> ReadMotions:
    """Read the motions of a folder for the test items.

    Args:
        folder: of ``.npy`` files.
        features: the data set: its captions, skeleton, statistics and reference pose.
        items: of the protocol, with captions.
        max_frames: motions of as many frames and longer are cut.
        split: that the items are of, or ``all``.
        gate: how the motions stand in their files; as the skeleton's own without it.

    Raises:
        LampError: the first motions are none of people, there is no folder or no ``.npy`` file in it.
    """
    if not folder.is_dir():
        raise LampError(f"there is no folder {folder}")
    paths = [
        (composed(without_ending(name)), path)
        for name, path in files_below(folder)
        if has_ending(name, *ENDINGS)
    ]
    if not paths:
        raise LampError(f"{folder} holds no .npy or .bvh files; a motion is CLIP.npy or CLIP_k.npy")
    of_split = range(len(features)) if split == ALL else features.of_split(split)
    opened = gate or Gate()
    _check_first([path for _, path in paths], features, opened)
    captions_of = {features.clips[place]: features.captions[place] for place in of_split}
    item_of = {(item.clip, caption): place for place, item in enumerate(items) for caption in item.captions}
    longest = (max_frames - 1) // DOWNSAMPLING * DOWNSAMPLING
    given: list[GivenMotion] = []
    left_out: list[LeftOut] = []
    cut = from_joints = 0
    for name, path in paths:
        try:
            place, caption = _meant(name, captions_of, item_of)
            raw_TD, were_joints = _read(path, features, opened)
        except RejectedClip as fault:
            left_out.append(LeftOut(path.name, fault.reason, fault.detail))
            continue
        from_joints += were_joints
        cut += len(raw_TD) > longest + DOWNSAMPLING - 1
        frames = min(len(raw_TD) // DOWNSAMPLING * DOWNSAMPLING, longest)
        normalised_TD = np.asarray(features.statistics.normalise(raw_TD[:frames]), dtype=np.float32)
        given.append(GivenMotion(place, caption, normalised_TD))
    found = {motion.item for motion in given}
    missing = [item_name(item) for place, item in enumerate(items) if place not in found]
    return ReadMotions(given, left_out, missing, cut, from_joints)


def measure_motions(
    trained: Trained, folder: Path, name: str, gate: Gate | None = None
) -> tuple[dict[str, list[Result]], ReadMotions]:
    """Score a folder of motions by the evaluators of the trained models, beside the true motions.

    Where one of them was joints all go by their joints, the true motions too: features as made and features
    of joints share no table.

    Args:
        trained: evaluators, test items and settings; its text to motion is not asked.
        folder: see the module.
        name: of the system in the rows.
        gate: how the motions stand in their files; as the skeleton's own without it.

    Raises:
        LampError: no folder, no file that can be scored, or no items.
    """
    features, settings = trained.features, trained.settings
    items = TestItems.of(trained.items, features.statistics).items
    own = (gate or Gate()).of_models(FeatureSpace.load(trained.data / "features").joint_map)
    read = read_motions(folder, features, items, settings.max_frames, trained.split, own)
    if not read.given:
        raise LampError(f"none of the files in {folder} can be scored; {read.note}")
    asked = asked_for(FAMILIES, settings)
    families: dict[str, list[Result]] = {}
    if TEXT_TO_MOTION in asked:
        route: Route = "joints" if read.from_joints else settings.route
        families[TEXT_TO_MOTION.name] = evaluate_given_motions(
            items,
            name,
            read.given,
            trained.guo,
            features.statistics,
            settings.model_copy(update={"route": route}),
            matching=trained.further_evaluators,
            embed=embed_by(route, features, trained.cache.embed),
            note=read.note,
        )
    first_of = {motion.item: motion.features_TD for motion in reversed(read.given)}
    with_motion = [items[place] for place in first_of]
    made_by: dict[str, MakeMotions] = {name: lambda test: list(first_of.values())}
    if PLAUSIBILITY in asked:
        families[PLAUSIBILITY.name] = evaluate_plausibility(
            with_motion, made_by, features.skeleton, features.statistics, features.reference_J3
        )
    if LAMP_BERT_SCORE in asked:
        families[LAMP_BERT_SCORE.name] = measure_lamp_bert_score(
            trained, made_by, items=with_motion, note=read.note
        )
    return families, read


def _meant(
    stem: str, captions_of: dict[str, list[Caption]], item_of: dict[tuple[str, Caption], int]
) -> tuple[int, Caption]:
    """The item and the caption that a file is of: a clip's name may have folders in it, or lie in others, and
    comes before a number behind it."""
    called = [(name, number) for each in (stem, stem.rpartition("/")[2]) for name, number in _readings(each)]
    clip, number = next(((name, number) for name, number in called if name in captions_of), (stem, ""))
    captions = captions_of.get(clip, [])
    if not number.isdecimal() or int(number) >= len(captions):
        raise RejectedClip(UNKNOWN, f"no caption of the split is called {stem}")
    caption = captions[int(number)]
    if (clip, caption) not in item_of:
        raise RejectedClip(OUTSIDE, f"{clip} is too short or too long for the protocol")
    return item_of[clip, caption], caption


def _readings(stem: str) -> list[tuple[str, str]]:
    """A file's name as a clip and the number of its caption: as it is, and with what stands behind ``_``."""
    clip, _, number = stem.rpartition("_")
    return [(stem, "0"), (clip, number)]


def _read(path: Path, features: FeatureSet, gate: Gate) -> tuple[np.ndarray, bool]:
    """Raw features (T, D), and whether they were made of joints."""
    skeleton = features.skeleton
    motion, _ = open_motion(path, gate, skeleton.name)
    raw_TD = motion.features_TD
    were_joints = raw_TD is None
    if raw_TD is None:
        joints_TJ3 = motion.resampled_TJ3
        if len(joints_TJ3) < 2:
            raise RejectedClip(SHORT, f"{len(joints_TJ3)} frames")
        raw_TD = encode(joints_TJ3.astype(np.float32), skeleton, features.reference_J3).numpy()
    if len(raw_TD) < DOWNSAMPLING:
        raise RejectedClip(SHORT, f"{len(raw_TD)} feature frames; a motion needs at least {DOWNSAMPLING}")
    return raw_TD, were_joints


def _check_first(paths: Sequence[Path], features: FeatureSet, gate: Gate) -> None:
    """LampError where the joints of the first files are none of people."""
    found: list[FileMotion] = []
    joint_map: JointMap | None = None
    for path in paths[:FILES_TRIED]:
        try:
            motion, joint_map = open_motion(path, gate, features.skeleton.name)
        except (RejectedClip, LampError):
            continue  # told when it is read to be scored
        found += [] if motion.features_TD is not None else [motion]
        if len(found) == FILES_LOOKED_AT:
            break
    if found and not gate.force:
        check_motions(str(paths[0].parent), found, joint_map, gate.form)


def item_name(item: Item) -> str:
    """Name of an item in a list: its clip, and where in the clip it begins unless at the first frame."""
    return f"{item.clip} at frame {item.start}" if item.start else item.clip
