"""The stages of the system `lexical`, one after the other in one process, on a few clips."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config import Config, override, profile_config
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.evaluation.results import read_results
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.indexes.dense_gallery import DenseGallery
from lamp_core.inference import indexed_files
from lamp_core.inference.dense import search_dense
from lamp_core.inference.search import search_text
from lamp_core.inference.words import explain
from lamp_core.lexical import word_search
from lamp_core.lexical.folder import load_lexical
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.lexicon import Lexicon
from lamp_core.lexical.words import Vocabulary
from lamp_core.remarks import Remark
from lamp_core.systems.lexical import MODELS
from tasks.stages.catalogue import CATALOGUE
from tests.small_project import make_features
from tests.stages_in_process import run_stage, run_stages

CLIPS = 60
PHASES = [name for name in CATALOGUE.trained() if CATALOGUE.systems_of(name) == ("lexical",)]


def config(*assignments: str) -> Config:
    # four steps teach no motion a word: it starts with all of them
    all_words = "lexical_contrast.start_words=0"
    few = ("evaluate.protocols=[full]", all_words, *(f"{phase}.training.steps=4" for phase in PHASES))
    return override(profile_config("smoke"), (*few, *assignments))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("lexical") / "data"
    (data / "sources").mkdir(parents=True)
    (data / "sources" / "procedural.yaml").write_text("name: procedural\nkind: procedural\n")
    make_features(data, "smpl22", CLIPS)
    return data


@pytest.fixture(scope="module")
def metrics(data: Path) -> dict[str, dict[str, float]]:
    """What every stage reports, run in the catalogue's order."""
    return run_stages((*PHASES, "lexical_index", "evaluate_lexical"), data, config())


def test_every_phase_measures_itself(metrics: dict[str, dict[str, float]]) -> None:
    assert {"val_loss", "val_content_accuracy", "val_lexical_entropy_before"} <= set(metrics["lexical_text"])
    assert {"val_reconstruction", "val_view_r1", "val_probe_verb_accuracy"} <= set(metrics["lexical_motion"])
    assert {"val_content_accuracy", "val_content_accuracy_of_another"} <= set(metrics["lexical_bridge"])
    for name in PHASES:
        ranking = CATALOGUE.ranking(name)
        assert ranking is not None
        assert ranking.metric in metrics[name]
    assert metrics["lexical_contrast"]["val_motion_terms"] > 0
    assert "val_motion_terms" not in metrics["lexical_dense"]


def test_all_three_models_are_in_the_common_store(metrics: dict[str, dict[str, float]], data: Path) -> None:
    rows = read_results(data / "evaluate" / "lexical" / RESULTS_FILE)
    names = {row.system for row in rows}
    assert names >= {"chance", "untrained", *(model.name for model in MODELS)}
    assert {row.protocol.partition(",")[0] for row in rows} == {"full"}
    assert all(row.measured for row in rows)


def test_each_model_searches_by_text_and_by_motion(metrics: dict[str, dict[str, float]], data: Path) -> None:
    for model in MODELS:
        hits = search_text(data, "a person walks forward", 3, model.name)
        assert [hit.rank for hit in hits] == [1, 2, 3]
    loaded = MODELS[0].load(data, torch.device("cpu"))
    frames = torch.zeros(40, 263).numpy()
    assert len(loaded.search_motion(frames, 2)) == 2


def test_a_phase_that_is_left_out_passes_on_what_it_got(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path
) -> None:
    for name in ("ingest", "features"):
        (tmp_path / name).symlink_to(data / name)
    skipping = config(*(f"lexical_{phase}.skip=true" for phase in ("text", "motion", "bridge")))
    for name in ("lexical_text", "lexical_motion", "lexical_bridge"):
        run_stage(name, tmp_path, skipping)
    started, _ = load_lexical(tmp_path / "lexical_bridge")
    trained, _ = load_lexical(data / "lexical_bridge")
    assert started.shape == trained.shape
    words = started.text.words_VH
    assert abs(float(words.std()) - 0.02) < 0.002  # as they start
    assert not torch.equal(words, trained.text.words_VH)


