"""Outputs of a toy run on remotes of other kinds than folders: S3 (moto's server) and SSH (OpenSSH's)."""

import getpass
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import Request, urlopen

import pytest

from tasks.dvc.graph import read_graph
from tasks.dvc.remote import PlacedVersions, RemoteVersions, require_remote
from tasks.project import Project
from tasks.system.servers import answers
from tests.cluster import add_remote, is_up
from tests.servers import LOCALHOST, free_port
from tests.shared_toy import COMMIT, git
from tests.toy import Toy

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")
SSHD_SETTINGS = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile {folder}/pid
StrictModes no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Remote:
    """Where a remote is: its address, and what DVC has to be told beside it."""

    url: str
    settings: tuple[str, ...]


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    for package in ("dvc_s3", "moto", "flask_cors"):
        pytest.importorskip(package, reason="needs the extra `cluster` and moto[server]")
    port = free_port()
    address = f"http://{LOCALHOST}:{port}"
    command = [sys.executable, "-m", "moto.server", "--host", LOCALHOST, "--port", str(port)]
    with (tmp_path / "moto.log").open("wb") as log, started(command, log, lambda: answers(address, 2.0)):
        urlopen(Request(f"{address}/models", method="PUT"), timeout=30).close()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield Remote("s3://models/lamp", (f"endpointurl={address}",))


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[Remote]:
    pytest.importorskip("dvc_ssh", reason="needs the extra `cluster`")
    if SSHD is None:
        pytest.skip("needs OpenSSH's server: apt-get install openssh-server")
    folder, port = tmp_path / "ssh", free_port()
    folder.mkdir()
    for key in ("host", "key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True)
    (folder / "settings").write_text(SSHD_SETTINGS.format(port=port, folder=folder))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    command = [SSHD, "-D", "-f", str(folder / "settings"), "-E", str(folder / "log")]
    with (tmp_path / "sshd.log").open("wb") as log, started(command, log, lambda: is_up(port)):
        yield Remote(
            f"ssh://{LOCALHOST}:{port}{tmp_path / 'store'}",
            (f"user={getpass.getuser()}", f"keyfile={folder / 'key'}", "allow_agent=false"),
        )


@contextmanager
def started(command: list[str], log: IO[bytes], is_ready: Callable[[], bool]) -> Iterator[None]:
    """A server, as soon as it answers."""
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 120
        while not is_ready():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["s3", "ssh"])
def test_a_toy_run_goes_to_the_remote_and_comes_back(
    kind: str, toy: Toy, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    remote: Remote = request.getfixturevalue(kind)
    add_remote(toy.project.root, remote.url, *remote.settings)
    assert require_remote(toy.project) == "storage"
    made = ("ingest", "features")
    for name in made:
        toy.versions.reproduce(name)
    git(toy.project.root, "add", "--all")
    git(toy.project.root, *COMMIT)
    RemoteVersions(toy.project, toy.graph).push(made)

    clone = Project(tmp_path / "clone")
    git(tmp_path, "clone", "--quiet", str(toy.project.root), str(clone.root))
    placed = PlacedVersions(clone, read_graph(clone))
    found = placed.status()
    assert {found[name].state for name in made} == {"in the remote"}
    placed.pull(made)
    for name in made:
        assert (clone.output(name) / "out").read_bytes() == (toy.project.output(name) / "out").read_bytes()
