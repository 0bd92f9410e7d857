"""What a training starts from: pretrained or random weights, and room for a motion."""

import pytest
import torch

from lamp_core.large_motion.start import lengthened, started, starting_model, with_dropout
from lamp_core.motion_language.folder import positions_of
from lamp_core.tokenizers.protocol import MotionTokenizer
from tests.unit.large_motion.conftest import CODES, LAYERS, SETTINGS
from tests.unit.motion_language.conftest import CAPTIONS, POSITIONS, causal


def test_a_longer_context_says_the_same_of_what_was_known(kind: str) -> None:
    model = causal(kind).model
    ids_1X = torch.arange(20)[None]
    longer = lengthened(model, 3 * POSITIONS)
    assert positions_of(longer) == 3 * POSITIONS and not longer.training
    with torch.no_grad():
        torch.testing.assert_close(longer(ids_1X).logits, model(ids_1X).logits)
        assert longer(torch.ones(1, 2 * POSITIONS, dtype=torch.long)).logits.isfinite().all()
    assert lengthened(model, POSITIONS - 1) is model


def test_from_scratch_is_of_other_weights_and_of_the_size_that_is_asked_for(kind: str) -> None:
    base = causal(kind)
    assert starting_model(base, SETTINGS) is base.model
    torch.manual_seed(9)
    same_shape = starting_model(base, SETTINGS.model_copy(update={"start": "scratch"}))
    old, new = (dict(each.named_parameters()) for each in (base.model, same_shape))
    assert {name: value.shape for name, value in old.items()} == {n: v.shape for n, v in new.items()}
    assert any(value.ndim > 1 and not torch.equal(value, new[name]) for name, value in old.items())
    sized = starting_model(
        base,
        SETTINGS.model_copy(
            update={"start": "scratch", "layers": 3, "hidden_dim": 16, "heads": 2, "feed_forward_dim": 24}
        ),
    )
    assert (sized.config.num_hidden_layers, sized.config.hidden_size, sized.config.ffn_dim) == (3, 16, 24)
    assert sized.config.vocab_size == len(base.tokenizer)


def test_dropout_is_in_training_alone_and_off_unless_asked_for(kind: str) -> None:
    model = causal(kind).model
    assert with_dropout(model, 0.0) is model
    changed, ids_1X = with_dropout(model, 0.3), torch.arange(20)[None]
    with torch.no_grad():
        wanted_1XV = model(ids_1X).logits
        assert torch.equal(changed(ids_1X).logits, wanted_1XV)  # not training
        changed.train()
        one_1XV, other_1XV = (changed(ids_1X).logits for _ in range(2))
    assert not torch.allclose(one_1XV, other_1XV) and not torch.allclose(one_1XV, wanted_1XV)
    assert changed.get_output_embeddings().weight is changed.get_input_embeddings().weight or kind == "llama"
    reloaded = type(changed)(changed.config)  # as a folder of it is loaded
    assert any("dropout" in name or "pdrop" in name for name in reloaded.config.to_dict())


def test_a_motion_says_its_length_on_the_way_where_that_is_asked_for(rvq: MotionTokenizer) -> None:
    codes_SR = torch.randint(CODES, (5, LAYERS)).numpy()
    words = {
        every: started(causal(), rvq, SETTINGS.model_copy(update={"length_every": every}), CAPTIONS)[1]
        for every in (0, 2)
    }
    assert [known.vocabulary.length_every for known in words.values()] == [0, 2]
    said = {every: known.motion(codes_SR).ids for every, known in words.items()}
    assert len(said[2]) == len(said[0]) + 2  # before the third token and before the fifth
    assert all((known.codes(known.motion(codes_SR).ids) == codes_SR).all() for known in words.values())


@pytest.mark.parametrize(
    ("words", "codes"), [("appended", "shared"), ("appended", "by_channel"), ("least_used", "shared")]
)
def test_codes_are_words_of_all_channels_or_of_each(words: str, codes: str, rvq: MotionTokenizer) -> None:
    base = causal()
    size = len(base.tokenizer)
    settings = SETTINGS.model_copy(update={"words": words, "codes": codes})
    model, known = started(base, rvq, settings, CAPTIONS)
    firsts = known.vocabulary.first_ids_R
    assert len(set(firsts)) == (1 if codes == "shared" else LAYERS)
    assert known.vocabulary.end - firsts[0] == CODES * (1 if codes == "shared" else LAYERS)
    assert model.get_input_embeddings().num_embeddings == (
        size if words == "least_used" else known.vocabulary.end
    )
    assert positions_of(model) == max(POSITIONS, settings.context)
    codes_SR = torch.randint(CODES, (5, LAYERS)).numpy()
    assert (known.codes(known.motion(codes_SR).ids) == codes_SR).all()