def test_the_test_split_is_searched_by_words(metrics: dict[str, dict[str, float]], data: Path) -> None:
    measured = metrics["lexical_index"]
    assert measured["items"] == len(LexicalIndex.load(data / "lexical_index"))
    full = max(int(name.split("_")[1].split("/")[0]) for name in measured if name.endswith("query_ms"))
    for way in ("text_to_motion", "motion_to_text"):
        assert 0 <= measured[f"terms_{full}/{way}_r1"] <= measured[f"terms_{full}/{way}_r10"] <= 100
    by_text = word_search.search_words(data, "a person walks forward", 3)
    assert [hit.rank for hit in by_text] == [1, 2, 3]
    for hit in by_text:
        assert sum(word.weight for word in hit.words) <= 1 + 1e-5
    assert word_search.search_keywords(data, "walk", 2)
    with pytest.warns(Remark, match="does not know 1 of the prompt's 3 words: qqq"):
        word_search.search_words(data, "person walks qqq", 3)
    with pytest.raises(LampError, match="only words that say nothing of a motion"):
        word_search.search_words(data, "the person is", 3)
    with pytest.raises(LampError, match="no word of 'qqq zzz' is known"):
        word_search.search_words(data, "qqq zzz", 3)
    with pytest.raises(LampError, match="the text is empty"):
        word_search.search_words(data, " ... ", 3)


def test_any_folder_of_motions_is_indexed(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path
) -> None:
    features = FeatureSet.load(data / "features")
    motions, folder = tmp_path / "motions", tmp_path / "index"
    (motions / "more").mkdir(parents=True)
    names = ["a.npy", "b.npy", "more/c.npy"]
    for name, motion_TD in zip(names, features.features, strict=False):
        np.save(motions / name, motion_TD)
    np.save(motions / "short.npy", features.features[0][:2])
    with pytest.warns(Remark, match=r"left out: .*short\.npy has 2 feature frames"):
        made = indexed_files.build_index(data, motions, folder, 32)
    assert list(made.places) == names
    assert made.model == LexicalIndex.load(data / "lexical_index").model
    extra = tmp_path / "extra.npy"
    np.save(extra, features.features[5])
    told: list[tuple[int, int, str]] = []
    indexed_files.add_to_index(data, folder, [extra, extra], on_progress=lambda *far: told.append(far))
    assert told == [(1, 1, "")]
    indexed_files.remove_from_index(data, folder, ["b.npy"])
    assert list(LexicalIndex.load(folder).places) == ["a.npy", "more/c.npy", str(extra)]
    with pytest.raises(LampError, match=r"already, as 'a.npy'; `lamp index remove` takes it out first"):
        indexed_files.add_to_index(data, folder, [motions / "more" / ".." / "a.npy"])
    (hit, *_) = word_search.search_like(data, extra, 3, folder)
    assert hit.name == str(extra)
    words = explain(data, extra, 5)
    assert 0 < len(words) <= 5
    assert words == sorted(words, key=lambda word: -word.weight)
    with LexicalIndex.changing(folder) as older:
        assert older.model
        older.model = "of another training"
    with pytest.raises(LampError, match="is of another training of the model; `lamp index build`"):
        word_search.search_like(data, extra, 3, folder)
    with pytest.raises(LampError, match="is of another training of the model; `lamp index build`"):
        indexed_files.add_to_index(data, folder, [motions / "b.npy"])
    assert word_search.search_keywords(data, "walk", 1, folder)
    other = LexicalIndex(Vocabulary(("[CLS]", "walk")), {})
    other.save(tmp_path / "other")
    with pytest.raises(LampError, match="has another vocabulary than the model; `lamp index build`"):
        word_search.search_words(data, "a person walks", 3, tmp_path / "other")


