"""Captions of mirror images, and the copies that the stage ``features`` adds."""

from pathlib import Path

import numpy as np
import pytest

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.caption_files import parse_caption_line
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.preprocessing.mirroring import is_mirrored, mirror_caption, mirror_text, mirror_word
from lamp_core.datasets.preprocessing.tagging import tag_caption
from lamp_core.features.mirror import mirror_features
from lamp_core.pairs.negatives import base_motion, equal_pairs
from lamp_core.skeleton.skeleton import Skeleton
from tests.unit.datasets.conftest import WrittenSource

PAIRS = [
    ("raises the left arm", "raises the right arm"),
    ("Left, then RIGHT, then left.", "Right, then LEFT, then right."),
    ("steps leftwards and looks rightward", "steps rightwards and looks leftward"),
    ("two lefts and a left-handed throw", "two rights and a right-handed throw"),
    ("the left hand's palm", "the right hand's palm"),
    ("turns counterclockwise", "turns clockwise"),
    ("Clockwise, please", "Counterclockwise, please"),
]


@pytest.mark.parametrize(("text", "mirrored"), PAIRS)
def test_sides_and_ways_round_change_places(text: str, mirrored: str) -> None:
    assert mirror_text(text) == mirrored
    assert mirror_text(mirrored) == text


@pytest.mark.parametrize(
    "text", ["counter-clockwise", "counter clockwise", "anticlockwise", "anti-clockwise"]
)
def test_every_spelling_of_against_the_clock(text: str) -> None:
    assert mirror_text(f"walks {text} slowly") == "walks clockwise slowly"


@pytest.mark.parametrize(
    "text",
    [
        "a bright upright person",
        "starts right away",
        "it is all right",
        "a right angle",
        "cleft",
        "rightly so",
    ],
)
def test_what_is_no_side_stays(text: str) -> None:
    assert mirror_text(text) == text
    assert mirror_caption(tag_caption(text)).words == tag_caption(text).words


def test_words_and_tags_follow_the_sentence() -> None:
    caption = parse_caption_line(
        "he turns counter-clockwise with his left hand"
        "#he/PRON turn/VERB counter/ADV clockwise/ADV with/ADP his/DET left/ADJ hand/NOUN#1.0#2.5"
    )
    assert caption is not None
    mirrored = mirror_caption(caption)
    assert mirrored.text == "he turns clockwise with his right hand"
    assert mirrored.words == ("he", "turn", "clockwise", "with", "his", "right", "hand")
    assert mirrored.tags == ("PRON", "VERB", "ADV", "ADP", "DET", "ADJ", "NOUN")
    assert (mirrored.start, mirrored.end) == (1.0, 2.5)


@pytest.mark.parametrize(("word", "mirrored"), [("left", "right"), ("rights", "lefts"), ("leave", "leave")])
def test_single_words(word: str, mirrored: str) -> None:
    assert mirror_word(word) == mirrored


def test_real_captions_mirrored_twice_are_the_captions(shared: Path) -> None:
    mirrored_any = 0
    for path in sorted((shared / "data" / "bandai-namco" / "texts").glob("*.txt"))[::40]:
        for caption in filter(None, map(parse_caption_line, path.read_text().splitlines())):
            once = mirror_caption(caption)
            assert mirror_caption(once) == caption
            assert len(once.words) == len(once.tags)
            mirrored_any += once != caption
            if "left" in caption.words:
                assert caption.words.count("left") == once.words.count("right")
    assert mirrored_any > 20


@pytest.fixture
def ingested(bvh_source: WrittenSource, smpl22: Skeleton, tmp_path: Path) -> Path:
    caption = bvh_source.caption("walk_00")
    caption.write_text("waves the left hand#wave/VERB the/DET left/ADJ hand/NOUN#0.0#0.0\n")
    ingest(bvh_source.source, smpl22, tmp_path / "ingest", workers=1)
    return tmp_path / "ingest"


def test_the_train_split_gets_its_mirror_images(ingested: Path, smpl22: Skeleton, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    plain = extract_features(ingested, tmp_path / "plain")
    summary = extract_features(
        ingested,
        tmp_path / "mirrored",
        mirror=True,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert (plain.mirrored, summary.mirrored) == (0, 8)
    assert summary.clips_of_split == {"train": 16, "val": 2, "test": 2}
    assert seen[-1] == (12, 12)
    features = FeatureSet.load(tmp_path / "mirrored")
    place, mirrored = features.clips.index("walk_00"), features.clips.index("Mwalk_00")
    made = mirror_features(features.features[place], smpl22)
    np.testing.assert_array_equal(features.features[mirrored], made)
    assert features.captions[mirrored] == [
        Caption("waves the right hand", ("wave", "the", "right", "hand"), ("VERB", "DET", "ADJ", "NOUN"))
    ]
    yaw = features.statistics.mean_D[0]
    assert abs(float(yaw)) < 1e-7  # what turns left turns right as often
    assert features.feature_hash != FeatureSet.load(tmp_path / "plain").feature_hash


def test_mirror_images_that_come_with_the_set_are_not_made_again(
    bvh_source: WrittenSource, smpl22: Skeleton, tmp_path: Path
) -> None:
    for part, ending in (("bvh", "bvh"), ("texts", "txt")):
        path = bvh_source.folder / part / f"walk_01.{ending}"
        path.with_stem("Mwalk_00").write_bytes(path.read_bytes())
    train = bvh_source.folder / "splits" / "train.txt"
    train.write_text(train.read_text() + "Mwalk_00\n")
    ingest(bvh_source.source, smpl22, tmp_path / "ingest", workers=1)
    extract_features(tmp_path / "ingest", tmp_path / "features", mirror=True)
    clips = FeatureSet.load(tmp_path / "features").clips
    assert len(clips) == len(set(clips))


def test_lamp_takes_a_clip_and_its_mirror_image_for_one_motion() -> None:
    clips = ["walk", "Mwalk", "000021", "M000021", "Mrun", "run-2"]
    equal = equal_pairs(clips, [f"caption {index}" for index in range(6)])
    assert equal.nonzero().tolist() == [
        [0, 0], [0, 1], [1, 0], [1, 1], [2, 2], [2, 3], [3, 2], [3, 3], [4, 4], [5, 5]
    ]  # fmt: skip
    assert base_motion("M000021") == "000021" and base_motion("Mrun") == "Mrun"
    assert is_mirrored("M000021") and not is_mirrored("Mwalk")
