"""The pictures of the page: `lamp page` over a project that has run, used as a person uses it."""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from docs.browser import chromium, served
from docs.drawings import FOLDER
from lamp_core.errors import LampError
from tests.e2e.browser import Page, browser

WIDTH = 1280
SECONDS_TO_SETTLE = 2.0
LONG = 4.0
"""Seconds that a motion lasts at least to be shown."""
PICTURES = (
    "page.png",
    "page-edit.jpg",
    "page-describe.jpg",
    "page-search.jpg",
    "page-gallery.jpg",
    "page-compare.jpg",
)
CLIPS = (
    "fetch('/api/gallery', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })"
    ".then((answer) => answer.json()).then(({ clips }) => clips)"
)


def page_pictures(project: Path) -> None:
    """Photograph every panel but that of the runs; LampError where the page has a fault."""
    program = chromium()
    if program is None:
        raise LampError("no Chromium on the path: apt-get install chromium")

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "flows.cli", "page", "--port", str(port), "--no-open"]

    with (
        served(command, project, {}, "/") as address,
        TemporaryDirectory() as profile,
        browser(program, Path(profile)) as started,
        started.open("about:blank") as page,
    ):
        page.look_as(WIDTH, 760)
        page.go(address)
        page.wait_for("document.querySelectorAll('.tab').length === 7")
        for take in (_generate, _edit, _describe, _search, _gallery, _compare):
            take(page)
        if page.faults:
            raise LampError(f"the page says: {page.faults[0]}")


def _generate(page: Page) -> None:
    page.evaluate(
        f"location.hash = 'generate?text={quote('a person walks forward')}&seconds=4&count=3&seed=0'"
    )
    _wait_for_views(page, 3)
    _take(page, "page.png", 540)


def _edit(page: Page) -> None:
    page.evaluate(f"location.hash = 'edit?motion=clip:{_long_clip(page)}'")
    page.wait_for("document.querySelector('.tl-span')")
    page.type(".panel textarea", "a person jumps")
    page.click(".panel .primary")
    page.wait_for("document.querySelectorAll('.lamp-player').length === 2")
    _wait_for_views(page, 3)
    _take(page, "page-edit.jpg", 1080)


def _describe(page: Page) -> None:
    page.evaluate(f"location.hash = 'describe?motion=clip:{_long_clip(page)}'")
    page.wait_for("document.querySelectorAll('.cards .card canvas').length === 6")
    _take(page, "page-describe.jpg", 1180)


def _search(page: Page) -> None:
    page.evaluate("location.hash = 'search?text=someone+jumps'")
    page.wait_for("document.querySelectorAll('.cards .card canvas').length >= 12")
    _take(page, "page-search.jpg", 640)


def _gallery(page: Page) -> None:
    page.evaluate("location.hash = 'gallery'")
    page.wait_for("document.querySelectorAll('.virtual .card canvas').length >= 10")
    _take(page, "page-gallery.jpg", 640, theme="dark")


def _compare(page: Page) -> None:
    page.evaluate("location.hash = 'compare'")
    page.wait_for("document.querySelectorAll('.maker').length >= 2")
    page.click(".row label:nth-child(2)")  # blind
    page.click(".panel .primary")
    page.wait_for("document.querySelector('.question')")
    _take(page, "page-compare.jpg", 760)


def _long_clip(page: Page) -> str:
    """The first clip of the test split that lasts long enough."""
    clips = page.evaluate(CLIPS)
    return next(str(name) for name, split, seconds, *_ in clips if split == "test" and seconds >= LONG)


def _wait_for_views(page: Page, count: int) -> None:
    page.wait_for(f"document.querySelectorAll('.panel .lamp-view').length >= {count}")


def _take(page: Page, name: str, height: int, theme: str = "light") -> None:
    """A picture of the panel in a window of this height, its motions in the middle of what they do."""
    page.look_as(WIDTH, height, theme)
    page.call("Emulation.setScrollbarsHidden", hidden=True)
    page.evaluate("document.querySelector('.notes').replaceChildren()")  # they name the project's folder
    for scrub in range(page.evaluate("document.querySelectorAll('.panel .lamp-scrub').length")):
        chosen = f"document.querySelectorAll('.panel .lamp-scrub')[{scrub}]"
        page.evaluate(f"{chosen}.value = 0.45 * {chosen}.max")
        page.evaluate(f"{chosen}.dispatchEvent(new Event({json.dumps('input')}, {{ bubbles: true }}))")
    page.evaluate("scrollTo(0, 0)")
    time.sleep(SECONDS_TO_SETTLE)  # what is seen is drawn
    page.picture(FOLDER / name)
