"""The report of a small project: it shows what is there, whichever systems were run."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation import word_samples as samples
from lamp_core.evaluation.results import Origin, Result, write_results
from lamp_core.evaluation.samples import GENERATED
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.io.parquet import write_table
from lamp_core.report import collect
from lamp_core.retrieval.gallery import Gallery
from tasks.stage.process import StageContext
from tasks.stages import report
from tests.small_project import make_small_project, small_config


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder of a project whose models are there and that nobody has measured."""
    data = tmp_path_factory.mktemp("report") / "data"
    data.mkdir()
    make_small_project(data)
    return data


def page(data: Path, output: Path) -> str:
    output.mkdir()
    context = StageContext(
        *("report", small_config(), data, output, output / "checkpoints", torch.device("cpu")),
        on_log=lambda step, scalars: None,
        on_progress=lambda done, total, text: None,
    )
    assert report.run(context)["kilobytes"] > 1
    return (output / "report.html").read_text()


def measured(data: Path, system: str, model: str) -> None:
    result = Result(
        model, "FID", 2.0, 0.0, "text to motion, 4 candidates, random caption, true length", "guo-own", 3, 9
    )
    folder = data / "evaluate" / system
    folder.mkdir(parents=True)
    origin = Origin("procedural", FeatureSet.load(data / "features").version, "run")
    write_results(folder / RESULTS_FILE, [result], origin)


def test_one_table_has_the_models_of_all_measured_systems(data: Path, tmp_path: Path) -> None:
    measured(data, "lamp", "LaMP-T2M")
    measured(data, "other", "Another-T2M")
    shown = page(data, tmp_path / "both")
    assert "LaMP-T2M" in shown
    assert "Another-T2M" in shown


def test_what_was_made_of_other_data_is_not_shown(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "data"
    shutil.copytree(data, other, symlinks=True)
    folder = other / "evaluate" / "old"
    folder.mkdir(parents=True)
    result = Result("Old-T2M", "FID", 2.0, 0.0, "text to motion, 4 candidates", "guo-own", 3, 9)
    write_results(folder / RESULTS_FILE, [result], Origin("procedural", "another version", "run"))
    frames, columns = 4, FeatureSet.load(data / "features").skeleton.feature_count
    made = {"clip": "gone", "start": 0, "caption": "an old caption", "system": "Old-T2M", "frames": frames}
    rows = [made | {"features": [0.0] * frames * columns}]
    pq.write_table(pa.Table.from_pylist(rows, schema=GENERATED), folder / "generated.parquet")
    gallery = Gallery(["gone"], ["an old caption"], torch.eye(4)[None, :1], torch.eye(4)[:1], "max")
    (other / "retrieval").mkdir(exist_ok=True)
    gallery.save(other / "retrieval")
    np.save(other / "retrieval" / "similarity.npy", np.ones((1, 1), dtype=np.float32))
    assert "an old caption" not in page(other, tmp_path / "page")


def test_a_project_without_gallery_and_results_has_a_page_too(data: Path, tmp_path: Path) -> None:
    few = tmp_path / "data"
    for name in ("ingest", "features"):
        shutil.copytree(data / name, few / name)
    (few / "retrieval").mkdir()  # an empty folder, as before a stage that the report shows has run
    assert "procedural" in page(few, tmp_path / "few")


@pytest.mark.parametrize("known", [1, 4])
def test_recall_by_words_is_shown_as_it_was_measured(known: int, data: Path, tmp_path: Path) -> None:
    recalls = ["text_to_motion_r10", "text_to_motion_r1", "motion_to_text_r1", "motion_to_text_r10"][:known]
    fields = [field for field in samples.SPARSITY if field.name in {"terms", "query_ms", *recalls}]
    row = {"terms": 4, "query_ms": 0.1, **dict.fromkeys(recalls, 52.5)}
    write_table(tmp_path / samples.SPARSITY_FILE, [row], pa.schema(fields))
    write_table(tmp_path / samples.WORDS_FILE, [], samples.WORDS)
    write_table(tmp_path / samples.KEYWORDS_FILE, [], samples.KEYWORDS)
    features = FeatureSet.load(data / "features")
    shown = collect.words(collect.Written(features, data / "ingest", data / "evaluate", [tmp_path]))
    assert shown is not None
    assert {name: list(curve.values) for name, curve in shown.recall.items()} == {
        label: [52.5] for name, label in samples.RECALLS.items() if name in recalls
    }
