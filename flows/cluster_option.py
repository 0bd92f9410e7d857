"""The address of a Dask scheduler, by either spelling: where work is done is no parameter of a stage."""

from collections.abc import Sequence

from lamp_core.errors import LampError

ADDRESS = "cluster.address"


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
