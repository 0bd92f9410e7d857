"""One stage in several processes: torchrun in the place of its own, on one node or, under Slurm, several."""

import os
import sys
from collections.abc import Mapping

from lamp_core.config import load_params
from lamp_core.errors import LampError
from tasks.project import find_project
from tasks.stages.catalogue import CATALOGUE
from tasks.system import resources
from tasks.system.orphans import also_end_with_this_process
from tasks.system.redaction import refuse

FIRST_PORT, PORTS = 20000, 10000
"""Of the meeting point of the nodes; a job has its own, by its number."""


def go_on_in_several_processes(stage: str) -> None:
    """Go on as torchrun where ``LAMP_CARDS``, ``LAMP_NODES`` or the parameters ask for several and it trains.

    The process keeps its number, its lifeline and its log. Nothing happens for one process, or in torchrun.
    """
    module = sys.modules["__main__"].__spec__
    if resources.is_one_of_many() or not CATALOGUE.stages[stage].trains or module is None:
        return
    try:
        cards, nodes = resources.cards(), resources.nodes()
        if cards * nodes == 1 and (cards := _processes(stage)) > 1:
            os.environ.setdefault(*resources.MEETING_ON_THIS_MACHINE)
        if cards * nodes > 1:
            if nodes == 1:  # what torchrun starts has a session of its own, and would outlive its kill
                also_end_with_this_process()
            command = launch(module.name, sys.argv[1:], cards, nodes, os.environ)
            os.execvp(command[0], command)
    except LampError as error:
        refuse(error)


def _processes(stage: str) -> int:
    """How many processes share each batch of a stage where the CPU trains it, as its section says; else one.

    It is a parameter and does not follow from the machine, since two processes round otherwise than one.

    Raises:
        LampError: there is no project, or its parameters cannot be read.
    """
    section = getattr(load_params(find_project().params_file), CATALOGUE.section(stage), None)
    wanted = int(getattr(section, "processes", 1))
    return wanted if wanted > 1 and resources.device_name() == "cpu" else 1


def launch(
    module: str, arguments: list[str], cards: int, nodes: int, environment: Mapping[str, str]
) -> list[str]:
    """The command that runs a module in several processes.

    Args:
        module: of the stage.
        arguments: of it.
        cards: processes a node.
        nodes: of the Slurm job that this process belongs to.
        environment: of this process.

    Raises:
        LampError: several nodes without a Slurm job that has them.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(cards)]
    stage = ["-m", module, *arguments]
    if nodes == 1:
        return [*torchrun, "--standalone", *stage]
    job, first = environment.get("SLURM_JOB_ID", ""), environment.get("SLURMD_NODENAME", "")
    if not job.isdigit() or int(environment.get("SLURM_JOB_NUM_NODES", "1")) < nodes:
        raise LampError(f"{nodes} nodes need a Slurm job that has them: `lamp worker slurm --nodes {nodes}`")
    meeting = f"{first}:{FIRST_PORT + int(job) % PORTS}"
    together = [
        "--nnodes",
        str(nodes),
        "--rdzv-id",
        job,
        "--rdzv-backend",
        "c10d",
        "--rdzv-endpoint",
        meeting,
    ]
    everywhere = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--overlap"]
    return [*everywhere, *torchrun, *together, *stage]
