"""The page as a person uses it: typing, dropping files, scrubbing, exporting, comparing blind."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lamp_core.page.workshop import Workshop
from lamp_core.skeleton.bvh_writer import write_bvh
from tests.e2e.browser import Browser, Page
from tests.e2e.page_server import replace_weights, served, write_index
from tests.small_project import make_small_project
from tests.waiting import wait_until

SPACE, HOME, END, LEFT, RIGHT = 32, 36, 35, 37, 39
PLAYER = "document.querySelector('.panel .lamp-player')"
DRAWN = (
    "[...document.querySelectorAll('.panel canvas')].filter((canvas) => canvas.width && "
    "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v)).length"
)


def runs() -> dict[str, object]:
    stages = [
        {"name": "ingest", "state": "fresh", "reason": "", "done": 0, "total": 0},
        {"name": "t2m", "state": "running", "reason": "process 7 3/8", "done": 3, "total": 8},
    ]
    links = [{"name": "MLflow", "url": "http://127.0.0.1:5000", "hint": ""}]
    return {"runs": ["run walks is at work"], "stages": stages, "links": links}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    root = tmp_path_factory.mktemp("page")
    make_small_project(root / "data")
    write_index(root / "data")
    own = {"other set": root / "data" / "features"}
    return Workshop(root / "data", root / "answers.jsonl", {"older": root / "data"}, runs, lambda: own)


@pytest.fixture(scope="module")
def address(workshop: Workshop) -> Iterator[str]:
    with served(workshop) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """The page in a small window, since figures are drawn without a graphics card."""
    with chromium.open("about:blank") as page:
        page.look_as(900, 700)
        page.go(address)
        page.wait_for("document.querySelectorAll('.tab').length === 7")
        yield page
        assert page.faults == []


def open_panel(page: Page, name: str) -> None:
    page.click(f"#tab-{name}")
    page.wait_for(f"document.querySelector('.panel').ariaLabel === '{name.capitalize()}'")


def wait_for_views(page: Page, count: int) -> None:
    page.wait_for(f"document.querySelectorAll('.panel .lamp-view').length === {count} && {DRAWN} >= {count}")


def time_of(page: Page) -> float:
    return float(page.evaluate("document.querySelector('.panel .lamp-scrub').value"))


def test_generate_scrub_and_export(page: Page, tmp_path: Path) -> None:
    page.save_downloads(tmp_path)
    page.type(".panel textarea", "a person moonwalks forward")
    page.type(".panel input[max='12']", "3")
    page.click(".panel .primary")
    wait_for_views(page, 3)
    assert "never saw: moonwalk" in page.evaluate("document.querySelector('.notes').innerText")
    assert page.evaluate("document.querySelectorAll('.of-tokens .tl-token').length") > 3
    page.click(".panel canvas")
    page.press("Home", HOME)
    page.wait_for("Number(document.querySelector('.panel .lamp-scrub').value) < 3")
    page.press("ArrowRight", RIGHT)
    at = time_of(page)
    page.press("ArrowRight", RIGHT)
    assert time_of(page) == pytest.approx(at + 0.05, abs=1e-3)
    page.click(".panel .lamp-scrub", across=0.75)
    assert time_of(page) > at
    page.click(".panel .tl-rows", across=0.5)
    seek = time_of(page)
    page.press("End", END)  # of the scrub or the line, whichever has the focus
    assert seek > 0
    page.click(".panel [aria-pressed=false].wide")  # one scene
    wait_for_views(page, 1)
    page.click("[data-ending='.bvh']")
    wait_until(lambda: [*tmp_path.glob("*.bvh")] != [])
    assert "seed=0" in page.evaluate("location.hash")
    page.click(".panel .buttons button:nth-child(2)")  # again with another seed
    page.wait_for("document.querySelectorAll('.history li').length === 2")
    page.click(".history li:last-child .entry")
    page.wait_for("location.hash.includes('seed=0')")


def test_a_link_brings_the_motion_back(page: Page, address: str) -> None:
    page.go(f"{address}/#generate?text=a+person+waves&seed=5&count=1&seconds=1.6")
    page.evaluate("location.reload()")
    page.wait_for("document.querySelector('.panel textarea').value === 'a person waves'")
    wait_for_views(page, 1)
    assert page.evaluate("document.querySelectorAll('.of-tokens .tl-token').length") == 8  # 1.6 s
    assert page.evaluate("document.querySelector('.panel .lamp-time').value").endswith("1.55 s")
    assert "seed 5" in page.evaluate("document.querySelector('.main .fine').innerText")


def test_a_bad_request_is_a_line_and_the_page_goes_on(page: Page, workshop: Workshop, tmp_path: Path) -> None:
    open_panel(page, "describe")
    for name, content, said in (
        ("bad.bvh", b"no hierarchy", "bad.bvh"),
        ("bad.npy", b"\x93NUMPY", "bad.npy"),
        ("walk.txt", b"walk", "unknown ending '.txt'"),
    ):
        (tmp_path / name).write_bytes(content)
        page.drop(".drop", tmp_path / name)
        page.wait_for(
            f"document.querySelector('.fault:not([hidden])').innerText.includes({json.dumps(said)})"
        )
        fault = page.evaluate("document.querySelector('.fault:not([hidden])').innerText")
        assert "\n" not in fault and "Traceback" not in fault
    page.drop(".drop", dropped_bvh(workshop, tmp_path))
    page.wait_for("document.querySelector('.said').innerText")
    assert page.evaluate("document.querySelectorAll('.fault:not([hidden])').length") == 0
    refused = [fault for fault in page.faults if "status of 400" in fault]
    assert len(refused) == 3  # the browser's own words for the three answers
    page.faults = [fault for fault in page.faults if fault not in refused]


def test_edit_a_dropped_motion(page: Page, workshop: Workshop, tmp_path: Path) -> None:
    file = dropped_bvh(workshop, tmp_path)
    open_panel(page, "edit")
    page.drop(".drop", file)
    page.wait_for("document.querySelector('.tl-span')")
    page.drag(".panel .tl-rows", 0.45, 0.55)
    handles = [f"document.querySelector('.tl-handle.{end}').ariaValueNow" for end in ("from", "to")]
    marked = [float(page.evaluate(handle)) for handle in handles]
    seconds = float(page.evaluate("document.querySelector('.panel .lamp-scrub').max"))
    assert 0.3 * seconds < marked[0] < marked[1] < 0.6 * seconds  # the label stands before the line
    page.type(".panel textarea", "a person jumps")
    page.click(".panel .primary")
    page.wait_for("document.querySelectorAll('.lamp-player').length === 2")
    page.wait_for("document.querySelectorAll('.lamp-player')[1].querySelectorAll('.lamp-view').length === 2")
    titles = page.evaluate(
        "[...document.querySelectorAll('.lamp-player:last-of-type .lamp-title')].map((e) => e.innerText)"
    )
    assert titles[-2:] == ["old", "new"]
    made = page.evaluate("document.querySelector('.fine').innerText")
    start, end = map(float, re.findall(r"\d+\.\d+", made))
    token = 0.2  # seconds: whole tokens are made anew, never less than what is marked
    assert marked[0] - token < start <= marked[0] + 0.01 and marked[1] - 0.01 <= end < marked[1] + token


def test_describe_a_dropped_motion_in_windows(page: Page, workshop: Workshop, tmp_path: Path) -> None:
    joints_TJ3 = workshop.shelf.get(f"clip:{workshop.clips.names[1]}").joints_TJ3
    np.save(tmp_path / "wave.npy", joints_TJ3)
    open_panel(page, "describe")
    page.drop(".drop", tmp_path / "wave.npy")
    page.wait_for("document.querySelectorAll('.cards .card canvas').length === 6")
    assert page.evaluate("document.querySelector('.said').innerText")
    page.type(".panel input[placeholder='the whole motion']", "2")
    page.click(".panel .primary")
    page.wait_for("document.querySelectorAll('.tl-caption').length >= 2")
    page.click(".tl-caption:nth-child(2)")
    start = float(
        page.evaluate("document.querySelector('.windows li:nth-child(2) small').innerText.split(' ')[0]")
    )
    assert time_of(page) == pytest.approx(start, abs=0.06) and start > 1


def test_search_by_text_keywords_and_motion(page: Page) -> None:
    open_panel(page, "search")
    page.type(".panel input[type=search]", "someone walks")
    page.click(".panel .primary")
    page.wait_for("document.querySelectorAll('.card canvas').length >= 6")
    page.click(".segments label:nth-child(2)")
    page.type(".panel input[placeholder^='run']", "jump")
    page.click(".panel .primary")
    page.wait_for("document.querySelector('.card mark')?.innerText.startsWith('jump')")
    names = page.evaluate("[...document.querySelectorAll('.card .name')].map((e) => e.innerText)")
    assert names and all("jump" in name for name in names)
    page.click(".card .uses a:nth-child(3)")  # like it
    page.wait_for(
        "document.querySelector('.own canvas') && document.querySelectorAll('.cards .card').length >= 6"
    )


def test_the_gallery_holds_what_is_seen_alone(page: Page, workshop: Workshop) -> None:
    open_panel(page, "gallery")
    count = len(workshop.clips.names)
    page.wait_for(f"document.querySelector('.filters output').innerText === '{count} of {count} clips'")
    assert 0 < page.evaluate("document.querySelectorAll('.card').length") < count / 2
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = json.dumps(workshop.clips.names[-1])
    page.wait_for(f"[...document.querySelectorAll('.card .name')].some((e) => e.innerText === {last})")
    page.choose("[aria-label=Split]", "test")
    page.type(".filters input", "walk")
    page.evaluate("document.querySelector('.filters input').dispatchEvent(new Event('input'))")
    clips = workshop.clips
    found = sum(
        split == "test" and ("walk" in name.lower() or "walk" in captions[0].text.lower())
        for name, split, captions in zip(clips.names, clips.splits, clips.captions, strict=True)
    )
    assert 0 < found < count / 2
    told = f"document.querySelector('.filters output').innerText === '{found} of {count} clips'"
    page.wait_for(told)
    page.choose("[aria-label='Data set']", "other set")
    page.wait_for(f"document.querySelector('.card a').hash.includes('other') && {told}")
    page.wait_for("document.querySelector('.card canvas')")  # a clip of the other set is drawn


def test_a_blind_comparison_is_kept_and_counted(page: Page, workshop: Workshop) -> None:
    open_panel(page, "compare")
    page.wait_for("document.querySelectorAll('.maker').length === 2")
    page.click(".row label:nth-child(2)")
    page.click(".panel .primary")
    page.wait_for(
        "document.querySelector('.question') && document.querySelectorAll('.lamp-view').length === 3"
    )
    letters = page.evaluate("[...document.querySelectorAll('.lamp-title')].map((e) => e.innerText)")
    assert letters == ["A", "B", "C"]
    page.click(".choice:nth-of-type(1) input[value=B]")
    page.click(".choice:nth-of-type(2) input[value=A]")
    page.click(".question .primary")
    page.wait_for("document.querySelectorAll('.tally tr').length >= 3")
    (line,) = map(json.loads, workshop.answers.read_text().splitlines())
    assert line["better"] == line["shown"]["B"] and line["truth"] == line["shown"]["A"]
    assert set(line["shown"].values()) == {"this project", "older", "truth"}
    titles = page.evaluate("[...document.querySelectorAll('.lamp-title')].map((e) => e.innerText)")
    assert titles == [f"{letter}: {line['shown'][letter]}" for letter in letters]


def test_what_runs_is_shown_with_its_progress(page: Page) -> None:
    open_panel(page, "runs")
    page.wait_for("document.querySelector('progress')?.value === 3")
    text = page.evaluate("document.querySelector('.panel').innerText")
    assert "run walks is at work" in text and "process 7 3/8" in text
    assert page.evaluate("document.querySelector('a.button').href") == "http://127.0.0.1:5000/"


def test_dark_and_light_and_narrow(page: Page, workshop: Workshop) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) != light
    page.click("#theme")
    assert page.evaluate(colour) == light
    page.look_as(380, 700, "dark")
    for name in ("generate", "edit", "describe", "search", "gallery", "compare", "runs"):
        page.evaluate(f"location.hash = '{name}'")
        page.wait_for(f"document.querySelector('#tab-{name}').getAttribute('aria-current')")
        page.wait_for("document.querySelector('.panel')")
        assert page.evaluate("document.documentElement.scrollWidth") <= 380, name
    page.evaluate(f"location.hash = 'describe?motion=clip:{workshop.clips.names[1]}'")
    page.wait_for("document.querySelectorAll('.cards .card canvas').length === 6")
    page.wait_for("document.querySelector('.strip svg')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_a_missing_model_is_named_and_taken_when_it_comes_and_when_it_is_replaced(
    chromium: Browser, workshop: Workshop, tmp_path: Path
) -> None:
    data, trained = tmp_path / "data", workshop.data / "t2m"
    data.mkdir()
    for folder in workshop.data.iterdir():
        if folder != trained:
            (data / folder.name).symlink_to(folder)
    missing = "document.querySelector('.side > .fault')?.innerText"
    with served(Workshop(data, tmp_path / "answers.jsonl")) as address, chromium.open("about:blank") as page:
        page.look_as(900, 700)
        page.go(address)
        page.wait_for(f"{missing}.includes('lamp run --until t2m')")
        shutil.copytree(trained, data / "t2m")
        open_panel(page, "runs")
        open_panel(page, "generate")
        page.wait_for(f"{missing} === undefined && !document.querySelector('.tab.missing')")
        page.type(".panel textarea", "a person walks")
        page.type(".panel input[max='12']", "1")
        page.click(".panel .primary")
        wait_for_views(page, 1)
        replace_weights(data / "t2m" / "model.safetensors")
        page.click(".panel .buttons button:nth-child(2)")  # again with another seed
        page.wait_for("document.querySelectorAll('.history li').length === 2")
        wait_for_views(page, 1)
        assert page.evaluate("document.querySelectorAll('.fault:not([hidden])').length") == 0
        assert page.faults == []


def test_without_webgl_the_figures_are_drawn_flat(chromium: Browser, address: str) -> None:
    none = (
        "const all = HTMLCanvasElement.prototype, own = all.getContext; all.getContext = "
        "function (kind, ...how) { return kind.startsWith('webgl') ? null : own.call(this, kind, ...how); };"
    )
    with chromium.open("about:blank") as page:
        page.look_as(900, 700)
        page.call("Page.addScriptToEvaluateOnNewDocument", source=none)
        page.go(f"{address}/#gallery")
        page.wait_for(
            "document.querySelector('#figure-notice:not([hidden])').innerText.includes('drawn flat')"
        )
        page.wait_for(f"{DRAWN} >= 2")
        assert page.faults == []


def dropped_bvh(workshop: Workshop, folder: Path) -> Path:
    motion = workshop.shelf.get(f"clip:{workshop.clips.names[1]}")
    write_bvh(folder / "dropped.bvh", motion.joints_TJ3, motion.skeleton, motion.rate)
    return folder / "dropped.bvh"
