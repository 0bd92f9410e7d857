"""Sentences from elsewhere, in both forms."""

import json
from pathlib import Path

import pytest

from lamp_core.errors import LampError
from lamp_core.m2t.texts import Texts, read_texts


def _kit(folder: Path) -> Path:
    folder.mkdir()
    texts = {"00001": ["A person walks.", " "], "00002": ["Someone runs."], "M00001": ["He walks."]}
    content = {name: {"annotations": [{"text": text} for text in own]} for name, own in texts.items()}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def test_annotations_of_the_train_ids_alone_are_read(tmp_path: Path) -> None:
    folder = _kit(tmp_path / "kit")
    assert read_texts([folder]).sentences == ("A person walks.", "Someone runs.", "He walks.")
    (folder / "train.txt").write_text("00001\nM00001\n")
    assert read_texts([folder]).sentences == ("A person walks.", "He walks.")


def test_caption_files_are_read_with_what_could_not_be(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\n")
    (tmp_path / "texts" / "b.txt").write_text("\n")
    (tmp_path / "texts" / "c.txt").write_text("a test#a/DET test/NOUN#0.0#0.0\n")
    (tmp_path / "train.txt").write_text("a\nb\n")
    texts = read_texts([tmp_path, _kit(tmp_path / "kit")])
    assert texts.sentences[0] == "a man walks" and len(texts.sentences) == 4
    assert texts.unreadable == 1


def test_plain_lines_are_sentences_and_a_share_of_them_is_held_out_by_hash(tmp_path: Path) -> None:
    lines = [f"The sentence of number {place} is said." for place in range(400)]
    (tmp_path / "plain.txt").write_text("\n".join([*lines, "THE sentence of number 3  is said."]))
    texts = read_texts([tmp_path])
    assert len(texts.sentences) == 401
    kept, held_out = texts.divided(0.25)
    assert sorted([*kept, *held_out]) == sorted(texts.sentences) and 70 < len(held_out) < 130
    with_case = {" ".join(sentence.lower().split()) for sentence in held_out}
    assert not with_case & {" ".join(sentence.lower().split()) for sentence in kept}
    fewer = Texts(texts.sentences[::2], 0).divided(0.25)[1]
    assert fewer == [sentence for sentence in texts.sentences[::2] if sentence in held_out]
    assert texts.divided(0.0) == (list(texts.sentences), [])


def test_a_folder_without_texts_is_named(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"there is no folder .*nowhere"):
        read_texts([tmp_path / "nowhere"])
    with pytest.raises(LampError, match=r"holds no caption; it needs annotations\.json"):
        read_texts([tmp_path])
    (tmp_path / "annotations.json").write_text("[1]")
    with pytest.raises(LampError, match=r"annotations\.json is no file of annotations"):
        read_texts([tmp_path])


def test_the_texts_of_kit_ml_are_read(shared: Path) -> None:
    texts = read_texts([shared / "data" / "kitml-texts"])
    assert len(texts.sentences) > 4000 and "A person is walking forwards." in texts.sentences
