"""``lamp page``: look at motions, ask the models and compare them in the browser, on this machine alone."""

import signal
import socket
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamp_core.errors import LampError
from tasks.project import Project, find_project

if TYPE_CHECKING:
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
    workshop = _workshop(project, _others(beside or []))
    listening = _bound(port)
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

    return Workshop(project.data, project.state / "page" / "answers.jsonl", others)


def _others(given: list[str]) -> dict[str, Path]:
    """Data folders by name; LampError for one that is none."""
    found = {}
    for each in given:
        name, _, folder = each.partition("=")
        if not name or not Path(folder).is_dir():
            raise LampError(f"--with {each}: give it as NAME=FOLDER, the data folder of a run")
        found[name] = Path(folder)
    return found


def _bound(port: int) -> socket.socket:
    """A socket that listens on the port; LampError where it is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise LampError(
            f"port {port} cannot be used ({error.strerror}); choose another with --port"
        ) from error
    return listening
