"""Slurm on this one machine: munge, the controller and a daemon for each of its nodes, all in a folder."""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers import LOCALHOST, free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS_TO_START = 60.0
SETTINGS = """\
ClusterName=test
SlurmctldHost={host}({address})
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobRequeue=1
MpiDefault=none
ReturnToService=2
KillWait=30
MailProg=/bin/true
SwitchType=switch/none
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """The programs that are not here, in words."""
    return ", ".join(name for name in PROGRAMS if not shutil.which(name, path=PATH))


@contextmanager
def slurm(folder: Path, nodes: int = 1) -> Iterator[dict[str, str]]:
    """A running Slurm with so many nodes; gives the environment of its commands."""
    folder.mkdir()
    (folder / "state").mkdir()
    names = [f"node{number}" for number in range(1, nodes + 1)]
    lines = [
        f"NodeName={name} NodeHostname={platform.node()} NodeAddr={LOCALHOST} Port={free_port()} CPUs=2"
        for name in names
    ]
    settings = folder / "slurm.conf"
    settings.write_text(
        SETTINGS.format(
            host=platform.node(),
            address=LOCALHOST,
            controller=free_port(),
            user=_user(),
            folder=folder,
            nodes="\n".join(lines),
        )
    )
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    environment = {"SLURM_CONF": str(settings)}
    files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid"}
    files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
    commands = [
        ["munged", "--foreground", "--force", *(f"--{name}={folder}/{file}" for name, file in files.items())]
    ]
    commands += [["slurmctld", "-D", "-i", "-f", str(settings)]]
    commands += [["slurmd", "-D", "-N", name, "-f", str(settings)] for name in names]
    with ExitStack() as ends:
        for command in commands:
            ends.enter_context(_started(command, folder, environment))
        _wait_until_idle(len(names), environment)
        yield environment


@contextmanager
def _started(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    program = shutil.which(command[0], path=PATH)
    assert program is not None
    with (folder / "daemons.log").open("ab") as log:
        process = subprocess.Popen(
            [program, *command[1:]], env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_idle(nodes: int, environment: dict[str, str]) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while True:
        asked = ["sinfo", "--noheader", "--Node", "--format=%t"]
        ended = subprocess.run(
            asked, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        if ended.stdout.split() == ["idle"] * nodes:
            return
        assert time.monotonic() < until, ended.stdout + ended.stderr
        time.sleep(0.5)


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name
