"""A page over a small project, asked as a browser asks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lamp_core.page.app import page_app
from lamp_core.page.workshop import Workshop

OWN = "http://127.0.0.1:8080"


@pytest.fixture
def workshop(small_data: Path, tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(small_data, tmp_path / "answers.jsonl")
    yield workshop
    workshop.shelf.close()


@pytest.fixture
def page(workshop: Workshop) -> TestClient:
    return TestClient(page_app(workshop), base_url=OWN, raise_server_exceptions=False)
