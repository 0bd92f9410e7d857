"""Prefect's settings for a project: its database in ``.lamp/prefect``, its words in a file, no calls home."""

import os
from importlib.util import find_spec
from pathlib import Path

import yaml

from tasks.project import Project, write_atomically

SERVER_START_SECONDS = 180


def prefect_settings(project: Project) -> dict[str, str]:
    """Environment variables for Prefect; what the user has set stays."""
    return {
        "PREFECT_HOME": str(project.state / "prefect"),
        "PREFECT_LOGGING_SETTINGS_PATH": str(_logging_file(project)),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(SERVER_START_SECONDS),
        "DO_NOT_TRACK": "1",
    }


def prepare(project: Project) -> None:
    """Set up Prefect for this process; it must not have been imported yet."""
    write_logging_file(project)
    for name, value in prefect_settings(project).items():
        os.environ.setdefault(name, value)


def write_logging_file(project: Project) -> None:
    """Write Prefect's own logging configuration, the console's part sent to ``.lamp/logs/prefect.log``."""
    package = find_spec("prefect")
    assert package is not None and package.origin is not None
    settings = yaml.safe_load((Path(package.origin).parent / "logging" / "logging.yml").read_text())
    log = project.log_file("prefect")
    log.parent.mkdir(parents=True, exist_ok=True)
    for name in ("console", "debug"):
        formatter = settings["handlers"][name]["formatter"]
        settings["handlers"][name] = {
            "class": "logging.FileHandler",
            "filename": str(log).replace("$", "$$"),
            "formatter": formatter,
        }
    write_atomically(_logging_file(project), yaml.safe_dump(settings, sort_keys=False))


def _logging_file(project: Project) -> Path:
    return project.state / "prefect" / "logging.yml"
