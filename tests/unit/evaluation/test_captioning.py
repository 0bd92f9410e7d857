"""The captions that a captioner has to beat."""

from dataclasses import replace

import pytest
import torch

from lamp_core.config import override
from lamp_core.errors import LampError
from lamp_core.evaluation import Trained, measure
from lamp_core.evaluation.captioning import MOST_FREQUENT, NEAREST, most_frequent_caption, nearest_captions
from lamp_core.metrics.protocol import TestItems
from lamp_core.render.result_tables import result_tables


def test_the_most_frequent_caption_does_not_depend_on_the_order() -> None:
    captions = ["b", "a", "c", "a", "b", " "]
    assert most_frequent_caption(captions) == most_frequent_caption(captions[::-1]) == "a"
    with pytest.raises(LampError, match="the train split has no captions"):
        most_frequent_caption(["", " "])


def test_the_nearest_caption_is_that_of_the_greatest_similarity(trained: Trained) -> None:
    test = TestItems.of(trained.items[:5], trained.features.statistics)
    chosen = nearest_captions(trained, test)
    captions = sorted(set(trained.training_captions))
    texts_CP = trained.lamp.text_embeddings(captions)
    latents = [trained.tokenizer.latents(torch.from_numpy(motion)[None])[0] for motion in test.motions]
    motion_NQP = trained.lamp.motion_embeddings([each.detach() for each in latents])
    for caption, motion_QP in zip(chosen, motion_NQP, strict=True):
        scores_C = (texts_CP @ motion_QP.T).amax(dim=1)
        assert float(scores_C[captions.index(caption)]) == pytest.approx(float(scores_C.max()), abs=1e-5)


def test_training_captions_are_of_the_data_that_the_models_saw(trained: Trained) -> None:
    features = trained.features
    expected = [caption.text for place in features.of_split("train") for caption in features.captions[place]]
    assert trained.training_captions == expected
    empty = replace(features, splits=["test"] * len(features.clips))
    elsewhere = replace(trained, features=empty, own_data=False)
    assert elsewhere.training_captions == expected


def test_both_baselines_make_one_table(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamp_core.evaluation.captioning.has_minilm", lambda: False)
    config = override(trained.config, ["evaluate.protocols=[captioning]"])
    families = measure(replace(trained, config=config))
    assert list(families) == ["captioning"]
    (table,) = result_tables(families["captioning"])
    assert table.title == "Captioning"
    assert [(row.system, row.baseline) for row in table.rows] == [
        ("ground truth", True),
        (MOST_FREQUENT, True),
        (NEAREST, False),
    ]
    assert [(column.metric, column.direction) for column in table.columns] == [
        *((f"R-Precision top {k}", "higher") for k in (1, 2, 3)),
        ("MM-Dist", "lower"),
        ("Length", "neither"),
        *((f"BLEU-{n}", "higher") for n in (1, 2, 3, 4)),
        ("ROUGE-L", "higher"),
        ("CIDEr", "higher"),
        ("BERTScore", "higher"),
    ]
    assert any("BERTScore needs the packaged model" in remark for remark in table.remarks)
