import numpy as np
import pytest
import torch

from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.metrics.reconstruction import frame_errors, mpjpe
from lamp_core.skeleton.skeleton import load_skeleton


def clips(skeleton, lengths, seed, size=0.05):
    draws = np.random.default_rng(seed)
    return [draws.normal(0, size, (length, skeleton.feature_count)).astype(np.float32) for length in lengths]


def naive_mpjpe(true, reconstructed, skeleton):
    """Clip by clip, frame by frame, joint by joint."""
    errors = []
    for first, second in zip(true, reconstructed, strict=True):
        joints = [decode(torch.from_numpy(clip), skeleton).double().numpy() for clip in (first, second)]
        for frame in range(len(first)):
            one, other = (clip[frame] - clip[frame, 0] for clip in joints)
            errors.append(np.mean([np.linalg.norm(a - b) for a, b in zip(one, other, strict=True)]))
    return np.mean(errors) * skeleton.metres_per_unit * 1000


@pytest.mark.parametrize("name", ["smpl22", "kit21"])
def test_mpjpe_of_padded_batches_is_that_of_a_loop(name):
    skeleton = load_skeleton(name)
    lengths = [40, 8, 24, 12, 60]
    true, made = clips(skeleton, lengths, 0), clips(skeleton, lengths, 1)
    expected = naive_mpjpe(true, made, skeleton)
    assert mpjpe(true, made, skeleton) == pytest.approx(expected, rel=1e-5)
    assert mpjpe(true, made, skeleton, batch_clips=2) == pytest.approx(expected, rel=1e-5)


def test_every_frame_counts_the_same():
    skeleton = load_skeleton("smpl22")
    true, made = clips(skeleton, [40, 4], 0), clips(skeleton, [40, 4], 1)
    errors = np.concatenate(list(frame_errors(true, made, skeleton)))
    assert len(errors) == 44
    assert mpjpe(true, made, skeleton) == pytest.approx(errors.mean())


def test_a_raised_hand_is_an_error_in_millimetres():
    skeleton = load_skeleton("smpl22")
    true = clips(skeleton, [8], 0)
    made = [true[0].copy()]
    made[0][:, 4 + 3 * (skeleton.index("left_wrist") - 1) + 1] += 0.11
    assert mpjpe(true, made, skeleton) == pytest.approx(110.0 / 22, rel=1e-3)


def test_where_the_pelvis_goes_is_no_error():
    skeleton = load_skeleton("smpl22")
    true = clips(skeleton, [8], 0)
    moved = [true[0].copy()]
    moved[0][:, 1:3] += 0.5
    assert mpjpe(true, moved, skeleton) == pytest.approx(0.0, abs=1e-2)


def test_what_cannot_be_compared_is_named():
    skeleton = load_skeleton("smpl22")
    true = clips(skeleton, [8, 12], 0)
    with pytest.raises(LampError, match="2 true and 1 reconstructed"):
        mpjpe(true, true[:1], skeleton)
    with pytest.raises(LampError, match="clip 1 has shape"):
        mpjpe(true, [true[0], true[0]], skeleton)
    with pytest.raises(LampError, match="found none"):
        mpjpe([], [], skeleton)
    broken = [true[0], np.full_like(true[1], np.nan)]
    with pytest.raises(LampError, match="clip 1 of 2 or its reconstruction is not finite"):
        mpjpe(true, broken, skeleton)
