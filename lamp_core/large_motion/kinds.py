"""Kinds of clips: recorded, generated, poses that are held (Tables 4 and 7); and actions held out (Table 5).

Shapes: T frames, D feature numbers a frame, S motion tokens, R channels, K kinds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lamp_core.config.large_motion import DataKinds, LargeMotion
from lamp_core.datasets.items import Item
from lamp_core.datasets.labelled_actions import check_named, names_any
from lamp_core.errors import LampError
from lamp_core.features.layout import FeatureLayout
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.skeleton.planting import HIGHEST
from lamp_core.skeleton.skeleton import skeleton_with_features

REAL, SYNTHETIC, STATIC = "real", "synthetic", "static"
KIND = "kind"
"""Label of a clip that says ``synthetic`` where its data set holds recorded clips too."""


@dataclass(frozen=True)
class KindedMotion:
    """A motion with its captions, and which kind of clip it is.

    Args:
        spoken: codes and captions.
        kind: `REAL`, `SYNTHETIC` or `STATIC`.
    """

    spoken: SpokenMotion
    kind: str


def kind_of_clip(dataset: str, labels: Mapping[str, str], settings: LargeMotion) -> str:
    """Whether a clip was recorded or generated: by its data set, or by its label ``kind``."""
    is_synthetic = dataset in settings.synthetic_sets or labels.get(KIND) == SYNTHETIC
    return SYNTHETIC if is_synthetic else REAL


def is_held_out(labels: Mapping[str, str], settings: LargeMotion) -> bool:
    """Whether one of a clip's actions is one that is not trained on (Table 5)."""
    return names_any(labels, settings.held_out_label, settings.held_out)


def check_held_out(labels: Sequence[Mapping[str, str]], settings: LargeMotion) -> None:
    """Raise LampError for an action that no clip is labelled with."""
    check_named(labels, settings.held_out_label, settings.held_out, "large_motion.held_out")


def held_pose(motion_TD: np.ndarray, frame: int, frames: int) -> np.ndarray:
    """Return features (frames, D) of a pose that is held: nothing moves, and a foot that is low stands.

    A foot joint is low within `HIGHEST` of the lowest place that it or its like of the other side has in the
    clip. In mid-jump none is, so that the pose hangs in the air; whether a foot moved there does not count.

    Args:
        motion_TD: features, not normalised.
        frame: of the pose.
        frames: how long it is held.
    """
    layout = FeatureLayout.of_width(motion_TD.shape[1])
    pose_D = np.array(motion_TD[frame], dtype=np.float32)
    for name in ("root_yaw_velocity", "root_planar_velocity", "velocities"):
        pose_D[layout[name]] = 0
    pose_D[layout["contacts"]] = _low_feet(motion_TD, frame, layout)
    return np.repeat(pose_D[None], frames, axis=0)


def _low_feet(motion_TD: np.ndarray, frame: int, layout: FeatureLayout) -> np.ndarray:
    """Whether each foot joint (left ankle, left foot, right ankle, right foot) is low in a frame, (4,)."""
    skeleton = skeleton_with_features(motion_TD.shape[1])
    local_TJ3 = motion_TD[:, layout["positions"]].reshape(len(motion_TD), -1, 3)
    heights_T4 = local_TJ3[:, [joint - 1 for joint in skeleton.feet], 1] * skeleton.metres_per_unit
    lowest_2 = heights_T4.reshape(len(motion_TD), 2, 2).min(axis=(0, 1))
    low_4: np.ndarray = heights_T4[frame] < np.tile(lowest_2, 2) + HIGHEST
    return low_4


def held_captions(item: Item, settings: LargeMotion) -> tuple[str, ...]:
    """Captions of a pose of a clip: the clip's, behind the words for a pose (*switch* ``static_caption``)."""
    return tuple(f"{settings.static_caption}{caption.text}" for caption in item.captions)


def nested_share(count: int, share: float, seed: int) -> np.ndarray:
    """Numbers of a share of so many items, rounded up; a smaller share is part of a larger one."""
    return np.sort(np.random.default_rng([seed, count]).permutation(count)[: math.ceil(share * count)])


class Mixture:
    """Draws items so that each kind comes as often as its weight says, however many items it has.

    Args:
        kinds: of the items.
        weights: of the kinds; one of which there is no item is left out.

    Raises:
        LampError: no kind with a weight has an item.
    """

    def __init__(self, kinds: Sequence[str], weights: DataKinds) -> None:
        given = weights.model_dump()
        places = {kind: np.flatnonzero(np.array(kinds) == kind) for kind in given}
        self.places = [places[kind] for kind in given if given[kind] > 0 and len(places[kind])]
        if not self.places:
            found = ", ".join(dict.fromkeys(kinds)) or "none"
            raise LampError(
                f"large_motion.data gives no weight to a kind of clips that is there; there are: {found}"
            )
        shares_K = np.array([given[kind] for kind in given if given[kind] > 0 and len(places[kind])])
        self.shares_K = shares_K / shares_K.sum()

    @property
    def count(self) -> int:
        """Items of all kinds that are drawn."""
        return sum(map(len, self.places))

    @property
    def is_single(self) -> bool:
        """Whether there is one kind alone."""
        return len(self.places) == 1

    def chosen(self, number: int, draws: np.random.Generator) -> int:
        """The item of a draw: the number-th where there is one kind alone, so that an epoch has each once."""
        if self.is_single:
            return int(self.places[0][number])
        places = self.places[int(draws.choice(len(self.places), p=self.shares_K))]
        return int(places[int(draws.integers(len(places)))])
