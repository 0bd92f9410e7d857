"""Whether a server answers, asked before anything waits for it; and where a database in a file is.

The clients of MLflow, Prefect and DVC's remotes try again for minutes by themselves.
"""

import os
import socket
import threading
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, quote, urlsplit
from urllib.request import Request, urlopen

from lamp_core.errors import LampError
from tasks.system.redaction import masked

SECONDS_TO_ANSWER = 5.0
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
PORTS = {"http": 80, "https": 443, "ssh": 22, "sftp": 22}
GATEWAY_FAULTS = {502, 503, 504}
"""What a proxy says for a server that is not there."""


def reach_local_servers() -> None:
    """Let every client reach the servers of this machine directly, whatever proxy the environment names."""
    named = [
        part.strip() for name in ("NO_PROXY", "no_proxy") for part in os.environ.get(name, "").split(",")
    ]
    left = dict.fromkeys([*filter(None, named), *THIS_MACHINE])
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(left)


def answers(address: str, seconds: float = SECONDS_TO_ANSWER) -> bool:
    """Whether something answers at an address within some seconds; True where it names no server.

    Any HTTP answer counts, a refusal too: the client then says what the server wants.
    """
    parts = urlsplit(address)
    if parts.scheme not in PORTS or not parts.hostname:
        return True
    heard: list[bool] = []
    ask = _asks_http if parts.scheme in {"http", "https"} else _connects
    # A name server that is silent is waited for without any limit of ours: so a thread asks.
    thread = threading.Thread(target=lambda: heard.append(ask(parts, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(heard and heard[0])


def require_answer(name: str, address: str, remedy: str) -> None:
    """Raise unless a server answers.

    Args:
        name: of the server, for the error.
        address: of it.
        remedy: what to do.

    Raises:
        LampError: it does not, within `SECONDS_TO_ANSWER`.
    """
    if not answers(address):
        raise LampError(f"{name} at {shown(address)} does not answer; {remedy}")


def sqlite_address(file: Path, driver: str = "sqlite") -> str:
    """The address of a database in a file, whatever the names of its folders.

    Of a plain path SQLAlchemy reads what follows ``?`` as options; SQLite then gets an address of its own, by
    a driver that is named: of plain ``sqlite`` MLflow makes a folder of what it takes for a path.
    """
    if "?" not in str(file):
        return f"{driver}:///{file}"
    named = driver if "+" in driver else f"{driver}+pysqlite"
    return f"{named}:///file:{quote(str(file))}?uri=true"


def shown(address: str) -> str:
    """An address without its user and password."""
    parts = urlsplit(address)
    return masked(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl().rstrip("/"))


def _asks_http(parts: SplitResult, seconds: float) -> bool:
    reach_local_servers()
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    try:
        with urlopen(Request(f"{place.rstrip('/')}/health"), timeout=seconds):
            return True
    except HTTPError as error:
        return error.code not in GATEWAY_FAULTS
    except URLError as error:
        return isinstance(error.reason, SSLError)
    except (OSError, HTTPException, ValueError):
        return False


def _connects(parts: SplitResult, seconds: float) -> bool:
    try:
        place = (parts.hostname or "", parts.port or PORTS[parts.scheme])
        with socket.create_connection(place, seconds):
            return True
    except (OSError, ValueError):
        return False
