"""Servers that all tests of several machines share, and the browser."""

from collections.abc import Iterator

import pytest

from docs.browser import chromium as find_chromium
from tests.cluster import POSTGRES, Servers, servers
from tests.e2e.browser import Browser, browser


@pytest.fixture(scope="session")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real servers for workers in clones."""
    if not (POSTGRES / "initdb").exists():
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with servers(tmp_path_factory.mktemp("servers")) as started:
        yield started


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A running browser; without one the test is skipped."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on the path: apt-get install chromium")
    with browser(program, tmp_path_factory.mktemp("chromium")) as started:
        yield started
