"""Devices, threads and processes: what a run may use of this machine. None of it changes what a stage means.

Under torchrun a stage is several processes, which share the machine's cores and have a device each.
"""

import os
import sys
from typing import Any

from lamp_core.errors import LampError

CORES_FOR_TWO_STAGES = 2
WORKER_PATIENCE_SECONDS = 60

WAITING, SPINS, FEW_SPINS = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "1000"
"""OpenMP's default halves the speed beside one busy process, never to spin costs a quarter on idle cores; a
few spins keep most of the better in either case (docs/speed.md)."""


def few_spins() -> dict[str, str]:
    """By what environment waiting threads spin a little; empty where the present one says how long."""
    return {} if {WAITING, SPINS} & set(os.environ) else {SPINS: FEW_SPINS}


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stages_at_once() -> int:
    """Stages that run side by side: ``LAMP_STAGES_AT_ONCE``, or two, or one on a machine of one core.

    Small models do not gain from a second thread what two stages of one thread do (docs/speed.md).
    """
    return _count("LAMP_STAGES_AT_ONCE") or (1 if cores() < CORES_FOR_TWO_STAGES else 2)


def is_first_process() -> bool:
    """Whether this process writes what the stage makes: the only one, or the first that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


MEETING_ON_THIS_MACHINE = ("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
"""The way by which processes of one machine find each other whatever its name stands for."""


def is_one_of_many() -> bool:
    """Whether torchrun started other processes beside this one."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def cards() -> int:
    """Processes a node that train a stage, with a card each where there are: ``LAMP_CARDS``, or one."""
    return _count("LAMP_CARDS") or 1


def nodes() -> int:
    """Nodes of a Slurm job that train a stage: ``LAMP_NODES``, or one."""
    return _count("LAMP_NODES") or 1


def several(cards: int, nodes: int) -> dict[str, str]:
    """The environment by which a stage takes so many cards and nodes."""
    return {"LAMP_CARDS": str(cards), "LAMP_NODES": str(nodes)}


def use(cards: int | None, nodes: int | None, cluster: str | None) -> None:
    """Let this process, and those that it starts, work by these means; None leaves what the environment says.

    Args:
        cards: processes a node that train a stage.
        nodes: nodes of a Slurm job that train a stage.
        cluster: address of a Dask scheduler; an empty one takes the processes of this machine.
    """
    os.environ |= several(cards or _count("LAMP_CARDS") or 1, nodes or _count("LAMP_NODES") or 1)
    if cluster is not None:
        os.environ["LAMP_CLUSTER"] = cluster


def means() -> dict[str, Any]:
    """What `use` takes to let another process work by the means of this one."""
    return {"cards": cards(), "nodes": nodes(), "cluster": cluster() or ""}


def threads() -> int:
    """Threads of a stage's process: its share of ``LAMP_THREADS``, or of the cores, with those beside it."""
    return max(1, (_count("LAMP_THREADS") or cores()) // (_count("LOCAL_WORLD_SIZE") or 1))


def threads_of_a_stage() -> int:
    """Threads that the flow gives each stage: the cores divided by the stages that run side by side."""
    return _count("LAMP_THREADS") or max(1, cores() // stages_at_once())


def cluster() -> str | None:
    """Address of the Dask scheduler that works on shards of clips: ``LAMP_CLUSTER``; None without one."""
    return os.environ.get("LAMP_CLUSTER") or None


def pulls_outputs() -> bool:
    """Whether DVC looks on its remote for a stage's outputs before it runs the stage: ``LAMP_PULL=1``."""
    return os.environ.get("LAMP_PULL", "") not in {"", "0"}


def worker_patience() -> int:
    """Seconds without a sign of life after which a worker counts as lost: ``LAMP_WORKER_PATIENCE``, or 60."""
    return _count("LAMP_WORKER_PATIENCE") or WORKER_PATIENCE_SECONDS


def device_name() -> str:
    """``LAMP_DEVICE``, or ``cuda`` when there is one, or ``cpu``; each process of torchrun has its own."""
    import torch

    wanted = os.environ.get("LAMP_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and "LOCAL_RANK" in os.environ:
        wanted = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise LampError(f"LAMP_DEVICE={wanted} is no device; use cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LampError(f"LAMP_DEVICE={wanted} is not here; devices: cpu{_cuda_devices()}")
    return wanted


def _cuda_devices() -> str:
    import torch

    return "".join(f", cuda:{index}" for index in range(torch.cuda.device_count()))


def _count(variable: str) -> int | None:
    text = os.environ.get(variable, "")
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise LampError(f"{variable}={text} is no count; use a whole number from 1")
    return int(text)
