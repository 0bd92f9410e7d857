"""A remote whose server does not answer is said before anything is asked of it."""

import shutil
from pathlib import Path

import pytest

from flows.pipeline.stage_states import StageStates
from lamp_core.errors import LampError
from tasks.dvc.remote import RemoteVersions, require_remote
from tests.shared_toy import share
from tests.toy import Toy

CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ("url = ssh://ann@127.0.0.1:1/srv/store", "ssh://127.0.0.1:1/srv/store"),
        ("url = http://ann:hunter22@127.0.0.1:1/store", "http://127.0.0.1:1/store"),
        ("url = s3://bucket/store\n    endpointurl = http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_a_remote_that_does_not_answer_is_named_with_its_address(
    settings: str, address: str, toy: Toy
) -> None:
    (toy.project.root / ".dvc" / "config").write_text(f"{CONFIG}    {settings}\n")
    with pytest.raises(LampError) as refused:
        require_remote(toy.project)
    assert f"DVC's remote 'storage' at {address} does not answer" in str(refused.value)
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize("url", ["/srv/store", "../store", "s3://bucket/store"])
def test_a_remote_without_an_address_of_a_machine_is_not_asked(url: str, toy: Toy) -> None:
    (toy.project.root / ".dvc" / "config").write_text(f"{CONFIG}    url = {url}\n")
    assert require_remote(toy.project) == "storage"


def test_status_says_what_only_the_remote_has(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(toy, tmp_path / "store", monkeypatch)
    monkeypatch.delenv("LAMP_PULL")
    for name in ("ingest", "features"):
        toy.versions.reproduce(name)
    RemoteVersions(toy.project, toy.graph).push(["ingest", "features"])
    for name in ("ingest", "features"):
        shutil.rmtree(toy.project.output(name))
    rows = StageStates(toy.project).rows()
    assert rows["ingest"] == ("in the remote", "`dvc pull ingest` brings it")
    assert rows["features"] == ("in the remote", "`dvc pull features` brings it")
    assert rows["evaluate"][0] == "stale" or rows["evaluate"][0] == "missing"
    lost = toy.versions.output_hash("features") or ""
    for folder in (tmp_path / "store", toy.project.root / ".dvc" / "cache"):
        (folder / "files" / "md5" / lost[:2] / lost[2:]).unlink()  # the list of the folder's files
    assert StageStates(toy.project).rows()["features"] == ("missing", "neither here nor in the remote")
    assert StageStates(toy.project).rows()["ingest"][0] == "in the remote"
    shutil.rmtree(tmp_path / "store")
    shutil.rmtree(toy.project.root / ".dvc" / "cache")
    assert StageStates(toy.project).rows()["features"] == ("missing", "neither here nor in the remote")
