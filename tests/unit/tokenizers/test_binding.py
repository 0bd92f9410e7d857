"""Models know the tokenizer that they were trained with."""

from pathlib import Path

import pytest

from lamp_core.errors import LampError
from lamp_core.tokenizers.binding import bind, check_bound
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.kinds import untrained_tokenizer

from .conftest import SMALL, started


def test_a_model_is_read_beside_its_own_tokenizer_alone(tmp_path: Path) -> None:
    tokenizer = started(SMALL)
    save_tokenizer(tmp_path / "tokenizer", tokenizer)
    (tmp_path / "t2m").mkdir()
    bind(tmp_path / "t2m", tokenizer)
    check_bound(tmp_path / "t2m", load_tokenizer(tmp_path / "tokenizer"))
    with pytest.raises(LampError, match=r"trained with another tokenizer .* --force t2m"):
        check_bound(tmp_path / "t2m", untrained_tokenizer(tokenizer))


def test_a_model_that_does_not_say_its_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"another tokenizer \(unknown\)"):
        check_bound(tmp_path, started(SMALL))
