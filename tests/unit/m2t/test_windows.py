"""Windows cover a motion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamp_core.errors import LampError
from lamp_core.m2t.windows import windows


@given(
    st.integers(4, 3000),
    st.sampled_from([12.5, 20.0, 30.0]),
    st.integers(2, 50).map(lambda tokens: 4 * tokens),
    st.floats(0.4, 20.0),
)
def test_windows_cover_the_motion_once(frames: int, fps: float, longest: int, seconds: float) -> None:
    spans = windows(frames, fps, longest, seconds)
    assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])] and spans[-1][1] == frames
    lengths = [end - start for start, end in spans]
    assert all(length % 4 == 0 for length in lengths[:-1])
    tokens = [length // 4 for length in lengths]
    assert min(tokens) >= 1 and max(tokens) - min(tokens) <= 1
    assert max(tokens) * 4 <= min(longest, round(seconds * fps))


def test_what_cannot_be_parted_is_refused() -> None:
    with pytest.raises(LampError, match="has 3 feature frames; a caption needs at least 4"):
        windows(3, 20.0, 196)
    with pytest.raises(LampError, match=r"windows of 0\.1 s are shorter than 0\.2 s"):
        windows(50, 20.0, 196, 0.1)
