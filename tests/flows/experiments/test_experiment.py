"""Experiments on a toy project: rows share what they can, go on after an interruption, and leave no trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.commands.experiment import find_experiment
from flows.experiments.experiment import run_experiment
from lamp_core.config.experiment import Experiment, load_experiment
from lamp_core.errors import LampError
from lamp_core.report.experiment_results import ExperimentResults
from lamp_core.report.experiments import experiment_tables
from tasks.mlflow.tracking import Tracking
from tests.toy import REPOSITORY, Toy

# The toy's stages, but `evaluate` measures a parameter of `features`, and `pretrain` is there.
MEASURING_STAGE = """\
import json, os, sys, yaml
name = sys.argv[1]
with open(os.environ["TOY_FOLDER"] + "/ran.txt", "a") as ran:
    ran.write(name + "\\n")
with open("params.yaml") as params:
    values = yaml.safe_load(params)
divisor = values["features"]["std_root_divisor"]
if name == "features" and divisor == 13:
    sys.exit("the toy is broken")
folder = {"evaluate": "evaluate/lamp"}.get(name, name)
os.makedirs(f"data/{folder}", exist_ok=True)
os.makedirs("data/metrics", exist_ok=True)
made = {
    "ingest": values["ingest"]["data"],
    "features": divisor,
    "pretrain": values["pretrain"]["pretrained_hash"] or values["ingest"]["data"],
}
with open(f"data/{folder}/out", "w") as out:
    out.write(str(made.get(name, name)))
if name == "evaluate":
    from pathlib import Path
    from lamp_core.evaluation.results import Origin, Result, write_results
    value = divisor + values["t2m"]["training"]["seed"]
    result = Result("LaMP-T2M", "FID", value, 0.5, "text to motion, 32 candidates", "guo-own", 20, 7)
    write_results(Path("data/evaluate/lamp/results.parquet"), [result], Origin("procedural", "v1", "run"))
with open(f"data/metrics/{name}.json", "w") as metrics:
    json.dump({"score": divisor}, metrics)
