"""A language model from elsewhere is taken as it is, and refused where it looks ahead."""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, PreTrainedTokenizerBase

from lamp_core.config import override
from lamp_core.errors import LampError
from lamp_core.m2t.language_model import BASE
from lamp_core.m2t.own_language_model import own_model, own_tokenizer, save_own
from tests.small_project import small_config
from tests.stages_in_process import run_stages

SENTENCES = ("a person walks", "a person jumps", "someone waves")


@pytest.fixture
def text() -> PreTrainedTokenizerBase:
    return own_tokenizer(SENTENCES, "", small_config().language_model)  # type: ignore[no-any-return]


def take(data: Path, folder: Path) -> dict[str, float]:
    config = override(small_config(), [f"language_model.checkpoint={folder}"])
    return run_stages(("language_model",), data, config)["language_model"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    return data


def test_a_causal_model_is_taken(data: Path, text: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    save_own(tmp_path / "opt", own_model(text, small_config().language_model), text)
    assert take(data, tmp_path / "opt")["taken_over"] == 1.0
    assert json.loads((data / "language_model" / BASE).read_text())["checkpoint"] == str(tmp_path / "opt")


def test_a_model_that_looks_ahead_is_refused(
    data: Path, text: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    save_own(tmp_path / "bert", BertLMHeadModel(BertConfig(vocab_size=len(text), **sizes)), text)
    with pytest.raises(LampError, match=r"no causal language model.*set language_model.checkpoint to"):
        take(data, tmp_path / "bert")
    assert not (data / "language_model" / BASE).exists()
