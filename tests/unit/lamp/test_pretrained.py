"""A LaMP from elsewhere is taken as it is, or refused when the tokenizer here writes other codes."""

from pathlib import Path

import pytest

from lamp_core.errors import LampError
from lamp_core.lamp.model import LaMP, LaMPShape
from lamp_core.lamp.pretrained import take_over
from lamp_core.training.model_files import WEIGHTS

SHAPE = LaMPShape(
    layers=1,
    hidden_dim=8,
    heads=2,
    feed_forward_dim=8,
    max_positions=6,
    vocabulary_size=9,
    queries=2,
    projection_dim=4,
    cross_attention_every=1,
    code_dim=12,
    codebook_size=5,
    max_tokens=4,
    max_text_tokens=6,
    dropout=0.0,
    temperature=0.07,
    motion_decoding="autoregressive",
)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    LaMP(SHAPE).save_pretrained(folder)
    (folder / "curves.csv").write_text("step,name,value\n")
    return folder


def test_the_model_arrives_byte_for_byte(elsewhere: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    assert take_over(elsewhere, here, 12) == SHAPE
    assert (here / WEIGHTS).read_bytes() == (elsewhere / WEIGHTS).read_bytes()
    assert LaMP.from_pretrained(here).shape == SHAPE
    assert (here / "curves.csv").exists()


def test_another_code_width_is_refused_with_both_named(elsewhere: Path, tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"codes of width 12, the tokenizer here writes 16; use --set"):
        take_over(elsewhere, tmp_path / "here", 16)
    assert not (tmp_path / "here").exists()


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LampError, match="no trained model in"):
        take_over(tmp_path, tmp_path / "here", 12)
