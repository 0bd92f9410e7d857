import numpy as np
import pytest

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.vectors import LexicalVectors
from lamp_core.lexical.windows import whole_motion_weights, window_starts
from tests.unit.lexical.conftest import motion


@pytest.fixture
def vectors(lexical: tuple[LexicalModel, TextTokenizer]) -> LexicalVectors:
    return LexicalVectors(lexical[0].eval(), lexical[1])


@pytest.mark.parametrize(
    ("frames", "starts"), [(3, [0]), (10, [0]), (11, [0, 1]), (20, [0, 10]), (25, [0, 7, 15])]
)
def test_windows_cover_a_motion(frames: int, starts: list[int]) -> None:
    assert window_starts(frames, 10) == starts


def test_what_happens_behind_the_longest_window_is_heard(vectors: LexicalVectors) -> None:
    longest = vectors.model.shape.motion.max_frames
    parts = [motion(longest, seed) for seed in range(3)]
    short_TD = motion(40, 5)
    weights_NV = whole_motion_weights(vectors, [np.concatenate(parts), short_TD])
    expected_V = vectors.motion_weights(parts).max(axis=0)
    assert np.allclose(weights_NV[0], expected_V, atol=1e-5)
    assert not np.allclose(weights_NV[0], vectors.motion_weights(parts[:1])[0], atol=1e-3)
    assert np.allclose(weights_NV[1], vectors.motion_weights([short_TD])[0], atol=1e-5)
