import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lamp_core.datasets.captions import Caption
from lamp_core.errors import LampError
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.guo_published import (
    LABEL,
    LABEL_WITHOUT_STATISTICS,
    load_published,
    read_plain_pickle,
)
from lamp_core.features.statistics import FeatureStatistics
from tests.unit.evaluators.published import HIDDEN, TAGS, WORDS, make_networks, make_vectors, write

WIDTH = 23
DRAWS = np.random.default_rng(0)
DATA = FeatureStatistics(
    DRAWS.normal(size=WIDTH).astype(np.float32), DRAWS.uniform(0.5, 2.0, WIDTH).astype(np.float32)
)
# The published statistics share the mean and divide the deviations of root and contacts again.
OWN = FeatureStatistics(
    DATA.mean_D + 0.1, np.where(np.arange(WIDTH) < 4, DATA.std_D / 5, DATA.std_D).astype(np.float32)
)


@pytest.fixture(scope="module")
def networks():
    return make_networks(WIDTH)


@pytest.fixture(scope="module")
def vectors():
    return make_vectors()


def caption(*tagged):
    words, tags = zip(*(token.split("/") for token in tagged), strict=True) if tagged else ((), ())
    return Caption(" ".join(words) or "-", words, tags, 0.0, 0.0)


def reference_motion(networks, features_TD):
    """As the published code: cut to movements, own normalisation, zeros up to 196 frames, one GRU."""
    frames = len(features_TD) // 4 * 4
    padded = np.zeros((196, WIDTH), dtype=np.float32)
    padded[:frames] = (features_TD[:frames] - OWN.mean_D) / OWN.std_D
    movements = networks["movement_encoder"](torch.from_numpy(padded)[:, :-4])
    return networks["motion_encoder"](movements[: frames // 4]).detach().numpy()


def reference_text(networks, vector_of, tokens):
    tokens = ["sos/OTHER", *tokens[:20], "eos/OTHER"]
    order = ["VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV", "Loc_VIP", "Body_VIP"]
    order += ["Obj_VIP", "Act_VIP", "Desc_VIP", "OTHER"]
    rows = []
    for token in tokens:
        word, tag = token.split("/")
        tag = {"walk": "Act_VIP", "slowly": "Desc_VIP"}.get(word, tag)
        if word not in vector_of:
            word, tag = "unk", "OTHER"
        one_hot = F.one_hot(torch.tensor(order.index(tag if tag in order else "OTHER")), TAGS).float()
        rows.append(torch.from_numpy(vector_of[word]).float() + networks["text_encoder"].pos_emb(one_hot))
    return networks["text_encoder"](torch.stack(rows)).detach().numpy()


def motions():
    draws = np.random.default_rng(2)
    return [draws.normal(size=(frames, WIDTH)).astype(np.float32) * 2 for frames in (40, 196, 199, 61, 4)]


@pytest.mark.parametrize("legacy", [False, True])
def test_embeddings_are_those_of_a_plain_computation(legacy, networks, vectors, tmp_path):
    vector_of = write(tmp_path, networks, vectors, OWN, legacy=legacy)
    evaluator = load_published(tmp_path, WIDTH).reading(DATA)
    assert evaluator.label == LABEL == "guo"
    raw = motions()
    found = evaluator.embed_motions([DATA.normalise(motion) for motion in raw])
    expected = [reference_motion(networks, motion) for motion in raw]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    long = ["the/DET", "man/NOUN"] * 12
    texts = [["the/DET", "man/NOUN", "walk/VERB", "slowly/ADV"], ["zebra/NOUN", "man/XYZ"], long, []]
    found = evaluator.embed_texts([caption(*tokens) for tokens in texts])
    np.testing.assert_allclose(
        found, [reference_text(networks, vector_of, tokens) for tokens in texts], atol=2e-5
    )


def test_saved_and_loaded_it_is_the_same_evaluator(networks, vectors, tmp_path):
    write(tmp_path / "published", networks, vectors, OWN)
    published = load_published(tmp_path / "published", WIDTH).reading(DATA)
    published.save(tmp_path / "evaluator")
    loaded = GuoEvaluator.load(tmp_path / "evaluator")
    with pytest.raises(LampError, match="statistics of its own"):
        loaded.embed_motions(motions())
    assert loaded.reading(DATA).label == "guo"
    np.testing.assert_array_equal(loaded.embed_motions(motions()), published.embed_motions(motions()))
    with pytest.raises(LampError, match="motion 0 of 1 has 200 frames"):
        loaded.embed_motions([np.zeros((200, WIDTH))])


def test_without_statistics_the_motions_are_read_as_they_are_and_the_label_says_so(
    networks, vectors, tmp_path
):
    write(tmp_path, networks, vectors)
    evaluator = load_published(tmp_path, WIDTH).reading(DATA)
    assert evaluator.label == LABEL_WITHOUT_STATISTICS
    raw = motions()
    found = evaluator.embed_motions([OWN.normalise(motion) for motion in raw])
    np.testing.assert_allclose(found, [reference_motion(networks, motion) for motion in raw], atol=2e-5)


def test_other_motions_in_the_batch_change_nothing(networks, vectors, tmp_path):
    write(tmp_path, networks, vectors, OWN)
    evaluator = load_published(tmp_path, WIDTH).reading(DATA)
    together = evaluator.embed_motions(motions())
    for motion, embedding in zip(motions(), together, strict=True):
        np.testing.assert_allclose(evaluator.embed_motions([motion])[0], embedding, atol=1e-5)


class Evil:
    def __reduce__(self):
        return (print, ("this code ran",))


def test_no_pickle_runs_code(networks, vectors, tmp_path, capsys):
    write(tmp_path, networks, vectors, OWN)
    (tmp_path / "glove" / "our_vab_words.pkl").write_bytes(pickle.dumps([Evil()]))
    with pytest.raises(LampError, match=r"names builtins\.print"):
        load_published(tmp_path, WIDTH)
    torch.save({"text_encoder": Evil()}, next(tmp_path.rglob("finest.tar")))
    with pytest.raises(LampError, match="cannot be read as weights"):
        load_published(tmp_path, WIDTH)
    assert "this code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps(WORDS)[:-4], pickle.dumps(np.float64(1))])
def test_a_damaged_or_foreign_pickle_is_named(content, tmp_path):
    path = tmp_path / "our_vab_words.pkl"
    path.write_bytes(content)
    with pytest.raises(LampError, match=r"our_vab_words\.pkl cannot be read"):
        read_plain_pickle(path)


def test_what_is_missing_ambiguous_or_of_another_skeleton_is_named(networks, vectors, tmp_path):
    with pytest.raises(LampError, match="there is no folder"):
        load_published(tmp_path / "nowhere", WIDTH)
    write(tmp_path, networks, vectors, OWN)
    with pytest.raises(
        LampError, match="reads 19 numbers a frame and 15 parts of speech, of this data set it would read 259"
    ):
        load_published(tmp_path, 263)
    copy = tmp_path / "kit" / "text_mot_match" / "finest.tar"
    copy.parent.mkdir(parents=True)
    checkpoint = next(tmp_path.rglob("finest.tar"))
    copy.write_bytes(checkpoint.read_bytes())
    with pytest.raises(LampError, match=r"finest.tar several times .*kit/text_mot_match.*keep one"):
        load_published(tmp_path, WIDTH)
    copy.unlink()
    (tmp_path / "glove" / "our_vab_idx.pkl").write_bytes(pickle.dumps({"walk": 0}))
    with pytest.raises(LampError, match="do not fit each other"):
        load_published(tmp_path, WIDTH)
    (tmp_path / "glove" / "our_vab_idx.pkl").unlink()
    with pytest.raises(LampError, match=r"no our_vab_idx.pkl in"):
        load_published(tmp_path, WIDTH)


def test_another_network_is_named(networks, vectors, tmp_path):
    write(tmp_path, networks, vectors, OWN)
    checkpoint = next(tmp_path.rglob("finest.tar"))
    content = torch.load(checkpoint, weights_only=True)
    content["motion_encoder"]["output_net.0.weight"] = torch.zeros(HIDDEN, 3)
    torch.save(content, checkpoint)
    with pytest.raises(LampError, match=r"is not the published network: .*motion.output.0.weight"):
        load_published(tmp_path, WIDTH)
    del content["motion_encoder"]
    torch.save(content, checkpoint)
    with pytest.raises(LampError, match="has no entries"):
        load_published(tmp_path, WIDTH)
    broken = next(tmp_path.rglob("std.npy"))
    torch.save({name: network.state_dict() for name, network in networks.items()}, checkpoint)
    np.save(broken, np.zeros(WIDTH))
    with pytest.raises(LampError, match="23 finite means and positive deviations"):
        load_published(tmp_path, WIDTH)
