"""Headless Chromium by its DevTools protocol: open a page, wait until it shows something, read its text."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

LISTENING = re.compile(r"DevTools listening on ws://(\S+?)/")
SECONDS_TO_START = 30.0
LARGEST_MESSAGE = 2**26
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "--window-size=1600,2400",
)


class Page:
    """A page of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._ids = connection, count(1)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        wanted = next(self._ids)
        asked = {"id": wanted, "method": "Runtime.evaluate"}
        asked["params"] = {"expression": expression, "returnByValue": True}
        self._connection.send(json.dumps(asked))
        while True:
            answer = json.loads(self._connection.recv(timeout=30))
            if answer.get("id") == wanted:
                return answer["result"]["result"].get("value")

    def text_with(self, *wanted: str, seconds: float) -> str:
        """What the page shows as soon as all of ``wanted`` stand in it, or else when time is up."""
        until = time.monotonic() + seconds
        text = ""
        while time.monotonic() < until:
            text = str(self.evaluate("document.body ? document.body.innerText : ''"))
            if all(part in text for part in wanted):
                break
            time.sleep(0.2)
        return text


class Browser:
    """A running browser."""

    def __init__(self, address: str) -> None:
        self._address = address

    @contextmanager
    def open(self, url: str) -> Iterator[Page]:
        """A new page with this address."""
        with urlopen(Request(f"http://{self._address}/json/new?{url}", method="PUT"), timeout=30) as answer:
            target = json.load(answer)
        with connect(target["webSocketDebuggerUrl"], max_size=LARGEST_MESSAGE) as connection:
            yield Page(connection)


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Browser]:
    """Start the browser with a new profile, and end it."""
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Browser(_address(process))
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS_TO_START)


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := LISTENING.search(line):
            return found[1]
    raise AssertionError(f"the browser did not start: {said}")
