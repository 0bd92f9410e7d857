"""The runner that hands stages to workers, with workers that do well, crash or fall silent."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from httpx import ConnectError
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Completed, Crashed, Failed, Running, Scheduled

from flows.workers import runner as runner_module
from flows.workers.request import StageReport
from flows.workers.runner import WorkersRunner
from lamp_core.config import override
from lamp_core.errors import LampError
from tasks.dvc.remote import RemoteVersions
from tasks.stage.outcome import Outcome
from tasks.stage.progress import Progress
from tasks.stages.catalogue import CATALOGUE
from tests.shared_toy import HASH, git, lock_entry, share
from tests.toy import Toy


@pytest.fixture
def shared(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    return share(toy, tmp_path / "store", monkeypatch)


@dataclass
class Server:
    """Prefect's server as the runner sees it; `plan` says what becomes of each flow run that is submitted."""

    plan: list[Callable[[FlowRun], tuple[State[Any], StageReport | None]]]
    known: dict[uuid.UUID, FlowRun] = field(default_factory=dict)
    by_key: dict[str, FlowRun] = field(default_factory=dict)
    keys: list[str | None] = field(default_factory=list)
    written: dict[uuid.UUID, StageReport] = field(default_factory=dict)

    def deployment(self, stage: str) -> tuple[uuid.UUID, str]:
        return uuid.uuid5(uuid.NAMESPACE_DNS, stage), "cpu"

    def online(self, pool: str) -> int:
        return 1

    def submit(
        self,
        deployment: uuid.UUID,
        parameters: Mapping[str, Any],
        *,
        name: str,
        key: str | None,
        tags: list[str],
    ) -> FlowRun:
        self.keys.append(key)
        if key in self.by_key:
            return self.known[self.by_key[key].id]
        run = FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), parameters=dict(parameters), state=Scheduled())
        self.known[run.id] = run
        if key is not None:
            self.by_key[key] = run
        state, report = self.plan.pop(0)(run)
        self.known[run.id] = run.model_copy(update={"state": state})
        if report is not None:
            self.written[run.id] = report
        return run

    def runs(self, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, FlowRun]:
        return {each: self.known[each] for each in ids}

    def report(self, run: uuid.UUID) -> StageReport | None:
        return self.written.get(run)

    def give_up(self, run: uuid.UUID, why: str) -> None:
        self.known[run] = self.known[run].model_copy(update={"state": Crashed(message=why)})

    def cancel(self, run: uuid.UUID) -> None:
        self.known[run] = self.known[run].model_copy(update={"state": Cancelled()})


def ends_well(run: FlowRun) -> tuple[State[Any], StageReport]:
    name = run.parameters["name"]
    deps = [out for entry in run.parameters["lock"].values() for out in entry["outs"]]
    entry = {**lock_entry(f"data/{name}", HASH), "deps": deps}
    outcome = Outcome("done", 1.0, run_id="made")
    return Completed(), StageReport(beat=9, outcome=outcome, entry=entry)


def crashes(run: FlowRun) -> tuple[State[Any], None]:
    return Crashed(), None


def gets_further(done: int) -> Callable[[FlowRun], tuple[State[Any], StageReport]]:
    def crashes_later(run: FlowRun) -> tuple[State[Any], StageReport]:
        progress = Progress("running", 1, started=0.0, updated=1.0, done=done, total=10)
        return Crashed(), StageReport(beat=4, machine="far", progress=progress)

    return crashes_later


def falls_silent(run: FlowRun) -> tuple[State[Any], StageReport]:
    progress = Progress("running", 1, started=0.0, updated=1.0, done=3, total=10, text="loss 1.0")
    return Running(), StageReport(beat=4, machine="far", progress=progress)


@pytest.fixture
def run_with(shared: Toy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WorkersRunner]:
    """A runner with a server that lets flow runs go as planned."""
    monkeypatch.setattr(runner_module, "SECONDS_BETWEEN_LOOKS", 0.02)
    monkeypatch.setenv("LAMP_WORKER_PATIENCE", "1")
    monkeypatch.setattr(RemoteVersions, "push", lambda self, names: None)
    monkeypatch.setattr(RemoteVersions, "is_lost", lambda self, name, entry: False)

    def make(*plan: Any, server: Server | None = None) -> WorkersRunner:
        made = WorkersRunner(shared.project)
        made._server = server or Server(list(plan))
        made.versions(shared.graph)
        return made

    return make