def test_a_dense_index_is_built_changed_and_searched_by_the_model_that_is_asked_for(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path
) -> None:
    features = FeatureSet.load(data / "features")
    motions, folder, extra = tmp_path / "motions", tmp_path / "index", tmp_path / "extra.npy"
    motions.mkdir()
    for name, motion_TD in zip(("a.npy", "b.npy"), features.features, strict=False):
        np.save(motions / name, motion_TD)
    np.save(extra, features.features[5])
    built = indexed_files.build_index(data, motions, folder, 32, dense=True, model="Dense baseline")
    assert "by Dense baseline" in built.described()
    indexed_files.add_to_index(data, folder, [extra])
    indexed_files.remove_from_index(data, folder, ["a.npy"])
    hits = search_dense(data, "a person walks forward", 3, folder)
    compared = next(model for model in MODELS if model.name == "Dense baseline").load(
        data, torch.device("cpu")
    )
    normalise = features.statistics.normalise
    two = [np.asarray(normalise(features.features[place]), dtype=np.float32) for place in (1, 5)]
    scores = compared.scores(["a person walks forward"], two)[0]
    expected = dict(zip(("b.npy", str(extra)), scores.tolist(), strict=True))
    assert {hit.clip: hit.score for hit in hits} == pytest.approx(expected, abs=1e-5)
    assert hits[0].score >= hits[1].score
    with pytest.raises(LampError, match="has an index of the other kind; name another folder"):
        indexed_files.build_index(data, motions, folder, 32)
    with pytest.raises(LampError, match="no trained model 'nobody' can similarity"):
        indexed_files.build_index(data, motions, tmp_path / "new", 32, dense=True, model="nobody")
    with DenseGallery.changing(folder) as older:
        older.weights = "of another training"
    for asked in (
        partial(search_dense, data, "walk", 3, folder),
        partial(indexed_files.add_to_index, data, folder, [extra]),
    ):
        with pytest.raises(
            LampError, match="of another training of Dense baseline; `lamp index build --dense`"
        ):
            asked()


def test_names_are_looked_at_before_a_file_is_read(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    shutil.copytree(data / "lexical_index", own)
    (known, *_) = LexicalIndex.load(own).places
    with pytest.raises(LampError, match=f"the index has '{known}' already"):
        indexed_files.add_to_index(data, own, [tmp_path / "not-there.npy", Path(known)])


def test_files_are_embedded_a_few_at_a_time(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = FeatureSet.load(data / "features")
    (tmp_path / "motions").mkdir()
    for place in range(5):
        np.save(tmp_path / "motions" / f"{place}.npy", features.features[place])
    monkeypatch.setattr(indexed_files, "BATCH_FILES", 2)
    asked, told = [], []
    embed = Lexicon.embed

    def counted(lexicon: Lexicon, motions: Sequence[np.ndarray]) -> np.ndarray:
        asked.append(len(motions))
        return embed(lexicon, motions)

    monkeypatch.setattr(Lexicon, "embed", counted)
    indexed_files.build_index(
        data, tmp_path / "motions", tmp_path / "index", 8, on_progress=lambda *far: told.append(far)
    )
    assert asked == [2, 2, 1]
    assert told == [(2, 5, ""), (4, 5, ""), (5, 5, "")]
    assert len(LexicalIndex.load(tmp_path / "index")) == 5


def test_searches_read_an_index_once_until_it_changes(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data / "lexical_index", tmp_path / "own")
    reads = []
    load = LexicalIndex.load

    def counted(folder: Path) -> LexicalIndex:
        reads.append(folder)
        return load(folder)

    monkeypatch.setattr(LexicalIndex, "load", counted)
    for _ in range(2):
        before = word_search.search_keywords(data, "walk", 1000, tmp_path / "own")
        word_search.search_words(data, "a person walks", 3, tmp_path / "own")
    assert len(reads) == 1
    indexed_files.remove_from_index(data, tmp_path / "own", [before[0].name])
    after = word_search.search_keywords(data, "walk", 1000, tmp_path / "own")
    assert [hit.name for hit in after] == [hit.name for hit in before[1:]]


def test_a_motion_is_explained_without_reading_all_features(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "walk.npy", FeatureSet.load(data / "features").features[0])

    def refuse(folder: Path) -> FeatureSet:
        raise AssertionError(folder)

    monkeypatch.setattr(FeatureSet, "load", refuse)
    assert explain(data, tmp_path / "walk.npy", 5)
