"""Who tags captions without tags, and that the record says so."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lamp_core.datasets.captions import BUILT_IN, FROM_FILE
from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata
from lamp_core.datasets.preprocessing import taggers
from lamp_core.datasets.preprocessing.caption_files import parse_caption_line
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.preprocessing.taggers import retagger
from lamp_core.datasets.preprocessing.tagging import tag_caption
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton
from tests.unit.datasets.conftest import WrittenSource

TOKENS = [("Two", "NUM", "two"), ("steps", "NOUN", "step"), ("left", "VERB", "leave"), (".", "PUNCT", ".")]


class Model:
    """Stands in for spaCy's pipeline: tokens with text, part of speech and lemma."""

    meta = {"version": "3.8.0"}  # noqa: RUF012

    def __call__(self, text: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(text=word, pos_=tag, lemma_=lemma) for word, tag, lemma in TOKENS]


@pytest.fixture
def spacy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taggers, "_spacy_model", Model)


@pytest.fixture
def no_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taggers, "_spacy_model", lambda: None)


@pytest.mark.usefixtures("spacy_model")
@pytest.mark.parametrize("tagger", ["auto", "spacy"])
def test_spacy_tags_what_came_without_tags(tagger: str) -> None:
    caption = retagger(tagger)(tag_caption("Two steps left."))
    assert caption.words == ("two", "step", "left")
    assert caption.tags == ("NUM", "NOUN", "VERB")
    assert caption.tags_by == "spacy en_core_web_sm 3.8.0"


@pytest.mark.usefixtures("spacy_model")
def test_tags_of_the_file_are_kept() -> None:
    caption = parse_caption_line("walks#walk/VERB#0#0")
    assert caption is not None and caption.tags_by == FROM_FILE
    assert retagger("auto")(caption) is caption
    built_in = tag_caption("walks")
    assert retagger(BUILT_IN)(built_in) is built_in


@pytest.mark.usefixtures("no_spacy")
def test_without_spacy_the_built_in_tagger_stays_and_asking_for_it_is_an_error() -> None:
    built_in = tag_caption("walks")
    assert retagger("auto")(built_in) is built_in and built_in.tags_by == BUILT_IN
    with pytest.raises(LampError, match=r"en_core_web_sm.*built-in"):
        retagger("spacy")


def test_the_record_counts_who_tagged(bvh_source: WrittenSource, smpl22: Skeleton, tmp_path: Path) -> None:
    ingest(bvh_source.source, smpl22, tmp_path / "bvh", workers=1)
    assert read_clip_metadata(tmp_path / "bvh" / CLIPS_FILE).tags_by == {"file": 12}
    procedural = KINDS["procedural"].complete(Source(name="procedural", kind="procedural"))
    ingest(procedural, smpl22, tmp_path / "made", procedural=(3, 0), workers=1, tagger="auto")
    assert set(read_clip_metadata(tmp_path / "made" / CLIPS_FILE).tags_by) == {"generator"}


@pytest.fixture
def pipeline_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """A function that saves a pipeline of the real spaCy, its tags from rules, in the place of the model."""
    spacy = pytest.importorskip("spacy", reason="spaCy (the extra spacy) is not installed")

    def save(with_tags: bool) -> None:
        pipeline = spacy.blank("en", meta={"version": "1.2"})
        ruler = pipeline.add_pipe("attribute_ruler")
        for word, tag, base in [("walks", "VERB", "walk"), ("left", "VERB", "leave"), ("steps", "NOUN", "")]:
            attributes = {"POS": tag, "LEMMA": base} if with_tags else {"LEMMA": base}
            ruler.add([[{"LOWER": word}]], attributes)
        if with_tags:
            ruler.add([[{"LOWER": {"IN": ["a", "person", "two"]}}]], {"POS": "DET"})
        pipeline.to_disk(tmp_path / "model")

    monkeypatch.setattr(taggers, "SPACY_MODEL", str(tmp_path / "model"))
    taggers._spacy_model.cache_clear()
    yield save
    taggers._spacy_model.cache_clear()


def test_a_pipeline_of_the_real_spacy_tags(pipeline_on_disk: Callable[[bool], None], tmp_path: Path) -> None:
    pipeline_on_disk(True)
    caption = retagger("auto")(tag_caption("A person WALKS two steps left."))
    assert caption.words == ("a", "person", "walk", "two", "steps", "left")
    assert caption.tags == ("DET", "DET", "VERB", "DET", "NOUN", "VERB")
    assert caption.tags_by == f"spacy {tmp_path / 'model'} 1.2"


def test_a_pipeline_without_a_tagger_leaves_the_built_in_tags(
    pipeline_on_disk: Callable[[bool], None],
) -> None:
    pipeline_on_disk(False)
    built_in = tag_caption("a person walks")
    assert retagger("auto")(built_in) is built_in


@pytest.mark.skipif(
    importlib.util.find_spec("en_core_web_sm") is None, reason="spaCy's English model is not installed"
)
def test_the_real_model_tags() -> None:
    caption = retagger("spacy")(tag_caption("a person walks forward."))
    assert caption.words == ("a", "person", "walk", "forward")
