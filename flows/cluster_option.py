"""Options that say where work is done, which is no parameter of a stage: the address of a Dask scheduler, by
either spelling, and how large a cluster may be.
"""

from collections.abc import Sequence

from lamp_core.errors import LampError

ADDRESS = "cluster.address"
MOST_MACHINES = 10_000
"""Nodes, cards, cores or stages of a job: more of them are a slip of the hand."""


def without_cluster(assignments: Sequence[str], cluster: str | None) -> tuple[list[str], str | None]:
    """Take `--set cluster.address=ADDRESS` for `--cluster ADDRESS`.

    Returns:
        The other assignments, and the address; an empty one takes the processes of this machine.

    Raises:
        LampError: two addresses.
    """
    stated = [text.partition("=")[2].strip() for text in assignments if _key(text) == ADDRESS]
    if len({*stated, cluster} - {None}) > 1:
        raise LampError(f"--cluster and --set {ADDRESS} name different addresses; give one")
    others = [text for text in assignments if _key(text) != ADDRESS]
    return others, stated[0] if stated else cluster


def _key(assignment: str) -> str:
    return assignment.partition("=")[0].strip()
