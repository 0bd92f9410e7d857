"""What the captioner computes, what it trains, and what it keeps."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from lamp_core.errors import LampError
from lamp_core.m2t.folder import save_m2t
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.model import (
    MotionCaptioner,
    attention_projections,
    motion_parameters,
    with_lora,
)
from lamp_core.m2t.soft_tokens import MotionStates
from lamp_core.m2t.training import batch_losses, check_length
from lamp_core.segments import SegmentBatch, next_token_logits, token_losses
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.m2t.conftest import (
    CAPTIONING,
    READS,
    SENTENCES,
    MakeCaptioner,
    of_motions,
    read_motions,
)


def _batch(model: MotionCaptioner) -> tuple[MotionStates, SegmentBatch]:
    states = read_motions(model)
    return states, model.sequences(states, model.words.pieces(SENTENCES))


def test_a_later_word_changes_no_earlier_logit(make_captioner: MakeCaptioner) -> None:
    model = make_captioner()
    states, batch = _batch(model)
    words = batch.targets_BL.shape[1]
    for place in range(words):
        changed_BX = batch.ids_BX.clone()
        changed_BX[:, batch.first + place] = (changed_BX[:, batch.first + place] + 1) % 30
        before, after = model(states, batch), model(states, replace(batch, ids_BX=changed_BX))
        assert torch.equal(before[:, : place + 1], after[:, : place + 1])
        if place + 1 < words:
            assert not torch.allclose(before[0, place + 1], after[0, place + 1])


def test_the_motion_changes_every_logit(make_captioner: MakeCaptioner) -> None:
    model = make_captioner()
    states, batch = _batch(model)
    moved = model(of_motions(states, torch.arange(8).flip(0)), batch) - model(states, batch)
    assert (moved.abs().amax(dim=-1) > 1e-6)[batch.counted_BL].all()


@READS
def test_a_captions_loss_is_the_same_alone_and_in_a_batch(reads: str, make_captioner: MakeCaptioner) -> None:
    model = make_captioner(reads=reads, latents_together=2)
    states, batch = _batch(model)
    together_B = token_losses(model(states, batch), batch)
    for row, sentence in enumerate(SENTENCES):
        own = of_motions(states, slice(row, row + 1))
        own = replace(own, latents_BSC=own.latents_BSC[:, : row + 2], mask_BS=own.mask_BS[:, : row + 2])
        one = model.sequences(own, model.words.pieces([sentence]))
        alone = token_losses(model(own, one), one)
        torch.testing.assert_close(alone[0], together_B[row], rtol=1e-5, atol=1e-5)


def test_the_loss_is_on_the_words_of_the_caption_and_its_end_alone(make_captioner: MakeCaptioner) -> None:
    model = make_captioner()
    states, batch = _batch(model)
    logits_BLV = model(states, batch).detach().requires_grad_(True)
    ids_BL, mask_BL = batch.targets_BL, batch.counted_BL
    loss = token_losses(logits_BLV, batch).sum() / mask_BL.sum()
    loss.backward()
    assert ((logits_BLV.grad != 0).any(dim=-1) == mask_BL).all()
    assert [ids[mask][-1].item() for ids, mask in zip(ids_BL, mask_BL, strict=True)] == [model.words.end] * 8
    want = torch.nn.functional.cross_entropy(logits_BLV[mask_BL], ids_BL[mask_BL])
    torch.testing.assert_close(loss, want)
    torch.testing.assert_close(batch_losses(model, states, batch)["loss"], want)


@pytest.mark.parametrize("together", [1, 2, 3])
def test_what_stands_behind_a_motion_changes_nothing(together: int, make_captioner: MakeCaptioner) -> None:
    model = make_captioner(reads="queries_and_latents", latents_together=together)
    states, batch = _batch(model)
    assert model.soft_counts(states) == [3 + -(-(2 + row) // together) for row in range(8)]
    want = model(states, batch)
    other = states.latents_BSC.masked_fill(~states.mask_BS[..., None], 1e6)
    assert torch.equal(model(replace(states, latents_BSC=other), batch), want)
    first_token = states.latents_BSC.clone()
    first_token[:, 0, 0] += 1
    moved = (model(replace(states, latents_BSC=first_token), batch) - want).abs().amax(dim=-1)
    assert (moved > 1e-6)[batch.counted_BL].all()


def test_the_order_of_the_latents_counts(make_captioner: MakeCaptioner) -> None:
    model = make_captioner(reads="queries_and_latents", latents_together=2)
    states, batch = _batch(model)
    swapped = states.latents_BSC.clone()
    swapped[:, [0, 1]] = swapped[:, [1, 0]]
    moved = model(replace(states, latents_BSC=swapped), batch) - model(states, batch)
    assert (moved.abs().amax(dim=-1) > 1e-6)[batch.counted_BL].all()


@READS
@pytest.mark.parametrize("along", [False, True])
def test_gradients_reach_lora_and_projections_and_the_motion_transformer_where_it_is_trained(
    along: bool, reads: str, make_captioner: MakeCaptioner
) -> None:
    model = make_captioner(train_motion_transformer=along, reads=reads).train()
    latents_BSC, mask_BS = torch.randn(8, 5, 6), torch.ones(8, 5, dtype=torch.bool)
    states = MotionStates(model.query_states(latents_BSC, mask_BS), latents_BSC, mask_BS)
    batch = model.sequences(states, model.words.pieces(SENTENCES))
    batch_losses(model, states, batch)["loss"].backward()
    reached = {name for name, own in model.named_parameters() if own.grad is not None and own.grad.any()}
    wanted = {name for name, _ in model.named_parameters() if "lora_" in name or "projection." in name}
    assert any("latent_projection" in name for name in wanted) == (reads == "queries_and_latents")
    wanted = {name for name in wanted if not name.startswith("lamp.")}
    if along:
        wanted |= {f"lamp.{name}" for name in motion_parameters(model.lamp)}
        wanted = {name for name in wanted if not name.endswith(KEY_BIAS)}
        reached = {name for name in reached if not name.endswith(KEY_BIAS)}
    assert reached == wanted
    assert model.lamp.training == along and model.language.training


KEY_BIAS = ".key.bias"
"""A bias of all keys changes no attention: its gradient is zero but for rounding."""


def test_the_state_is_what_is_trained(make_captioner: MakeCaptioner) -> None:
    model = make_captioner(train_motion_transformer=False)
    state = model.state_dict()
    assert set(state) == {name for name, own in model.named_parameters() if own.requires_grad}
    other = make_captioner(train_motion_transformer=False)
    for parameter in other.parameters():
        parameter.data = torch.where(torch.tensor(parameter.requires_grad), parameter + 1, parameter)
    other.load_state_dict(state)
    assert all(torch.equal(other.state_dict()[name], tensor) for name, tensor in state.items())
    with pytest.raises(RuntimeError, match=r"differ:\n.*projection\.bias"):
        other.load_state_dict({name: own for name, own in state.items() if name != "projection.bias"})


def test_the_adapter_loads_in_plain_peft_and_gives_the_same_logits(
    make_captioner: MakeCaptioner, base: CausalModel, base_folder: Path, tmp_path: Path
) -> None:
    model = make_captioner()
    states, batch = _batch(model)
    want = model(states, batch)
    soft_NE = model.soft_tokens(states)
    save_m2t(tmp_path / "m2t", model, base.identity, load_skeleton("smpl22"))
    plain = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base_folder), tmp_path / "m2t"
    ).eval()
    torch.testing.assert_close(next_token_logits(plain, batch, soft_NE), want)
    bare = AutoModelForCausalLM.from_pretrained(base_folder).eval()
    assert not torch.allclose(next_token_logits(bare, batch, soft_NE), want, atol=1e-3)


def test_gradient_checkpointing_changes_no_gradient(base_folder: Path, make_captioner: MakeCaptioner) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = make_captioner(gradient_checkpointing=checkpointing, dropout=0.0).train()
        states, batch = _batch(model)
        model.zero_grad()
        batch_losses(model, states, batch)["loss"].backward()
        gradients.append(model.projection.weight.grad.clone())
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=32)), 1),
        (
            LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=40,
                    hidden_size=16,
                    intermediate_size=16,
                    num_hidden_layers=1,
                    num_attention_heads=2,
                )
            ),
            4,
        ),
    ],
    ids=["gpt2", "llama"],
)
def test_other_models_are_adapted_at_their_attention(model: torch.nn.Module, names: int) -> None:
    projections = attention_projections(model)
    assert len(projections) == names
    adapted = with_lora(CausalModel(model, None, "elsewhere", ""), CAPTIONING)
    trained = [name for name, own in adapted.named_parameters() if own.requires_grad]
    assert len(trained) == 2 * names and all("attn" in name for name in trained)


def test_what_lora_cannot_adapt_is_named(base: CausalModel) -> None:
    with pytest.raises(LampError, match=r"m2t\.target_modules \['nothing'\]"):
        with_lora(base, CAPTIONING.model_copy(update={"target_modules": ("nothing",)}))
    with pytest.raises(LampError, match=r"of Linear have unknown names; give m2t\.target_modules"):
        attention_projections(torch.nn.Linear(2, 2))


def test_a_sequence_longer_than_the_language_models_is_refused(base: CausalModel) -> None:
    check_length(base, 64)
    with pytest.raises(LampError, match=r"take 65 positions, the language model has 64"):
        check_length(base, 65)
