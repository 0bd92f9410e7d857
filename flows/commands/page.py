"""``lamp page``: look at motions, ask the models and compare them in the browser, on this machine alone."""

import signal
import socket
import threading
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamp_core.errors import LampError
from tasks.project import Project, find_project

if TYPE_CHECKING:
    from flows.pipeline.stage_states import StageStates
    from lamp_core.page.workshop import Workshop

HOST = "127.0.0.1"
LAST_PORT = 65535
SECONDS_TO_END = 3


def page(
    port: Annotated[int, typer.Option(min=0, max=LAST_PORT, help="Port; 0 takes a free one.")] = 8080,
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = True,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME=FOLDER",
            help="Data folder of another run, or what `lamp fetch` wrote, to compare with; may be repeated.",
        ),
    ] = None,
) -> None:
    """Open a page to generate, edit, describe, search and compare motions, until Ctrl-C.

    It answers this machine alone (127.0.0.1) and loads nothing from elsewhere.
    """
    import uvicorn

    from lamp_core.page.app import page_app
    from lamp_core.page.catalogue import load_models

    project = find_project()
    others, listening = _others(beside or []), _bound(port)
    workshop = _workshop(project, others)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    config = uvicorn.Config(
        page_app(workshop), log_level="warning", lifespan="off", timeout_graceful_shutdown=SECONDS_TO_END
    )
    typer.echo(f"page: {address}\nCtrl-C ends it")
    threading.Thread(target=load_models, args=(workshop,), daemon=True).start()
    if opens:
        webbrowser.open(address)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn hands the signal on when it has ended
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
        workshop.shelf.close()
    typer.echo("ended")


def _workshop(project: Project, others: Mapping[str, Path]) -> "Workshop":
    from lamp_core.page.workshop import Workshop

    answers = project.state / "page" / "answers.jsonl"
    return Workshop(project.data, answers, others, Runs(project).told, partial(_sets, project))


def _sets(project: Project) -> dict[str, Path]:
    """Folders of features of the registered data sets whose outputs stand and can be read."""
    from lamp_core.config import load_params
    from lamp_core.datasets.registry import source_names
    from tasks.dataset_outputs import known_outputs

    found = {}
    for name in source_names(project.data):
        with suppress(LampError, OSError):
            outputs = known_outputs(project, load_params(project.params_file), name)
            if outputs is not None:
                found[name] = outputs.features
    return found


class Runs:
    """What `lamp status` tells, for the page; DVC is asked by one request at a time."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._states: StageStates | None = None
        self._turn = threading.Lock()

    def told(self) -> dict[str, Any]:
        """Runs at work, a row a stage, and the addresses of MLflow and Prefect where they are open."""
        from flows.pipeline.stage_states import StageStates

        with self._turn:
            if self._states is None:
                self._states = StageStates(self._project)
            else:
                self._states.look_again()
            states = self._states
            return {
                "runs": states.run_lines(),
                "stages": [_row(states, name, *row) for name, row in states.rows().items()],
                "links": self._links(),
            }

    def _links(self) -> list[dict[str, str | None]]:
        from flows.pipeline.prefect_server import open_pages
        from tasks.mlflow.store import server_page

        pages = open_pages(self._project)
        mlflow = server_page(self._project) or pages.get("MLflow")
        prefect = pages["Prefect"].removesuffix("/api") if "Prefect" in pages else None
        return [
            {"name": name, "url": url, "hint": f"{name} is closed; `lamp ui` opens it"}
            for name, url in (("MLflow", mlflow), ("Prefect", prefect))
        ]


def _row(states: "StageStates", name: str, state: str, reason: str) -> dict[str, Any]:
    progress = states.progress.get(name) if state == "running" else None
    done, total = (progress.done, progress.total) if progress is not None else (0, 0)
    return {"name": name, "state": state, "reason": reason, "done": done, "total": total}


def _others(given: list[str]) -> dict[str, Path]:
    """Data folders by name; LampError for one that is none."""
    found = {}
    for each in given:
        name, _, folder = each.partition("=")
        if not name or not folder or not Path(folder).is_dir():
            raise LampError(f"--with {each}: give it as NAME=FOLDER, the data folder of a run")
        found[name] = Path(folder)
    return found


def _bound(port: int) -> socket.socket:
    """A socket that listens on the port; LampError where it is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # before the address is said: who comes early waits, and is not refused
    except OSError as error:
        listening.close()
        raise LampError(
            f"port {port} cannot be used ({error.strerror}); choose another with --port"
        ) from error
    return listening