"""
PUBLISHED = {"source": "a paper", "data": "HumanML3D", "evaluator": "guo"}


def set_divisor(value: float) -> dict[str, object]:
    return {"label": f"divisor {value}", "set": {"features.std_root_divisor": value}}


def make(*rows: dict[str, object], **values: object) -> Experiment:
    return Experiment.model_validate({"name": "trial", "title": "A trial", "rows": rows, **values})


def states(results: ExperimentResults) -> dict[str, str]:
    return {row.label: row.state for row in results.record.rows}


@pytest.fixture
def project(toy: Toy) -> Toy:
    """The toy project whose rows differ in what they measure."""
    (toy.project.root / "toy.py").write_text(MEASURING_STAGE)
    return toy


@pytest.fixture
def said() -> list[str]:
    return []


def test_rows_share_what_is_upstream_are_tracked_each_and_run_once(
    project: Toy, prefect_server: None, said: list[str]
) -> None:
    before = project.project.params_file.read_bytes()
    described = make(
        set_divisor(5) | {"published": {"FID": "0.084 ± .002", "LaMP-BertScore": "57.61"}},
        set_divisor(4) | {"published": {"FID": "0.067 ± .002", "LaMP-BertScore": "58.90"}},
        published=PUBLISHED,
    )
    results = run_experiment(project.project, described, said.append)
    assert states(results) == {"divisor 5": "finished", "divisor 4": "finished"}
    assert project.ran() == ["ingest", "features", "evaluator", "evaluate", "features", "evaluate"]
    assert project.project.params_file.read_bytes() == before
    runs = {run.data.tags["row"]: run for run in Tracking(project.project).pipeline_runs(9)}
    for row in results.record.rows:
        assert runs[row.label].info.run_id == row.run
        assert runs[row.label].data.tags["experiment"] == "trial"
        assert runs[row.label].data.metrics["evaluate/score"] == float(row.label.split()[1])
    measured, published, directions, origins = experiment_tables(find_experiment(project.project, "trial"))
    assert measured.header == ["", "FID ↓"]
    assert measured.rows == [["divisor 5", "5.000 ± 0.500"], ["divisor 4", "4.000 ± 0.500"]]
    assert published.rows[1] == ["divisor 4", "0.067 ± .002", "58.90"]
    verdict = ["divisor 4", "FID", "-1.000 (no difference)", "-0.017 (better)", "no difference here"]
    assert directions.rows == [verdict]
    assert origins.rows[0][1:6] == ["0", "procedural", "v1", "smoke", "features.std_root_divisor=5"]

    assert run_experiment(project.project, described, said.append) == results
    assert project.ran() == [] and len(Tracking(project.project).pipeline_runs(9)) == 2
    (project.project.root / "toy.py").write_text(MEASURING_STAGE + "# other code\n")
    partly = run_experiment(project.project, described, said.append, labels=["divisor 4"])
    assert states(partly) == {"divisor 5": "waiting", "divisor 4": "finished"}
    assert project.ran() == ["ingest", "features", "evaluator", "evaluate"]


def test_a_row_is_kept_under_the_code_that_it_ran_with(
    project: Toy, prefect_server: None, said: list[str]
) -> None:
    described = make(set_divisor(5), set_divisor(4))

    def edit_before_the_second_row(line: str) -> None:
        if line.startswith("row 2 of 2"):
            (project.project.root / "toy.py").write_text(MEASURING_STAGE + "# edited meanwhile\n")

    run_experiment(project.project, described, edit_before_the_second_row)
    again = run_experiment(project.project, described, said.append, labels=["divisor 5"])
    assert states(again) == {"divisor 5": "finished", "divisor 4": "waiting"}


def test_rows_of_the_same_parameters_run_once_and_show_a_system_each(
    project: Toy, prefect_server: None, said: list[str]
) -> None:
    described = make(
        set_divisor(5),
        set_divisor(5) | {"label": "of the evaluator", "shows": {"features": "evaluator"}},
        tables=[{"title": "Score", "columns": [{"system": "features", "metric": "score"}]}],
    )
    results = run_experiment(project.project, described, said.append)
    assert project.ran() == ["ingest", "features", "evaluator", "evaluate"]
    assert states(results) == {"divisor 5": "finished", "of the evaluator": "finished"}
    assert len({row.run for row in results.record.rows}) == 1
    assert "of the evaluator: measured with divisor 5, whose parameters it has" in said
    assert experiment_tables(results)[0].rows == [["divisor 5", "5.000"], ["of the evaluator", "5.000"]]
    assert run_experiment(project.project, described, said.append) == results and project.ran() == []


def test_seeds_train_every_row_again_and_share_what_does_not_train(
    project: Toy, prefect_server: None, said: list[str]
) -> None:
    stages = yaml.safe_load(project.project.graph_file.read_text())
    stages["stages"]["evaluate"]["params"] = ["t2m", "features"]
    project.project.graph_file.write_text(yaml.safe_dump(stages, sort_keys=False))
    once = run_experiment(project.project, make(set_divisor(5)), said.append)
    assert "One training" in experiment_tables(once)[0].notes[0]
    assert project.ran() == ["ingest", "features", "evaluator", "evaluate"]

    described = make(set_divisor(5), set_divisor(9), seeds=2)
    results = run_experiment(project.project, described, said.append)
    assert list(states(results)) == ["divisor 5", "divisor 9", "divisor 5, seed 1", "divisor 9, seed 1"]
    assert project.ran() == ["features", "evaluate", "evaluate", "evaluate"], (
        "seed 0 had finished; the rest is shared"
    )
    measured, directions, origins = experiment_tables(results)
    assert measured.rows == [["divisor 5", "5.500 ± 6.353"], ["divisor 9", "9.500 ± 6.353"]]
    assert [line[:2] for line in origins.rows] == [[row.label, str(row.seed)] for row in results.record.rows]
    assert directions.rows[0][2] == "+4.000 (worse)"
    runs = {run.data.tags["row"]: run for run in Tracking(project.project).pipeline_runs(9)}
    assert runs["divisor 5, seed 1"].data.params["t2m.training.seed"] == "1"
    assert runs["divisor 5, seed 1"].data.params["evaluator.training.seed"] == "0"

    assert run_experiment(project.project, described, said.append) == results and project.ran() == []
    with pytest.raises(LampError, match="unknown row 'divisor 5, seed 2'"):
        run_experiment(project.project, described, said.append, labels=["divisor 5, seed 2"])


def test_an_interrupted_experiment_leaves_the_workspace_and_goes_on(
    project: Toy, prefect_server: None, said: list[str]
) -> None:
    from flows.pipeline.run import run_pipeline

    run_pipeline(project.project, project.config)
    workspace = [
        project.project.params_file,
        project.project.lock_file,
        project.project.output("features") / "out",
    ]
    before = [path.read_bytes() for path in workspace]
    project.ran()

    def interrupt(line: str) -> None:
        if line.startswith("row 2"):
            raise KeyboardInterrupt

    described = make(set_divisor(6), set_divisor(7))
    with pytest.raises(KeyboardInterrupt):
        run_experiment(project.project, described, interrupt)
    assert [path.read_bytes() for path in workspace] == before
    assert states(find_experiment(project.project, "trial")) == {
        "divisor 6": "finished",
        "divisor 7": "waiting",
    }
    assert project.ran() == ["features", "evaluate"]
    results = run_experiment(project.project, described, said.append)
    assert set(states(results).values()) == {"finished"}
    assert project.ran() == ["features", "evaluate"]
    assert [path.read_bytes() for path in workspace] == before


def test_a_row_that_fails_stops_no_other_and_says_why(
    project: Toy, prefect_server: None, said: list[str]
) -> None:
    before = project.project.params_file.read_bytes()
    described = make(set_divisor(5), set_divisor(13), set_divisor(25))
    results = run_experiment(project.project, described, said.append)
    assert list(states(results).values()) == ["finished", "failed", "finished"]
    assert results.record.rows[1].error.startswith("features: ")
    assert project.project.params_file.read_bytes() == before
    table = experiment_tables(results)[0]
    assert [row[-1] for row in table.rows] == ["", f"failed: {results.record.rows[1].error}", ""]
    failed = next(run for run in Tracking(project.project).pipeline_runs(9) if run.info.status == "FAILED")
    assert "evaluate/score" not in failed.data.metrics, "it would be the number of the row before"
    project.ran()
    run_experiment(project.project, described, said.append)
    assert project.ran() == ["features"], "a failed row is tried again"


def test_a_lamp_from_other_data_is_made_once_and_conditions_the_row(
    project: Toy, prefect_server: None, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The toy's other data set has no files whose state could be noted.
    monkeypatch.setattr("flows.experiments.plan.look_at_source", lambda project, config: None)
    stages = yaml.safe_load(project.project.graph_file.read_text())["stages"]
    pretrain = {**stages["features"], "cmd": "python toy.py pretrain", "params": ["pretrain"]}
    pretrain |= {"deps": ["data/features", "toy.py"], "outs": ["data/pretrain"]}
    pretrain["metrics"] = ["data/metrics/pretrain.json"]
    stages["evaluate"]["deps"].append("data/pretrain")
    evaluate = stages.pop("evaluate")
    graph = {"stages": {**stages, "pretrain": pretrain, "evaluate": evaluate}}
    project.project.graph_file.write_text(yaml.safe_dump(graph, sort_keys=False))
    rows = [
        {"label": "other", "pretrained_on": "other"},
        {"label": "again", "pretrained_on": "other", "set": {"evaluate.seed": 1}},
        {"label": "own"},
    ]
    described = make(*rows, base={"data": "procedural", "set": {"ingest.skeleton": "kit21"}})
    results = run_experiment(project.project, described, said.append)
    assert set(states(results).values()) == {"finished"}, results.record.rows
    assert [row.pretrained_on for row in results.record.rows] == ["other", "other", ""]
    assert [line for line in said if "first the LaMP on other" in line] == ["other: first the LaMP on other"]
    kept = list(project.project.state.glob("experiments/*/pretrain/out"))
    assert [path.read_text() for path in kept] == ["other"]
    assert not project.project.output("ingest").exists(), "the workspace stays as it was"
    project.ran()
    run_experiment(project.project, described, said.append)
    assert project.ran() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows: [{label: a, sett: {}}]", "unknown key 'rows.0.sett'; known there: label, set, data"),
        ("base: {dat: x}", "unknown key 'base.dat'; known there: data, profile, set"),
        ("rows: [{label: a}, {label: a}]", "two rows are called 'a'"),
        ("until: features\nrows: [{label: a}]", "rows that end with the stage features need tables"),
        ("rows: [{label: a, published: {FID: '1'}}]", "`published` does not say where from"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_the_faults_place(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "trial.yaml"
    file.write_text(f"name: trial\ntitle: A trial\n{text}\n")
    with pytest.raises(LampError) as refused:
        load_experiment(file)
    assert str(file) in str(refused.value) and words in str(refused.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"set": {"t2m.widht": 3}}, "row 'a': unknown parameter 't2m.widht'; known at t2m"),
        ({"set": {"t2m.width": 3}}, "row 'a': --set: renamed: t2m.width is now t2m.hidden_dim"),
        ({"set": {"t2m": {"hidden_dim": -3}}}, "row 'a': --set: 't2m.hidden_dim': input should be greater"),
        ({"data": "nope"}, "row 'a': unknown data set 'nope'; known: other, procedural"),
        ({"pretrained_on": "other"}, "unknown stage 'pretrain'"),
        ({"pretrained_on": "procedural"}, "row 'a': pretrained_on is its own data set 'procedural'"),
    ],
)
def test_a_row_that_cannot_run_is_refused_before_anything_runs(
    row: dict[str, object], words: str, project: Toy, said: list[str]
) -> None:
    before = project.project.params_file.read_bytes()
    with pytest.raises(LampError) as refused:
        run_experiment(project.project, make(set_divisor(5), {"label": "a", **row}), said.append)
    assert words in str(refused.value)
    assert project.ran() == []
    assert project.project.params_file.read_bytes() == before


def test_an_experiment_that_runs_is_not_begun_twice(project: Toy, said: list[str]) -> None:
    path = project.project.hold_file("experiment-trial")
    code = (
        "import sys; from pathlib import Path; from tasks.stage.process_lock import only_process\n"
        "with only_process(Path(sys.argv[1]), 'trial'): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(LampError, match=f"'trial' is run by process {other.pid}"):
        run_experiment(project.project, make(set_divisor(5)), said.append)
    other.communicate()
