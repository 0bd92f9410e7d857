"""Servers that all tests of several machines share."""

from collections.abc import Iterator

import pytest

from tests.cluster import POSTGRES, Servers, servers


@pytest.fixture(scope="session")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real servers for workers in clones."""
    if not (POSTGRES / "initdb").exists():
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with servers(tmp_path_factory.mktemp("servers")) as started:
        yield started