def test_a_stage_is_submitted_and_its_entry_comes_back(
    run_with: Callable[..., WorkersRunner], shared: Toy
) -> None:
    runner = run_with(ends_well, ends_well)
    outcome = runner.run("ingest", force=False, parent_run="a" * 32)
    assert (outcome.state, outcome.run_id) == ("done", "made")
    assert runner.run("features", force=False, parent_run="a" * 32).state == "done"
    asked = list(runner._server.known.values())[-1].parameters
    assert asked["commit"] == git(shared.project.root, "rev-parse", "HEAD")
    assert list(asked["lock"]) == ["ingest"]
    assert shared.versions.output_hash("features") == HASH


def test_what_was_measured_of_every_system_is_fetched_at_the_end(
    run_with: Callable[..., WorkersRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(RemoteVersions, "pull", lambda self, names: fetched.extend(names))
    monkeypatch.setattr(runner_module, "bring_back", lambda project, names: None)
    runner, finals = run_with(), [name for each in CATALOGUE.systems.values() for name in each.finals]
    runner._taken_over = [name for name in finals if name.startswith("evaluate") or name == "report"]
    runner.finish(runner._taken_over)
    assert fetched == runner._taken_over and "evaluate_lexical" in fetched


def test_a_lost_worker_has_its_stage_submitted_again(run_with: Callable[..., WorkersRunner]) -> None:
    runner = run_with(crashes, falls_silent, ends_well)
    assert runner.run("ingest", force=False, parent_run="a" * 32).state == "done"
    states = [run.state_name for run in map(_named, runner._server.known.values())]
    assert states == ["Crashed", "Crashed", "Completed"]
    assert [key.rpartition("-")[2] for key in runner._server.keys] == ["0", "1", "2"]


def test_a_stage_is_given_up_after_three_workers(run_with: Callable[..., WorkersRunner]) -> None:
    outcome = run_with(crashes, crashes, crashes).run("ingest", force=False, parent_run="a" * 32)
    assert outcome.state == "failed"
    assert "given up after 3 submissions" in outcome.error


def test_a_stage_that_gets_further_with_every_worker_is_not_given_up(
    run_with: Callable[..., WorkersRunner],
) -> None:
    runner = run_with(*map(gets_further, range(1, 6)), ends_well)
    assert runner.run("ingest", force=False, parent_run="a" * 32).state == "done"
    stuck = run_with(gets_further(1), gets_further(1), gets_further(1), gets_further(1))
    assert "given up after 3" in stuck.run("ingest", force=False, parent_run="a" * 32).error


def test_the_progress_of_a_far_stage_is_shown(
    run_with: Callable[..., WorkersRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMP_WORKER_PATIENCE", "60")
    runner = run_with(falls_silent)
    with ThreadPoolExecutor() as tasks:
        future = tasks.submit(runner.run, "ingest", force=False, parent_run="a" * 32)
        progress = _until(lambda: (found := runner.progress("ingest")) and found.total and found)
        assert (progress.done, progress.total, progress.text) == (3, 10, "far: loss 1.0")
        runner.interrupt(["ingest"])
        assert future.result(20).state == "failed"
    assert [run.state_name for run in map(_named, runner._server.known.values())] == ["Cancelled"]


def test_equal_requests_of_two_runs_are_computed_once(run_with: Callable[..., WorkersRunner]) -> None:
    first = run_with(ends_well)
    made = first.run("ingest", force=False, parent_run="a" * 32)
    second = run_with(server=first._server)
    taken = second.run("ingest", force=False, parent_run="b" * 32)
    assert (made.state, taken.state, taken.run_id) == ("done", "restored", None)
    assert len(first._server.known) == 1


def test_what_the_remote_has_lost_is_computed_again(
    run_with: Callable[..., WorkersRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_with(ends_well, ends_well)
    first.run("ingest", force=False, parent_run="a" * 32)
    monkeypatch.setattr(RemoteVersions, "is_lost", lambda self, name, entry: True)
    again = run_with(server=first._server).run("ingest", force=False, parent_run="b" * 32)
    assert (again.state, again.run_id) == ("done", "made")
    assert len(first._server.known) == 2


def test_a_forced_stage_and_one_that_failed_before_run_again(run_with: Callable[..., WorkersRunner]) -> None:
    runner = run_with(lambda run: (Failed(message="out of paper"), None), ends_well, ends_well)
    assert runner.run("ingest", force=False, parent_run="a" * 32).error == "out of paper"
    assert runner.run("ingest", force=False, parent_run="a" * 32).state == "done"
    assert runner.run("ingest", force=True, parent_run="a" * 32).state == "done"
    assert len(runner._server.known) == 3


def test_the_key_follows_what_the_stage_reads_and_nothing_else(
    run_with: Callable[..., WorkersRunner], shared: Toy
) -> None:
    runner = run_with()

    def key(name: str, *assignments: str) -> str:
        return runner._key(
            shared.graph[name],
            override(shared.config, assignments),
            {"ingest": lock_entry("data/ingest", HASH)},
        )

    assert key("features") == key("features", "t2m.dropout=0.3")
    assert key("features") != key("features", "features.std_root_divisor=9")
    assert key("features") != key("evaluator")


def test_what_only_this_machine_has_runs_here(run_with: Callable[..., WorkersRunner], shared: Toy) -> None:
    (shared.project.root / "data" / "sources" / "other2.yaml").write_text(
        "name: other2\nkind: humanml3d\nskeleton: kit21\n"
    )
    text = shared.project.params_file.read_text().replace("data: procedural", "data: other2")
    shared.project.params_file.write_text(text)
    runner = run_with()
    outcome = runner.run("ingest", force=False, parent_run="")
    assert (outcome.state, outcome.error) == ("done", "")
    assert shared.ran() == ["ingest"]
    assert runner._server.known == {}


def test_a_stage_that_reads_a_folder_which_parameters_name_runs_here(
    run_with: Callable[..., WorkersRunner], shared: Toy
) -> None:
    shared.set("pretrain.pretrained=kept", "large_motion.shards=shards", "language_model.texts=[texts]")
    runner, stage = run_with(), shared.graph["ingest"]
    for section, is_bound in {
        "pretrain": True,
        "large_motion": True,
        "language_model": True,
        "t2m": False,
    }.items():
        assert runner._is_bound_here(replace(stage, params=(section,)), shared.config) is is_bound, section


@pytest.mark.parametrize("variable", ["PREFECT_API_URL", "MLFLOW_TRACKING_URI"])
def test_without_servers_there_are_no_workers(
    variable: str, shared: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(LampError, match=f"{variable} is not set"):
        WorkersRunner(shared.project)


def test_without_a_remote_there_are_no_workers(shared: Toy) -> None:
    git(shared.project.root, "checkout", "--quiet", "--", ".")
    (shared.project.root / ".dvc" / "config").write_text("")
    with pytest.raises(LampError, match="dvc remote add"):
        WorkersRunner(shared.project)


def test_a_server_that_does_not_answer_is_named_without_its_password(
    shared: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hidden-one@127.0.0.1:1")
    with pytest.raises(LampError, match="does not answer") as refused:
        WorkersRunner(shared.project)
    assert "hidden-one" not in str(refused.value)


def test_a_worker_that_an_outage_kept_from_reporting_is_not_lost(
    run_with: Callable[..., WorkersRunner],
) -> None:
    @dataclass
    class Away(Server):
        away: int = 3

        def runs(self, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, FlowRun]:
            self.away -= 1
            if self.away >= 0:
                raise ConnectError("no route")
            return super().runs(ids)

    server = Away([falls_silent])
    runner = run_with(server=server)
    with ThreadPoolExecutor() as tasks:
        future = tasks.submit(runner.run, "ingest", force=False, parent_run="parent")
        _until(lambda: server.away < 0)
        time.sleep(1.5)  # longer than the patience: the worker's own client still waits
        assert not future.done()
        ((run, known),) = server.known.items()
        state, report = ends_well(known)
        server.written[run] = report
        server.known[run] = known.model_copy(update={"state": state})
        assert future.result(timeout=20).state == "done"
    assert len(server.keys) == 1


def test_the_last_report_waits_for_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.workers import stage

    class Client:
        sent: ClassVar[list[object]] = []
        away = 2

        def create_artifact(self, artifact: object) -> FlowRun:
            return FlowRun(flow_id=uuid.uuid4())

        def update_artifact(self, artifact: object, update: Any) -> None:
            if self.away:
                self.away -= 1
                raise ConnectError("no route")
            self.sent.append(update.data)

    monkeypatch.setattr(stage, "SECONDS_BETWEEN_REPORTS", 0.01)
    outcome = Outcome("done", 1.0)
    stage.Reporter("ingest", Client()).tell_the_end(outcome=outcome, entry=None)  # type: ignore[arg-type]
    (report,) = Client.sent
    assert report["outcome"]["state"] == "done"


def _named(run: FlowRun) -> Any:
    return run.state and type("Named", (), {"state_name": run.state.name})


def _until(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come")
