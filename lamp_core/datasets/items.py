"""What a model trains on: a motion with the captions that describe it.

Shapes: B batch, T frames, D feature numbers a frame.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet

DOWNSAMPLING = 4
"""Frames a motion token; lengths are cut to a multiple of it (protocols, Items)."""


@dataclass(frozen=True)
class Item:
    """A clip, or the span of a clip that captions of their own describe.

    Args:
        clip: name of the clip.
        start: first frame of the item within the clip.
        features_TD: raw features, a multiple of four frames.
        captions: at least one; none of `wordless_items`.
        labels: of the clip, see `Clip`.
        part_captions: sentences by body part, where the item is the whole clip.
    """

    clip: str
    start: int
    features_TD: np.ndarray
    captions: tuple[Caption, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    part_captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """Feature frames."""
        return len(self.features_TD)

    @property
    def key(self) -> tuple[str, int, int]:
        """Clip, first frame and frames: what the token cache finds an item by."""
        return self.clip, self.start, self.frames


def items_of(features: FeatureSet, split: str | None = None, min_frames: int = DOWNSAMPLING) -> list[Item]:
    """Return the items of a split, or of all; a caption with a time span of its own makes an item of its own.

    Args:
        features: the data set.
        split: train, val or test; every split without it.
        min_frames: shorter items are left out.
    """
    items: list[Item] = []
    rate = features.skeleton.frames_per_second
    indices = range(len(features.clips)) if split is None else features.of_split(split)
    for index in indices:
        clip, whole_TD = features.clips[index], features.features[index]
        labels = features.labels[index] if features.labels else {}
        of_parts = features.part_captions[index] if features.part_captions else {}
        spans: dict[tuple[int, int], list[Caption]] = {}
        for caption in features.captions[index]:
            own = caption.start != caption.end
            end = int(caption.end * rate) if own else len(whole_TD)
            spans.setdefault((int(caption.start * rate) if own else 0, min(end, len(whole_TD))), []).append(
                caption
            )
        for (start, end), captions in spans.items():
            frames = (end - start) // DOWNSAMPLING * DOWNSAMPLING
            if frames >= max(min_frames, DOWNSAMPLING):
                span_TD = whole_TD[start : start + frames]
                told = of_parts if captions[0].is_whole_clip else {}
                items.append(Item(clip, start, span_TD, tuple(captions), labels, told))
    return items


def wordless_items(features: FeatureSet, split: str) -> list[Item]:
    """Return the clips of a split that have no caption, each as a whole.

    Args:
        features: the data set.
        split: train, val or test.
    """
    found = []
    for index in features.of_split(split):
        whole_TD = features.features[index]
        frames = len(whole_TD) // DOWNSAMPLING * DOWNSAMPLING
        if frames and not features.captions[index]:
            labels = features.labels[index] if features.labels else {}
            found.append(Item(features.clips[index], 0, whole_TD[:frames], (), labels))
    return found


def pad(arrays: Sequence[np.ndarray | torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack arrays of different lengths with zeros behind the shorter ones.

    Returns:
        The stack (B, longest, ...) and the lengths (B,).
    """
    tensors = [torch.as_tensor(array) for array in arrays]
    lengths_B = torch.tensor([len(tensor) for tensor in tensors])
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), lengths_B


def mask_of(lengths_B: torch.Tensor, longest: int) -> torch.Tensor:
    """Return (B, longest) booleans, true inside each length."""
    return torch.arange(longest, device=lengths_B.device)[None, :] < lengths_B[:, None]


def length_batches(lengths: Sequence[int], budget: int) -> Iterable[list[int]]:
    """Yield indices in batches of similar lengths whose padded size stays within ``budget`` frames."""
    batch: list[int] = []
    for index in np.argsort(np.asarray(lengths), kind="stable"):
        if batch and (len(batch) + 1) * lengths[index] > budget:
            yield batch
            batch = []
        batch.append(int(index))
    if batch:
        yield batch


def length_groups(lengths_B: torch.Tensor, groups: int) -> list[torch.Tensor]:
    """Rows of a batch in groups of similar length and (nearly) equal size, so that little is padded."""
    return [rows for rows in lengths_B.argsort(stable=True).tensor_split(groups) if len(rows)]
