"""The address of a Dask scheduler, by either spelling, is no parameter."""

import pytest

from flows.cluster_option import without_cluster
from lamp_core.errors import LampError

ADDRESS = "tcp://host:8786"


@pytest.mark.parametrize(
    ("assignments", "option", "found"),
    [
        (["ingest.clips=6"], None, (["ingest.clips=6"], None)),
        (["ingest.clips=6"], ADDRESS, (["ingest.clips=6"], ADDRESS)),
        ([f"cluster.address={ADDRESS}", "ingest.clips=6"], None, (["ingest.clips=6"], ADDRESS)),
        ([f"cluster.address = {ADDRESS}"], ADDRESS, ([], ADDRESS)),
        (["cluster.address="], None, ([], "")),
    ],
)
def test_both_spellings_give_the_address(
    assignments: list[str], option: str | None, found: tuple[list[str], str | None]
) -> None:
    assert without_cluster(assignments, option) == found


def test_two_addresses_are_an_error() -> None:
    for assignments, option in (
        ([f"cluster.address={ADDRESS}"], "tcp://other:1"),
        (["cluster.address=a", "cluster.address=b"], None),
    ):
        with pytest.raises(LampError, match=r"--cluster and --set cluster\.address name different addresses"):
            without_cluster(assignments, option)
