"""What `lamp resume` goes on with: the parameters, stages and means of the run."""

import json

import pytest

from flows.commands.resume import resume
from flows.pipeline.run import PipelineResult
from flows.pipeline.run_records import RECORD_FILE, Asked, RunRecord, begin_record, end_record, read_records
from tasks.system import resources
from tests.toy import Toy

MEANS = {"cards": 2, "nodes": 3, "cluster": "tcp://host:8786"}
VARIABLES = ("LAMP_CARDS", "LAMP_NODES", "LAMP_CLUSTER")


def failed(toy: Toy, record: RunRecord) -> RunRecord:
    end_record(toy.project, begin_record(toy.project, record), "failed", ["features"])
    return read_records(toy.project)[0]


@pytest.fixture
def went_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Asked, dict[str, object]]]:
    """What runs were asked for, and the means that they had."""
    seen: list[tuple[Asked, dict[str, object]]] = []

    def run_pipeline(project: object, config: object, asked: Asked, *, wait: bool) -> PipelineResult:
        seen.append((asked, resources.means()))
        return PipelineResult({}, {}, 0.0, "b2")

    monkeypatch.setattr("flows.pipeline.run.run_pipeline", run_pipeline)
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "")
    return seen


def test_a_run_goes_on_with_its_cards_nodes_and_scheduler(
    toy: Toy, went_on: list[tuple[Asked, dict[str, object]]]
) -> None:
    record = RunRecord(run_id="a1", name="whole", flow_run="whole-1", until="features", **MEANS)
    failed(toy, record)
    resume("whole", wait=True)
    ((asked, means),) = went_on
    assert (asked.name, asked.until, asked.tags) == ("whole", "features", (("resumes", "a1"),))
    assert means == MEANS


def test_a_record_that_says_no_means_takes_those_of_now(
    toy: Toy, went_on: list[tuple[Asked, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = failed(toy, RunRecord(run_id="a1", name="whole", flow_run="whole-1"))
    path = toy.project.runs / record.run_id / RECORD_FILE
    old = {name: value for name, value in json.loads(path.read_text()).items() if name not in MEANS}
    path.write_text(json.dumps(old))
    monkeypatch.setenv("LAMP_CARDS", "4")
    resume("whole", wait=True)
    assert went_on[0][1] == {"cards": 4, "nodes": 1, "cluster": ""}
