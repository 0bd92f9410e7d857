"""The language model: trained here, or taken and recognised."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from lamp_core.errors import LampError
from lamp_core.m2t.language_model import (
    identity_of,
    load_base,
    load_checkpoint,
    place_of,
    quantisation,
    record_base,
)
from lamp_core.m2t.language_model_training import (
    sentence_loss,
    sentence_words,
    train_language_model,
    validated,
)
from tests.unit.m2t.conftest import CPU, LANGUAGE, PROMPT, SENTENCES


@pytest.mark.slow
def test_training_learns_the_sentences_and_leaves_an_ordinary_folder(taught_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(taught_folder)
    tokenizer = AutoTokenizer.from_pretrained(taught_folder)
    found = validated(model, tokenizer, PROMPT, LANGUAGE, SENTENCES)
    assert found["val_perplexity"] < 1.8  # the verb, one of eight, cannot be known
    assert found["val_perplexity"] == pytest.approx(np.exp(found["val_loss"]))


def test_the_best_by_validation_are_kept_and_resuming_changes_nothing(tmp_path: Path) -> None:
    training = LANGUAGE.training.model_copy(update={"validate_every": 5, "ema_decay": 0.9})
    settings = LANGUAGE.model_copy(update={"training": training, "dropout": 0.1})
    stopped = Stopper(8)
    whole, _ = train_language_model(SENTENCES, settings, PROMPT, device=CPU, validation=SENTENCES[:4])
    with pytest.raises(KeyboardInterrupt):
        train_language_model(
            SENTENCES,
            settings,
            PROMPT,
            device=CPU,
            validation=SENTENCES[:4],
            checkpoints=tmp_path,
            on_progress=stopped,
        )
    resumed, _ = train_language_model(
        SENTENCES, settings, PROMPT, device=CPU, validation=SENTENCES[:4], checkpoints=tmp_path
    )
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


class Stopper:
    """Stands for a killed process."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, done: int, total: int, text: str) -> None:
        if done == self.step + 1:
            raise KeyboardInterrupt


def test_a_sentence_may_begin_at_any_position(taught_folder: Path) -> None:
    base = load_base(taught_folder, CPU)
    words = sentence_words(base.tokenizer, PROMPT, LANGUAGE)
    batch = words.sequences(words.pieces(SENTENCES))
    losses = [float(sentence_loss(base.model, batch.shifted(first))[0]) for first in (0, 20, 45)]
    assert max(losses) < 1.15 * min(losses)


def test_without_sentences_there_is_nothing_to_train() -> None:
    with pytest.raises(LampError, match="no caption to train on"):
        train_language_model(["", " "], LANGUAGE, PROMPT, device=CPU)
    with pytest.raises(LampError, match=r"shorten m2t\.prompt"):
        train_language_model(SENTENCES, LANGUAGE.model_copy(update={"max_positions": 5}), PROMPT, device=CPU)


def test_a_model_from_elsewhere_is_recognised_and_not_copied(base_folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "models" / "gpt2"
    GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2)).save_pretrained(elsewhere)
    load_base(base_folder, CPU).tokenizer.save_pretrained(elsewhere)
    assert place_of(tmp_path, "models/gpt2") == str(elsewhere) and place_of(tmp_path, "gpt2") == "gpt2"
    found = load_checkpoint(str(elsewhere), CPU)
    folder = tmp_path / "data" / "language_model"
    (folder / "model.safetensors").unlink()
    record_base(folder, "models/gpt2", found.identity)
    base = load_base(folder, CPU)
    assert base.identity == identity_of(str(elsewhere)) and base.checkpoint == "models/gpt2"
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2)).save_pretrained(elsewhere)
    with pytest.raises(LampError, match=r"models/gpt2 is no longer the one .* --force language_model"):
        load_base(folder, CPU)


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LampError, match="language model 'nowhere/to-be-found' is no folder"):
        load_checkpoint("nowhere/to-be-found", CPU)
    with pytest.raises(LampError, match="lamp run --until language_model"):
        load_base(tmp_path, CPU)


def test_quantising_needs_a_card_and_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quantisation("none", CPU) == {}
    with pytest.raises(LampError, match=r"m2t\.quantise=8bit needs a CUDA device"):
        quantisation("8bit", CPU)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LampError, match=r"pip install 'lamp-motion\[quantised\]'"):
        quantisation("4bit", torch.device("cuda"))
