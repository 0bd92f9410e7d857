from xml.etree import ElementTree

import numpy as np
import pytest

from lamp_core.report.figures import OTHER, first_verb, verb_confusion, write_figures
from tests.unit.report.test_report import report

VERBS = (
    *("walk", "run", "jump", "kick", "turn", "wave", "step", "sit", "stand", "bend"),
    *("throw", "lift", "crawl", "dance", "squat", "march", "jog", "hop", "raise", "push"),
)
CAPTIONS = ["a man walks", "she walks fast", "someone runs", "a hand"]


def test_every_chart_is_a_picture_of_its_own_and_every_comparison_a_sample(motion_of, hostile, tmp_path):
    confusion = verb_confusion(CAPTIONS, np.eye(4))
    files = write_figures(tmp_path, report(motion_of, hostile), confusion)
    assert {path.relative_to(tmp_path).as_posix() for path in files} == {
        "plots/tokenizer-loss.svg",
        "plots/metrics-01-text-to-motion.svg",
        "plots/similarity.svg",
        "plots/confusion.svg",
        "samples/01-clip-1.html",
        "samples/01-clip-1.gif",
    }
    for path in files:
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert (tmp_path / "samples" / "01-clip-1.gif").read_bytes().startswith(b"GIF89a")
    page = (tmp_path / "samples" / "01-clip-1.html").read_text()
    assert page.startswith("<!doctype html>")
    assert hostile not in page


def test_a_clip_s_name_is_no_path(motion_of, hostile, tmp_path):
    data = report(motion_of, hostile)
    object.__setattr__(data.comparisons[0], "clip", "../../a b;c")
    samples = [path for path in write_figures(tmp_path, data) if path.suffix == ".html"]
    assert samples == [tmp_path / "samples" / "01-a-b-c.html"]


def test_confusion_counts_what_is_found_first():
    similarity_NN = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    confusion = verb_confusion(CAPTIONS, similarity_NN)
    assert confusion is not None
    assert list(confusion.verbs) == ["no verb", "run", "walk"]
    np.testing.assert_array_equal(confusion.counts_VV, [[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    assert verb_confusion(CAPTIONS[:2], np.eye(2)) is None


@pytest.mark.parametrize("count", [14, 20])
def test_rare_verbs_share_a_row(count):
    captions = [f"a man {verb}s" for verb in VERBS[:count]]
    confusion = verb_confusion(captions, np.eye(count))
    assert confusion is not None
    assert confusion.counts_VV.sum() == count
    assert (confusion.verbs[-1] == OTHER) == (len({first_verb(caption) for caption in captions}) > 14)
    np.testing.assert_array_equal(confusion.counts_VV, np.diag(confusion.counts_VV.diagonal()))
