"""A change of code makes stale what it can change, and nothing else: asked of DVC, in a copy."""

from contextlib import chdir

import pytest

from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE
from tests.workspace import REPOSITORY, copy_with_outputs

MEASURING = set(CATALOGUE.evaluations())
MEASURING_MOTIONS = MEASURING - {"evaluate_lexical"}
CAPTIONING = {"evaluate", "evaluate_motion_language"}
RETRIEVING = {"evaluate", "evaluate_lexical"}
CHANGES = {
    # what measures captions and what only uses a model trains nothing again
    "lamp_core/metrics/bleu.py": CAPTIONING,
    "lamp_core/metrics/bert_score.py": CAPTIONING,
    "lamp_core/metrics/fid.py": MEASURING_MOTIONS,
    "lamp_core/metrics/plausibility.py": MEASURING_MOTIONS,
    "lamp_core/evaluation/protocols/retrieval.py": RETRIEVING,
    # a new family makes stale what measures by all
    "lamp_core/evaluation/families/catalogue.py": {"evaluate"},
    "lamp_core/t2m/generator.py": {"evaluate"},
    "lamp_core/t2m/sampler.py": {"evaluate"},
    "lamp_core/inference/editing.py": set(),
    "lamp_core/inference/generate.py": set(),
    "lamp_core/inference/search.py": set(),
    "lamp_core/report/report.py": {"report"},
    "lamp_core/report/collect.py": {"report"},
    "lamp_core/evaluation/sample_rows.py": {"evaluate"},
    # what trains one model is no business of the others
    "lamp_core/t2m/training.py": {"t2m"},
    "lamp_core/t2m/length_estimator.py": {"length", "evaluate"},
    "lamp_core/t2m/length_training.py": {"length"},
    "lamp_core/tokenizers/training.py": {"tokenizer", "tokenizer_grid"},
    "lamp_core/lamp/training.py": {"pretrain"},
    "lamp_core/lexical/text_training.py": {"lexical_text"},
    "lamp_core/lexical/motion_training.py": {"lexical_motion"},
    "lamp_core/lexical/bridge_training.py": {"lexical_bridge"},
    "lamp_core/lexical/contrast_training.py": {"lexical_contrast", "lexical_direct", "lexical_dense"},
    "lamp_core/lexical/model.py": {
        *("lexical_bridge", "lexical_contrast", "lexical_direct", "lexical_dense", "lexical_index"),
        "evaluate_lexical",
    },
    "lamp_core/lexical/compare.py": {"evaluate_lexical"},
    "lamp_core/m2t/training.py": {"m2t"},
    "lamp_core/motion_language/training.py": {"alignment", "instruction"},
    "lamp_core/motion_language/assistant.py": {"evaluate_motion_language"},
    "lamp_core/motion_language/speaking.py": {"evaluate_motion_language", "evaluate_large_motion"},
    "lamp_core/large_motion/training.py": {"large_motion"},
    "lamp_core/large_motion/generator.py": {"evaluate_large_motion"},
    "lamp_core/m2t/language_model_training.py": {"language_model"},
    "lamp_core/evaluators/guo.py": {"evaluator", *MEASURING},
    "lamp_core/evaluators/guo_training.py": {"evaluator"},
    "lamp_core/training/loop.py": set(CATALOGUE.trained()),
    # a source's form is read once, and its error picks the tokenizer's weights
    "lamp_core/datasets/sources/amass.py": {"ingest"},
    "lamp_core/datasets/preprocessing/feature_extraction.py": {"features"},
    "lamp_core/features/decode.py": {"ingest", "tokenizer", "tokenizer_grid", *MEASURING_MOTIONS, "report"},
    # no input of any stage
    "lamp_core/config/models.py": set(),
    "lamp_core/errors.py": set(),
    "tasks/stage/process.py": set(),
    "tasks/stages/catalogue.py": set(),
    "tasks/stages/declaration.py": set(),
    "flows/cli.py": set(),
}
"""Stages that a change of each file makes stale by itself; those after them follow by their inputs."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project, each of whose stages wrote one small file."""
    root = tmp_path_factory.mktemp("staleness") / "project"
    return copy_with_outputs(root)


@pytest.fixture(scope="module")
def stale_by(project: Project) -> dict[str, set[str]]:
    """The stages that DVC finds stale by each changed file, all of them changed at once."""
    from dvc.repo import Repo

    with chdir(project.root), Repo() as repo:
        repo.commit(force=True)
        for file in CHANGES:
            with (project.root / file).open("a") as code:
                code.write("\n# changed\n")
        status = repo.status()
    found: dict[str, set[str]] = {file: set() for file in CHANGES}
    for name, changes in status.items():
        for change in changes:
            for file in change.get("changed deps", {}) if isinstance(change, dict) else ():
                found.setdefault(file, set()).add(name)
    return found


def test_every_file_that_is_changed_is_there() -> None:
    assert [file for file in CHANGES if not (REPOSITORY / file).is_file()] == []


@pytest.mark.parametrize("file", CHANGES)
def test_a_change_of_code_makes_stale_what_it_can_change(file: str, stale_by: dict[str, set[str]]) -> None:
    assert stale_by[file] == CHANGES[file]


def test_nothing_else_is_stale(stale_by: dict[str, set[str]]) -> None:
    assert set(stale_by) == set(CHANGES)
