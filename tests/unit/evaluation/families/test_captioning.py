"""Captions of LaMP-M2T, and those that it has to beat."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config import override
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import MOST_FREQUENT, NEAREST
from lamp_core.evaluation.families.captioning import captions_of, most_frequent_caption, nearest_captions
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.families.family import measure
from lamp_core.evaluation.protocols.common import TestItems
from lamp_core.evaluation.trained import Trained
from lamp_core.report.metric_tables import MetricTable
from lamp_core.report.result_tables import result_tables
from lamp_core.retrieval.feat import load_feat
from tests.unit.evaluation.conftest import FakeCaptioner


def test_the_most_frequent_caption_does_not_depend_on_the_order() -> None:
    captions = ["b", "a", "c", "a", "b", " "]
    assert most_frequent_caption(captions) == most_frequent_caption(captions[::-1]) == "a"
    with pytest.raises(LampError, match="the train split has no captions"):
        most_frequent_caption(["", " "])


def test_the_nearest_caption_is_that_of_the_greatest_similarity(trained: Trained) -> None:
    test = TestItems.of(trained.items[:5], trained.features.statistics)
    chosen = nearest_captions(trained, test)
    captions = sorted(set(trained.training_captions))
    feat = load_feat(trained.data, trained.device)
    texts_CP = feat.features.text_embeddings(captions)
    latents = [feat.tokenizer.latents(torch.from_numpy(motion)[None])[0] for motion in test.motions]
    motion_NQP = feat.features.motion_embeddings([each.detach() for each in latents])
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


def test_lamp_m2t_stands_in_one_table_with_both_baselines(
    trained: Trained, captioner: FakeCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = captioning_table(trained, monkeypatch)
    assert [(row.system, row.baseline) for row in table.rows] == [
        ("ground truth", True),
        (MOST_FREQUENT, True),
        (NEAREST, True),
        ("LaMP-M2T", False),
    ]
    assert [(column.name, column.direction) for column in table.columns] == [
        *((f"R-Precision top {k}", "higher") for k in (1, 2, 3)),
        ("MM-Dist", "lower"),
        ("Length", "neither"),
        *((f"BLEU-{n}", "higher") for n in (1, 2, 3, 4)),
        ("ROUGE-L", "higher"),
        ("CIDEr", "higher"),
        ("BERTScore", "higher"),
        ("novel", "neither"),
    ]
    assert any("BERTScore needs the packaged model" in remark for remark in table.remarks)
    assert captioner.asked == len(trained.items)


def test_before_the_stage_m2t_the_table_says_what_is_missing(
    trained: Trained, no_captioner: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = captioning_table(trained, monkeypatch)
    assert [row.system for row in table.rows] == ["ground truth", MOST_FREQUENT, NEAREST]
    assert any("LaMP-M2T left out: the stage m2t has not run" in remark for remark in table.remarks)


def captioning_table(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> MetricTable:
    monkeypatch.setattr("lamp_core.evaluation.families.captioning.has_minilm", lambda: False)
    config = override(trained.config, ["evaluate.protocols=[captioning]"])
    families = measure(replace(trained, config=config), FAMILIES)
    assert list(families) == ["captioning"]
    table, *_ = result_tables(families["captioning"])
    assert table.title == "Captioning"
    return table


def test_the_same_motions_are_captioned_once_also_by_the_next_evaluation(
    trained: Trained, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    kept = replace(trained, cache_folder=tmp_path)
    motions = TestItems.of(trained.items[:6], trained.features.statistics).motions
    first = captions_of(kept, "LaMP-M2T", motions)
    assert captions_of(kept, "LaMP-M2T", motions) == captions_of(replace(kept), "LaMP-M2T", motions) == first
    assert captioner.asked == 6
    assert captions_of(kept, "LaMP-M2T", motions[::-1]) == first[::-1]
    assert captioner.asked == 12


def test_another_model_says_it_anew(trained: Trained, captioner: FakeCaptioner, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for stage in ("tokenizer", "pretrain"):
        (data / stage).parent.mkdir(exist_ok=True)
        (data / stage).symlink_to(trained.data / stage)
    (data / "m2t" / "adapter").mkdir(parents=True)
    weights = data / "m2t" / "adapter" / "weights"
    motions = TestItems.of(trained.items[:2], trained.features.statistics).motions
    for asked, content in ((2, "a"), (4, "b"), (4, "a")):
        weights.write_text(content)
        captions_of(replace(trained, data=data, cache_folder=tmp_path / "cache"), "LaMP-M2T", motions)
        assert captioner.asked == asked


def test_a_motion_that_cannot_be_captioned_has_an_empty_caption(
    trained: Trained, captioner: FakeCaptioner
) -> None:
    motions = TestItems.of(trained.items[:3], trained.features.statistics).motions
    broken = np.full_like(motions[0], np.nan)
    captions = captions_of(trained, "LaMP-M2T", [broken, motions[1], motions[2][:3]])
    assert [bool(caption) for caption in captions] == [False, True, False]
    assert captions_of(trained, "LaMP-M2T", [broken]) == [""]
