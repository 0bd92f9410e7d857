"""Stages on workers: requests, light clones, the remote, and the flow of the deployment."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.commands.worker import PREFECT_FILE
from flows.workers.commits import fetch, require_committed, workspace
from flows.workers.perform import perform
from flows.workers.request import REPORT, StageReport, StageRequest
from lamp_core.errors import LampError
from tasks.dvc.graph import read_graph
from tasks.dvc.remote import RemoteVersions
from tasks.dvc.snapshot import Note, lay_out
from tasks.project import Project
from tasks.system.git import untracked
from tests.shared_toy import HASH, git, lock_entry, share
from tests.toy import REPOSITORY, Toy


@pytest.fixture
def shared(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    return share(toy, tmp_path / "store", monkeypatch)


def clone_of(toy: Toy, folder: Path) -> Project:
    clone, commit = Project(folder), require_committed(toy.project)
    lay_out(toy.project, clone, Note("", commit, commit))
    return clone


def request(toy: Toy, name: str, lock: Mapping[str, Any] | None = None, **changed: Any) -> StageRequest:
    text = toy.project.params_file.read_text()
    return StageRequest(name=name, params=text, lock=dict(lock or {}), **changed)


# ---- requests


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("name", "features; rm -rf /"),
        ("name", ""),
        ("commit", "main"),
        ("commit", "--upload-pack=evil"),
        ("parent_run", "../1"),
    ],
)
def test_a_request_with_a_name_that_is_none_is_refused(field_name: str, value: str) -> None:
    with pytest.raises(LampError, match="a worker refuses it"):
        StageRequest(**{"name": "features", field_name: value}).check()


@pytest.mark.parametrize(
    ("lock", "word"),
    [
        ({"nope": {"outs": []}}, "unknown stage 'nope'"),
        ({"ingest": {"outs": [{"path": "data/features", "md5": HASH}]}}, "writes no data/features"),
        ({"ingest": {"outs": [{"path": "/etc/passwd", "md5": HASH}]}}, "is no file of the project"),
        ({"ingest": {"deps": [{"path": "../../x", "md5": HASH}]}}, "is no file of the project"),
        ({"ingest": {"outs": [{"path": "data/ingest", "md5": "../../x"}]}}, "is no file of the project"),
    ],
)
def test_entries_of_other_stages_or_paths_are_refused(lock: dict[str, Any], word: str, toy: Toy) -> None:
    with pytest.raises(LampError, match=word):
        request(toy, "features", lock).check_against(toy.graph)


def test_parameters_that_are_none_fail_the_stage_in_one_line(shared: Toy, tmp_path: Path) -> None:
    outcome, entry = perform(
        clone_of(shared, tmp_path / "clone"), StageRequest(name="ingest", params="ingest: {clips: many}")
    )
    assert (outcome.state, outcome.is_bad_request, entry) == ("failed", True, None)
    assert "params.yaml of the request is not valid" in outcome.error
    assert "\n" not in outcome.error


def test_every_stage_has_a_deployment_and_a_pool() -> None:
    described = yaml.safe_load((REPOSITORY / PREFECT_FILE).read_text())
    deployments = {each["name"]: each for each in described["deployments"]}
    assert set(deployments) == {*read_graph(Project(REPOSITORY)), "pipeline", "on-cpu"}
    for name, each in deployments.items():
        assert each["work_pool"]["name"] in {"cpu", "gpu"}
        assert each.get("parameters", {"name": name}) == {"name": name}
        module, _, flow = each["entrypoint"].partition(":")
        assert f"def {flow}(" in (REPOSITORY / module).read_text()


# ---- light clones


def test_a_light_clone_has_the_commit_the_cache_and_the_remote(shared: Toy, tmp_path: Path) -> None:
    clone = clone_of(shared, tmp_path / "elsewhere" / "clone")
    for path in git(shared.project.root, "ls-files").splitlines():
        assert (clone.root / path).read_bytes() == (shared.project.root / path).read_bytes()
    local = (clone.root / ".dvc" / "config.local").read_text()
    assert f"dir = {shared.project.root / '.dvc' / 'cache'}" in local
    assert str(tmp_path / "store") in local
    assert (clone.root / ".dvc" / "config.local").stat().st_mode & 0o077 == 0


def test_changes_are_refused_but_for_parameters(shared: Toy) -> None:
    shared.set("features.std_root_divisor=4")
    assert require_committed(shared.project)
    (shared.project.root / "toy.py").write_text("# changed")
    with pytest.raises(LampError, match=r"toy\.py changed since the last commit.*git commit"):
        require_committed(shared.project)


def test_an_unknown_commit_names_the_remedy(shared: Toy) -> None:
    with pytest.raises(LampError, match="`git push` it"):
        fetch(shared.project, "0" * 40)
    assert fetch(shared.project, "") == git(shared.project.root, "rev-parse", "HEAD")


def test_two_stages_of_a_worker_have_a_workspace_each(shared: Toy) -> None:
    with workspace(shared.project, "") as first, workspace(shared.project, "") as second:
        assert first.root != second.root
    with workspace(shared.project, "") as again:
        assert again == first


def test_what_git_does_not_track_is_on_this_machine_only(shared: Toy) -> None:
    (shared.project.root / "data" / "sources" / "mine.yaml").write_text("name: mine\n")
    own = "data/sources/mine.yaml"
    assert untracked(shared.project, "HEAD", [own, "toy.py"]) == [own]
    assert untracked(shared.project, "HEAD", []) == []


# ---- the remote


@pytest.mark.soak  # a minute of DVC calls
def test_a_stage_is_carried_out_in_a_clone_and_taken_over_here(shared: Toy, tmp_path: Path) -> None:
    versions, locked = RemoteVersions(shared.project, shared.graph), {}
    for number, name in enumerate(["ingest", "features"]):
        clone = clone_of(shared, tmp_path / f"clone{number}")
        outcome, entry = perform(clone, request(shared, name, locked))
        assert (outcome.state, outcome.error) == ("done", "")
        assert entry is not None
        versions.take_over(name, entry)
        locked = versions.entries([name])
    assert not shared.project.output("features").exists()
    found = versions.status()
    assert {name: each.state for name, each in found.items()} == {
        "ingest": "fresh",
        "features": "fresh",
        "evaluator": "missing",
        "evaluate": "missing",
    }
    shared.set("features.std_root_divisor=4")
    assert versions.status()["features"].reasons == ("features.std_root_divisor 5.0 -> 4.0",)
    shared.set("features.std_root_divisor=5")
    again, _ = perform(
        clone_of(shared, tmp_path / "clone2"), request(shared, "features", versions.entries(["ingest"]))
    )
    assert again.state == "restored"
    versions.pull(["data/metrics/features.json"])
    assert shared.project.metrics_file("features").exists()
    assert not shared.project.output("features").exists()


def test_outputs_that_the_remote_has_no_more_are_lost(shared: Toy, tmp_path: Path) -> None:
    _, entry = perform(clone_of(shared, tmp_path / "clone"), request(shared, "ingest"))
    assert entry is not None
    versions = RemoteVersions(shared.project, shared.graph)
    assert not versions.is_lost("ingest", entry)
    for gone in (tmp_path / "store" / "files", shared.project.root / ".dvc" / "cache" / "files"):
        shutil.rmtree(gone)
    assert versions.is_lost("ingest", entry)
    assert not shared.project.lock_file.exists() or not versions.entries(["ingest"])


def test_an_entry_made_from_other_inputs_is_not_taken_over(shared: Toy) -> None:
    versions = RemoteVersions(shared.project, shared.graph)
    versions.write_entries({"ingest": lock_entry("data/ingest", HASH)})
    before = shared.project.lock_file.read_text()
    other = {**lock_entry("data/features", HASH), "deps": [{"path": "data/ingest", "md5": HASH[::-1]}]}
    with pytest.raises(LampError, match="other inputs than those asked for"):
        versions.take_over("features", other)
    assert shared.project.lock_file.read_text() == before


# ---- the deployment's flow


def test_the_flow_of_the_deployment_reports_what_became_of_a_stage(shared: Toy, prefect_server: None) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterType

    from flows.workers.stage import stage

    assert stage("ingest", return_state=True).is_completed()
    refused = stage("nope", return_state=True)
    assert refused.is_failed()
    assert "unknown stage 'nope'" in str(refused.message)
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(type=ArtifactFilterType(any_=[REPORT])))
    reports = [StageReport.model_validate(each.data) for each in found]
    outcomes = {report.outcome.state: report for report in reports if report.outcome}
    assert set(outcomes) == {"done", "failed"}
    entry = outcomes["done"].entry
    assert entry is not None
    assert [out["path"] for out in entry["outs"]] == ["data/ingest", "data/metrics/ingest.json"]
