"""A project whose models are measured."""

from pathlib import Path

import pytest
import torch

from lamp_core.config import Config
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation import Trained
from tests.small_project import make_small_project, small_config


@pytest.fixture(scope="session")
def config() -> Config:
    """Of the small project."""
    return small_config()


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a project that has run."""
    data = tmp_path_factory.mktemp("project") / "data"
    make_small_project(data)
    return data


@pytest.fixture
def trained(data_folder: Path, config: Config) -> Trained:
    """Its models and test items."""
    return Trained(data_folder, config, FeatureSet.load(data_folder / "features"), torch.device("cpu"))
