"""``lamp worker``: this machine as a worker, and the registration of what workers run."""

import os
import platform
import subprocess
import sys
from typing import Annotated, Literal

import typer

from flows.cluster_option import MOST_MACHINES
from flows.pipeline.prefect_server import prefect_settings, prepare
from flows.workers.runner import require_servers
from flows.workers.slurm import Job, job_name, sbatch_script
from flows.workers.worker_process import run_worker
from lamp_core.errors import LampError
from tasks.dvc.remote import require_remote
from tasks.project import Project, find_project

POOLS = ("cpu", "gpu")
PREFECT_FILE = "flows/prefect.yaml"
SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_WORKER_HEARTBEAT_SECONDS": "10"}

PoolOption = Annotated[Literal["cpu", "gpu"], typer.Option(help="Work pool whose stages it runs.")]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def start(
    pool: PoolOption = "cpu",
    device: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST_MACHINES,
            help="Card that it has to itself, by number; with --pool gpu.",
            metavar="N",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_MACHINES, help="Stages at a time; one a card.")] = 1,
    name: Annotated[str | None, typer.Option(help="Its name; machine, pool and card by default.")] = None,
) -> None:
    """Run stages of a work pool in this clone of the project, until Ctrl-C.

    The servers are those of PREFECT_API_URL and MLFLOW_TRACKING_URI; data comes and goes by DVC's remote. On
    SIGTERM and SIGUSR1 the stages at work write a checkpoint and are handed back.
    """
    project = find_project()
    require_servers()
    require_remote(project)
    if device is not None and pool != "gpu":
        raise LampError("--device chooses a card; it goes with --pool gpu")
    card = (
        {"cpu": "", "gpu": os.environ.get("CUDA_VISIBLE_DEVICES", "0")}[pool]
        if device is None
        else str(device)
    )
    called = name or job_name() or "-".join([platform.node() or "worker", pool, *([card] if card else [])])
    settings = {**SETTINGS, **_home(project), **os.environ}
    settings |= {
        "LAMP_CLONE": str(project.root),
        "PYTHONPATH": str(project.root),
        "CUDA_VISIBLE_DEVICES": card,
    }
    arguments = ["--pool", pool, "--type", "process", "--limit", str(limit), "--name", called]
    (project.state / "prefect").mkdir(parents=True, exist_ok=True)
    raise typer.Exit(run_worker(["prefect", "worker", "start", *arguments], project.root, settings))


@app.command()
def slurm(
    pool: PoolOption = "gpu",
    nodes: Annotated[int, typer.Option(min=1, max=MOST_MACHINES, help="Nodes of a job.")] = 1,
    cards: Annotated[
        int, typer.Option(min=0, max=MOST_MACHINES, help="Cards of a node; 0 for --pool cpu.")
    ] = 1,
    cores: Annotated[int, typer.Option(min=1, max=MOST_MACHINES, help="Cores of a node.")] = 8,
    time: Annotated[str, typer.Option(help="Time limit of a job, as Slurm writes it.")] = "04:00:00",
    partition: Annotated[str | None, typer.Option(help="Partition; Slurm's own by default.")] = None,
    array: Annotated[
        str | None, typer.Option(help="Several workers as one array: 0-7, or 0-7%4 for four at a time.")
    ] = None,
) -> None:
    """Print a script for `sbatch`: a worker in this clone that goes on in the next job before a limit."""
    project = find_project()
    (project.state / "logs").mkdir(parents=True, exist_ok=True)  # Slurm makes no folder
    job = Job(pool, nodes, cards, cores, time, partition, array)
    typer.echo(sbatch_script(project, job), nl=False)


@app.command()
def deploy(
    on_failure: Annotated[
        str | None,
        typer.Option(help="Webhook that gets a message when a run of the pipeline fails.", metavar="URL"),
    ] = None,
) -> None:
    """Register work pools and deployments with Prefect's server; again after flows/prefect.yaml changed."""
    project = find_project()
    require_servers()
    settings = {**_home(project), **os.environ, "PYTHONPATH": str(project.root)}
    settings.pop("LAMP_CLONE", None)  # each worker has its own; Prefect would fill in this one
    for pool in POOLS:
        known = _prefect(project, settings, "work-pool", "inspect", pool, is_shown=False)
        if known != 0 and _prefect(project, settings, "work-pool", "create", "--type", "process", pool) != 0:
            raise LampError(
                f"work pool '{pool}' cannot be made; is PREFECT_API_URL right, and the server up?"
            )
    if _prefect(project, settings, "--no-prompt", "deploy", "--all", "--prefect-file", PREFECT_FILE) != 0:
        raise LampError("the deployments are not registered; the lines above say why")
    if on_failure is not None:
        prepare(project)
        from flows.workers.automations import tell_of_failures

        tell_of_failures(on_failure)


def _home(project: Project) -> dict[str, str]:
    """Prefect's settings for the project; its log goes to the terminal."""
    settings = prefect_settings(project)
    del settings["PREFECT_LOGGING_SETTINGS_PATH"]
    return settings


def _prefect(project: Project, settings: dict[str, str], *arguments: str, is_shown: bool = True) -> int:
    shown = None if is_shown else subprocess.DEVNULL
    command = [sys.executable, "-m", "prefect", *arguments]
    return subprocess.run(
        command, cwd=project.root, env=settings, stdout=shown, stderr=shown, check=False
    ).returncode
