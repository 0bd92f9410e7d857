import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from lamp_core.evaluation.catalogue import Metric
from lamp_core.evaluation.results import Result
from lamp_core.report.metric_tables import Cell, PublishedRows, Row, RowGroup, metric_table
from lamp_core.report.report import flatten, format_rank, render_report
from lamp_core.report.report_data import (
    CaptionedMotion,
    Comparison,
    DataSummary,
    HeatMap,
    Highlight,
    KeywordHit,
    MotionWords,
    RejectedSummary,
    ReportData,
    RetrievalExample,
    RetrievedClip,
    SplitSummary,
    StageCurves,
    WordedMotion,
)
from lamp_core.viz.charts import Curve

VOID = {"meta", "input", "br", "path", "rect", "use", "image"}
ATTENTION = np.array([[0.5] * 2 + [0.0] * 6, [0.125] * 8])


class Outline(HTMLParser):
    """Checks that tags close in order and gathers ids and link targets."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.links = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values and tag not in {"path", "clipPath", "image"} else []
        self.links += [values["href"]] if tag == "a" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def result(system, metric, value, interval=0.0, **changes):
    facts = {"protocol": "batches", "evaluator": "guo-own", "repeats": 20, "items": 460, "note": ""} | changes
    return Result(system, metric, value, interval, **facts)


def table():
    results = [
        result("ground truth", "R-Precision top 1", 0.521, 0.003),
        result("ground truth", "FID", float("nan"), note="too few items"),
        result("LaMP-T2M", "R-Precision top 1", 0.412, 0.004),
        result("LaMP-T2M", "FID", 0.4213, 0.02),
        result("chance", "R-Precision top 1", 1 / 32),
    ]
    columns = [
        Metric("R-Precision top 1", "higher", "%", 1, 100.0, label="R@1"),
        Metric("FID", "lower"),
    ]
    table = metric_table("Text to motion", results, columns, chart="R-Precision top 1")
    published = PublishedRows(
        "Paper, Table 1", "HumanML3D", "guo", columns, [RowGroup("", [Row("Other", [Cell(52.1, 0.2), None])])]
    )
    return replace(table, published=[published])


def report(motion_of, hostile):
    motion = motion_of(8, title="true", caption=hostile)
    found = [
        RetrievedClip("clip_1", hostile, 0.81, True, motion_of(8)),
        RetrievedClip("clip_2", "one runs", 0.7),
    ]
    return ReportData(
        title=hostile,
        data_set="procedural",
        data_version="3f9c2a",
        profile="quick",
        commit="a1b2c3d",
        machine="2 cores",
        created="2025-01-02 03:04 UTC",
        skeleton="smpl22",
        highlights=[Highlight("FID", "0.421", "", "untrained 48.2")],
        data=DataSummary(
            [
                SplitSummary("train", 1200, 3600, 120_000, 6000.0),
                SplitSummary("test", 150, 450, 15_000, 750.0),
            ],
            [RejectedSummary("not-finite", 2, hostile)],
            [2.0, 3.0, 5.5],
        ),
        curves=[StageCurves("tokenizer", {"loss": Curve([0, 10, 20], [3.0, 2.0, 1.0])})],
        tables=[table()],
        heat_map=HeatMap(np.eye(2), [hostile, "one runs"]),
        comparisons=[Comparison("clip_1", [motion, motion])],
        captioned=[
            CaptionedMotion(
                "clip_1",
                hostile,
                hostile,
                hostile,
                [hostile, "one walks"],
                ["one", hostile],
                ATTENTION,
                motion_of(8),
            ),
            CaptionedMotion("clip_2", "a captioner", "", "one hops", ["one runs"]),
        ],
        retrievals=[RetrievalExample("one walks", "clip_1", 1.0, 150, found)],
        words=MotionWords(
            [WordedMotion("clip_1", [hostile], [("jump", 0.8), (hostile, 0.2)], motion_of(8))],
            {hostile: [KeywordHit("clip_1", hostile, 0.7, [("jump", 1.0)], motion_of(8))]},
            {name: Curve([4, 8], [41.0, 52.5]) for name in ("text to motion R@1", "motion to text R@10")},
            Curve([4, 8], [0.1, 0.2]),
        ),
        parameters={"profile": "quick", "t2m": {"width": 64, "training": {"steps": 7}, "note": hostile}},
    )


@pytest.fixture(scope="module")
def page(motion_of, hostile):
    return render_report(report(motion_of, hostile))


def test_the_page_loads_nothing_from_elsewhere(page):
    loads = re.findall(r'(?:\bsrc|\bhref|\bposter|\bsrcset|\baction)="([^"#][^"]*)"', page)
    assert all(target.startswith("data:image/png;base64,") for target in loads)
    assert not re.search(r"<(?:link|iframe|object)\b|@import|\bfetch\(|XMLHttpRequest|url\((?!#)", page)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "default-src &#39;none&#39;" in page


def test_everything_written_by_others_is_escaped(page):
    assert "<script>alert" not in page
    assert len(re.findall(r"<script", page)) == 3 + 5


def test_tags_close_in_order_and_every_link_has_its_target(page):
    outline = Outline(page)
    assert not outline.open
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.links and {link.removeprefix("#") for link in outline.links} <= set(outline.ids)


def test_the_same_data_give_the_same_bytes(page, motion_of, hostile):
    assert render_report(report(motion_of, hostile)) == page


def test_numbers_stand_in_the_table_with_their_intervals(page):
    rows = re.findall(r'<tr(?: class="baseline")?><th scope="row">(.*?)</th>(.*?)</tr>', page, re.DOTALL)
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", row) for name, row in rows}
    assert cells["LaMP-T2M"] == ["41.2", "±0.4", "0.421", "±0.020"]
    assert cells["ground truth"] == ["52.1", "±0.3", "n/m"]
    assert cells["chance"] == ["3.1", "", "–"]
    assert cells["train"] == ["1,200", "3,600", "120,000", "100.0"]
    assert cells["all"] == ["1,350", "4,050", "135,000", "112.5"]
    assert 'title="too few items"' in page
    assert "<li>ground truth (FID): too few items</li>" in page


def test_published_numbers_stand_apart_and_are_marked(page):
    block = page[page.index('<details class="published">') : page.index("</details>")]
    assert '<span class="tag">published</span>' in block
    assert "Paper, Table 1" in block and "HumanML3D" in block
    assert re.findall(r"<td[^>]*>(.*?)</td>", block) == ["52.1", "±0.2", "–"]
    before = page[page.index('id="metrics"') : page.index('<details class="published">')]
    assert ">Other<" not in before
    assert "best" not in block


def test_captions_stand_beside_the_true_ones_and_some_are_explained(page):
    section = page[page.index('<section id="captions">') : page.index('<section id="retrieval">')]
    assert section.count("<svg class=") == section.count('id="captioned-') == 1
    rows = re.findall(
        r'<tr>\s*<th scope="row">(.*?)<span.*?<code>(.*?)</code>.*?</th>(.*?)</tr>', section, re.DOTALL
    )
    assert [clip for _, clip, _ in rows] == ["clip_1", "clip_2"]
    assert rows[1][0] == "(no word)"
    assert re.findall(r"<td>(.*?)</td>", rows[1][2]) == ["<div>one runs</div>", "one hops"]
    assert rows[0][2].count("<div>") == 2


def test_the_true_clip_and_its_rank_are_named(page):
    assert re.search(r"<code>clip_1</code> at rank <b>1</b> of 150", page)
    assert page.count(">correct<") == 1


def test_motions_stand_as_words_the_heaviest_largest_with_hits_of_keywords_and_curves(page):
    section = page[page.index('<section id="words">') : page.index('<section id="similarity">')]
    cloud = re.findall(r'<span style="font-size: ([\d.]+)em" title="([\d.]+)">(.*?)</span>', section)
    assert [(size, weight) for size, weight, _ in cloud] == [("2.00", "0.800"), ("1.10", "0.200")]
    assert cloud[0][2] == "jump"
    assert "jump 100 %" in section
    assert section.count('id="worded-') == section.count('id="hit-') == 1
    assert section.count("<svg class=") == 3
    assert "text to motion R@1, %" in section and "motion to text R@10, %" in section


def test_a_section_without_content_is_left_out():
    facts = dict.fromkeys(
        ["title", "data_set", "data_version", "profile", "commit", "machine", "created"], "x"
    )
    page = render_report(ReportData(**facts))
    assert "<section" not in page
    assert not Outline(page).open


def test_ranks_and_parameters_as_text():
    assert [format_rank(rank) for rank in (3.0, 2.5, float("nan"))] == ["3", "2.5", "unknown"]
    assert list(flatten({"a": 1, "b": {"c": None}})) == [("a", "1"), ("b.c", "None")]
