"""The gallery: search, re-ranking, save and load."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F

from lamp_core.errors import LampError
from lamp_core.lamp.embeddings import similarity
from lamp_core.retrieval.captions import first_captions, random_captions
from lamp_core.retrieval.gallery import Gallery, rerank


def _gallery(count: int = 5) -> Gallery:
    names = [f"clip{i}" for i in range(count)]
    captions = [f"caption {i}" for i in range(count)]
    motion = F.normalize(torch.randn(count, 3, 8), dim=-1)
    return Gallery(names, captions, motion, motion[:, 1].clone(), "max")


def test_similarity_takes_the_best_query_or_the_mean() -> None:
    motion, text = F.normalize(torch.randn(600, 3, 8), dim=-1), F.normalize(torch.randn(4, 8), dim=-1)
    every = torch.stack([motion[:, q] @ text.T for q in range(3)])
    torch.testing.assert_close(similarity(motion, text, "max"), every.amax(0))
    torch.testing.assert_close(similarity(motion, text, "mean"), every.mean(0))


def test_a_text_finds_its_motion_and_a_motion_its_caption() -> None:
    gallery = _gallery()
    hit = gallery.motions_for(gallery.text_NP[3], top=2)[0]
    assert (hit.rank, hit.clip) == (1, "clip3") and hit.score == pytest.approx(1.0, abs=1e-5)
    assert gallery.captions_for(gallery.motion_NQP[2], top=1)[0].caption == "caption 2"
    assert len(gallery.motions_for(gallery.text_NP[0], top=99)) == 5
    assert torch.equal(gallery.similarity().argmax(1), torch.arange(5))


def test_save_and_load(tmp_path: Path) -> None:
    gallery = _gallery()
    gallery.save(tmp_path)
    loaded = Gallery.load(tmp_path)
    assert loaded.clips == gallery.clips and loaded.over_queries == "max"
    assert torch.equal(loaded.motion_NQP, gallery.motion_NQP)
    with pytest.raises(LampError, match="no gallery"):
        Gallery.load(tmp_path / "nowhere")


def test_a_gallery_whose_files_do_not_belong_together_is_refused(tmp_path: Path) -> None:
    _gallery().save(tmp_path)
    _gallery(4).save(tmp_path / "other")
    (tmp_path / "other" / "items.parquet").replace(tmp_path / "items.parquet")
    with pytest.raises(LampError, match="not whole"):
        Gallery.load(tmp_path)
    pq.write_table(pa.table({"clip": ["a"]}), tmp_path / "items.parquet")
    with pytest.raises(LampError, match="no field 'caption'"):
        Gallery.load(tmp_path)


class Matcher:
    """Says of a pair the number of its motion times that of its caption."""

    model = SimpleNamespace(scale=torch.tensor(10.0))

    def matching_scores(self, latents: list[torch.Tensor], captions: list[str]) -> torch.Tensor:
        return torch.tensor([float(each) * len(text) for each, text in zip(latents, captions, strict=True)])


def test_reranking_adds_the_matching_head_to_the_similarity_of_the_best_pairs() -> None:
    latents = [torch.tensor(-1.0), torch.tensor(2.0), torch.tensor(9.0), torch.tensor(0.0)]
    scores = (torch.ones(4, 4) + torch.eye(4)) / 2
    scores[0] = torch.tensor([0.9, 0.8, 0.1, 0.0])
    new = rerank(scores, Matcher(), latents, ["x", "xx", "xxx", "xxxx"], top=2)  # type: ignore[arg-type]
    assert new[0].argsort(descending=True).tolist() == [1, 0, 2, 3]  # 8 + 2, 9 - 1, and those that are not
    assert float(new[0, 1] - new[0, 0]) == pytest.approx(2.0)
    assert float(new[0, 2] - new[0, 3]) == pytest.approx(1.0)  # of 10 times the similarity


def test_the_best_texts_of_a_motion_are_reranked_as_the_best_motions_of_a_text() -> None:
    latents = [torch.tensor(0.0)] * 6
    scores = torch.rand(6, 6, generator=torch.Generator().manual_seed(0))
    new = rerank(scores, Matcher(), latents, ["x"] * 6, top=2)  # type: ignore[arg-type]
    for found, wanted in ((new, scores), (new.T, scores.T)):  # without a word of the matching head
        assert torch.equal(found.argmax(dim=1), wanted.argmax(dim=1))
        assert torch.equal(found.topk(2).indices, wanted.topk(2).indices)


def test_captions_of_the_gallery() -> None:
    texts = [["a", "b"], ["c"]]
    assert first_captions(texts) == ["a", "c"]
    assert random_captions(texts, 1) == random_captions(texts, 1)
    assert {random_captions(texts, seed)[0] for seed in range(20)} == {"a", "b"}
