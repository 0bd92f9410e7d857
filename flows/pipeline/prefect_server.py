"""Prefect's settings for a project: its database in ``.lamp/prefect``, its words in a file, no calls home."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml
from tasks.project import Project, write_atomically
from tasks.system.orphans import lifeline_environment
from tasks.system.processes import ProcessMark, this_process
from tasks.system.servers import reach_local_servers, require_answer, sqlite_address

SERVER_START_SECONDS = 180
PREFECT = "Prefect"
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
OF_DATABASE = ("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_")
SERVER_ENVIRONMENT = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}
"""What Prefect sets for a temporary server."""


def prefect_settings(project: Project) -> dict[str, str]:
    """Environment variables for Prefect; what the user has set stays."""
    home = Path(os.environ.get("PREFECT_HOME") or project.state / "prefect")
    address = sqlite_address(home / "prefect.db", "sqlite+aiosqlite")
    is_database_set = any(name.startswith(OF_DATABASE) for name in os.environ)
    # Prefect's own address of that file takes no ? in the names of folders.
    own = {DATABASE: address} if "?" in str(home) and not is_database_set else {}
    return own | {
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_SETTINGS_PATH": str(_logging_file(project)),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(SERVER_START_SECONDS),
        "DO_NOT_TRACK": "1",
    }


def prepare(project: Project) -> None:
    """Set up Prefect for this process; it must not have been imported yet.

    While `lamp ui` is open, its server is the one: its page shows the run as it happens.
    """
    reach_local_servers()
    write_logging_file(project)
    settings = prefect_settings(project)
    if (page := open_page(project)) is not None:
        settings["PREFECT_API_URL"] = page
    elif not os.environ.get("PREFECT_API_URL"):  # a server of the run's own that is gone does not come back
        settings["PREFECT_CLIENT_MAX_RETRIES"] = "1"
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def note_pages(project: Project, pages: Mapping[str, str]) -> None:
    """Say that this process keeps pages open, each at an address; that of Prefect is its API's."""
    write_atomically(_page_file(project), json.dumps({"process": str(this_process()), "pages": dict(pages)}))


def open_pages(project: Project) -> dict[str, str]:
    """Addresses of the pages that `lamp ui` keeps open, by name; none when it is not."""
    try:
        noted = json.loads(_page_file(project).read_text())
        mark = ProcessMark.read(noted["process"])
        return dict(noted["pages"]) if mark is not None and mark.is_alive else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def open_page(project: Project) -> str | None:
    """Address of the API of the Prefect server that `lamp ui` keeps open; None when it is not."""
    return open_pages(project).get(PREFECT)


def start_server() -> None:
    """Start the temporary server that Prefect would start by itself, so that it ends with this process.

    Where a server is set (``PREFECT_API_URL``) it has to answer.

    Raises:
        LampError: it does not, or the run's own does not start.
    """
    import prefect
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, get_current_settings

    class LifelineServer(SubprocessASGIServer):
        """Prefect finds it as its own: there is one for each port."""

        def _run_uvicorn_command(self) -> "subprocess.Popen[Any]":
            command = [sys.executable, "-m", "tasks.system.orphans", "uvicorn"]
            place = ["--host", "127.0.0.1", "--port", str(self.port), "--lifespan", "on"]
            package = ["--app-dir", str(prefect.__module_path__.parent), "--log-level", "error"]
            settings = get_current_settings().to_environment_variables(exclude_unset=True)
            return subprocess.Popen(
                [*command, *package, *place, "--factory", "prefect.server.api.server:create_app"],
                env={**os.environ, **SERVER_ENVIRONMENT, **settings, **lifeline_environment()},
            )

    if is_server_set():
        remedy = "start it, or unset PREFECT_API_URL: a run then brings a server of its own"
        require_answer("Prefect", PREFECT_API_URL.value(), remedy)
        return
    try:
        LifelineServer().start()
    except RuntimeError as error:  # Prefect's only word for it
        raise LampError(
            f"the run's own Prefect server did not start in {SERVER_START_SECONDS} s ({error}); `lamp doctor`"
            " looks at the machine, `prefect server start` shows what the server says"
        ) from error


def is_server_set() -> bool:
    """Whether Prefect is to use a server that runs already."""
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() is not None


def write_logging_file(project: Project) -> None:
    """Write Prefect's own logging configuration, the console's part sent to ``.lamp/logs/prefect.log``."""
    package = find_spec("prefect")
    assert package is not None and package.origin is not None
    settings = parse_yaml((Path(package.origin).parent / "logging" / "logging.yml").read_text())
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


def _page_file(project: Project) -> Path:
    return project.state / "prefect" / "pages.json"


def _logging_file(project: Project) -> Path:
    return project.state / "prefect" / "logging.yml"
