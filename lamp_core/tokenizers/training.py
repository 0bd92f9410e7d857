"""Train a tokenizer on windows of the train split.

Shapes: B batch, F frames of all clips, T frames of a window, D feature numbers a frame, N clips.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.tokenizers.clips import reconstruct_clips
from lamp_core.tokenizers.decoded_errors import decoded_errors
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.protocol import NOTHING_DECODED, MotionTokenizer, TokenizerSettings
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import share
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import seed_everything
from lamp_core.training.validation import Validation


class Windows:
    """Windows at random starts of clips that are long enough, cut without a loop over the batch.

    All frames lie side by side on the device, so that a batch is one gather and nothing has to be moved
    there in a step (HumanML3D: 3 GB).

    Args:
        clips: normalised features (T, D); clips shorter than a window are left out.
        frames: length of a window.
        device: where the frames are kept.
        clip_start_share: of the windows, so many begin with their clip, beside those that do by chance. The
            first frame alone holds how far the body's smoothed heading is from its true one, which turns the
            whole clip (`lamp_core.features.encode`); a start drawn uniformly seldom shows it.

    Raises:
        LampError: no clip is as long as a window.
    """

    def __init__(
        self, clips: Sequence[np.ndarray], frames: int, device: torch.device, clip_start_share: float = 0.0
    ) -> None:
        usable = [torch.as_tensor(clip) for clip in clips if len(clip) >= frames]
        if not usable:
            raise LampError(
                f"no clip has the {frames} frames of tokenizer.window_frames; "
                f"the longest has {max(map(len, clips), default=0)}"
            )
        lengths_N = torch.tensor([len(clip) for clip in usable])
        self.frames_FD = torch.cat(usable).to(device)
        self.firsts_N = lengths_N.cumsum(0) - lengths_N
        self.starts_N = lengths_N - frames + 1
        self.within_T = torch.arange(frames)
        self.clip_start_share = clip_start_share

    def __len__(self) -> int:
        return len(self.firsts_N)

    def cut(self, indices: np.ndarray) -> Tensor:
        """Return one window of each chosen clip, (B, T, D), its start drawn uniformly but for the share.

        Of the whole batch's windows, those of this process.
        """
        chosen_B = torch.as_tensor(indices)
        place_B = torch.rand(len(indices), dtype=torch.float64)
        if self.clip_start_share:
            others = max(1 - self.clip_start_share, torch.finfo(place_B.dtype).tiny)  # 0 where all begin so
            place_B = (place_B - self.clip_start_share).clamp(min=0) / others
        drawn_B = place_B * self.starts_N[chosen_B]
        rows_BT = (self.firsts_N[chosen_B] + drawn_B.long())[:, None] + self.within_T
        return self.frames_FD[share(rows_BT).to(self.frames_FD.device)]


def feature_error(true: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> float:
    """Mean smooth L1 of normalised clips and their reconstructions."""
    pairs = zip(true, made, strict=True)
    errors = [F.smooth_l1_loss(torch.as_tensor(copy), torch.as_tensor(clip)) for clip, copy in pairs]
    return float(torch.stack(errors).mean())


@dataclass(frozen=True)
class ValidationClips:
    """Clips that training does not see, and how wrong their reconstruction is.

    Args:
        clips: normalised features (T, D), at least one.
        error: of true clips and their reconstructions, of the same shapes; lower is better.
        name: of the error in the log.
    """

    clips: Sequence[np.ndarray]
    error: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], float] = feature_error
    name: str = "val_features"

    def measure(self, tokenizer: MotionTokenizer, channels: int | None = None) -> float:
        """Return the error of the clips reconstructed from the leading channels, all without it."""
        made = reconstruct_clips(tokenizer, self.clips, channels=channels)
        return self.error([clip[: len(copy)] for clip, copy in zip(self.clips, made, strict=True)], made)


def train_tokenizer(
    clips: Sequence[np.ndarray],
    settings: TokenizerSettings,
    *,
    device: torch.device,
    statistics: FeatureStatistics | None = None,
    validation: ValidationClips | None = None,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> MotionTokenizer:
    """Train on random windows of normalised clips (T, D); clips shorter than a window are left out.

    Args:
        clips: of the train split.
        settings: of the tokenizer's kind.
        device: where to train.
        statistics: what normalised the clips; losses on what is decoded (``contact_weight``,
            ``heading_weight``) need it.
        validation: clips that decide which weights are kept; the last step's without them.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: no clip is as long as a window.
    """
    windows = Windows(clips, settings.window_frames, device, settings.clip_start_share)
    seed_everything(settings.training.seed)
    tokenizer = new_tokenizer(windows.frames_FD.shape[1], settings).to(device)
    sampler = BatchSampler.of(len(windows), settings.training)
    decoded = decoded_errors(statistics) if statistics else NOTHING_DECODED

    def losses(number: int) -> dict[str, Tensor]:
        return tokenizer.losses(windows.cut(sampler.whole(number)), decoded)

    def validated(held: ValidationClips) -> Validation:
        return Validation(lambda: {held.name: held.measure(tokenizer)}, held.name, "lower")

    fit(
        tokenizer,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=validated(validation) if validation else None,
    )
    return tokenizer
