"""Headless Chromium by its DevTools protocol: open pages, do in them what a person does, read them."""

import base64
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
SECONDS_TO_START = 120.0
SECONDS_TO_ANSWER = 120.0
NARROW = 600
LARGEST_MESSAGE = 2**26
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "--window-size=1600,2400",
)


class Page:
    """A page of the browser, and what a person does in it.

    Args:
        connection: to it.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._ids = connection, count(1)
        self.faults: list[str] = []
        """Errors of its console, exceptions of its scripts and requests that failed."""
        for domain in ("Runtime", "Log", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command of the protocol."""
        wanted = next(self._ids)
        self._connection.send(json.dumps({"id": wanted, "method": method, "params": params}))
        while True:
            answer = json.loads(self._connection.recv(timeout=SECONDS_TO_ANSWER))
            if answer.get("id") == wanted:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        is_error = told.get("type") == "error" or told.get("entry", {}).get("level") == "error"
        if event.get("method") == "Runtime.exceptionThrown" or is_error:
            self.faults.append(json.dumps(told)[:500])

    def look_as(self, width: int, height: int, theme: str = "light") -> None:
        """Show it in a window of this size, by a light or a dark system where nothing plays unasked."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < NARROW,
        )
        wishes = {"prefers-color-scheme": theme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.call("Emulation.setEmulatedMedia", features=features)

    def go(self, url: str) -> None:
        """Open an address in it."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, of a promise what it comes to."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 120.0) -> Any:
        """The value of an expression as soon as it is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            tried = f"(() => {{ try {{ return told({expression}); }} catch {{ return null; }} }})()"
            tried = f"(() => {{ const told = (v) => (v instanceof Node ? true : v); return {tried}; }})()"
            if found := self.evaluate(tried):
                return found
            time.sleep(0.1)
        shown = self.evaluate("document.body.innerText")[:2000]
        raise AssertionError(f"{expression} stays false; {self.faults}; the page shows: {shown}")

    def place(self, selector: str, across: float = 0.5, down: float = 0.5) -> dict[str, float]:
        """A point of an element, scrolled into view."""
        self.wait_for(f"document.querySelector({json.dumps(selector)})")
        found = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({ block: 'center' }); const r = e.getBoundingClientRect(); "
            f"return {{ x: r.left + {across} * r.width, y: r.top + {down} * r.height }}; }})()"
        )
        return dict(found)

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        """Press the mouse on an element."""
        point = self.place(selector, across, down)
        self._mouse("mouseMoved", point)
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, point, button="left", clickCount=1)

    def drag(self, selector: str, start: float, end: float) -> None:
        """Drag the mouse over an element, from one share of its width to another."""
        self._mouse("mousePressed", self.place(selector, start), button="left", clickCount=1)
        for share in (start + (end - start) / 2, end):
            self._mouse("mouseMoved", self.place(selector, share), button="left", buttons=1)
        self._mouse("mouseReleased", self.place(selector, end), button="left", clickCount=1)

    def _mouse(self, kind: str, point: dict[str, float], **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, **point, **more)

    def type(self, selector: str, text: str) -> None:
        """Type a text in place of what stands in a field."""
        self.click(selector)
        self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=text)
        self._tell(selector, "change")

    def press(self, key: str, code: int) -> None:
        """Press a key; ``code`` is its virtual key code."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a list."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}")
        self._tell(selector, "input", "change")

    def _tell(self, selector: str, *events: str) -> None:
        for name in events:
            event = f"new Event('{name}', {{ bubbles: true }})"
            self.evaluate(f"document.querySelector({json.dumps(selector)}).dispatchEvent({event})")

    def drop(self, selector: str, file: Path) -> None:
        """Drop a file on an element."""
        point = self.place(selector)
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, **point, data=data)

    def save_downloads(self, folder: Path) -> None:
        """Write what is downloaded to a folder."""
        self.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def picture(self, path: Path) -> None:
        """Write what the window shows, as PNG or, by the ending, JPEG."""
        kind = "jpeg" if path.suffix == ".jpg" else "png"
        quality = {"quality": 82} if kind == "jpeg" else {}
        found = self.call("Page.captureScreenshot", format=kind, **quality)
        path.write_bytes(base64.b64decode(found["data"]))

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
            connection.send(json.dumps({"id": 0, "method": "Page.close"}))


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
