"""A model folder whose configuration is of another version."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from lamp_core.config import Tokenizer
from lamp_core.errors import LampError
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.training.model_files import load_weights, save_model


def test_settings_of_another_version_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    settings = Tokenizer(hidden_dim=8, code_dim=8, codebook_size=4, residual_depth=1)
    torch.manual_seed(0)
    save_tokenizer(folder, new_tokenizer(263, settings))
    assert load_tokenizer(folder).settings == settings

    config = json.loads((folder / "config.json").read_text())
    config["settings"]["codes"] = config["settings"].pop("codebook_size")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(LampError, match=r"another version .*'codes'.*`lamp run --until tokenizer`$"):
        load_tokenizer(folder)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 64, b"\xff" * 64])
def test_damaged_weights_name_the_stage_that_makes_them_anew(damage: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "residual"
    save_model(folder, nn.Linear(2, 3), {})
    (folder / "model.safetensors").write_bytes(damage)
    with pytest.raises(LampError, match=r"model\.safetensors is damaged .*`lamp run --force residual` makes"):
        load_weights(folder, nn.Linear(2, 3))
