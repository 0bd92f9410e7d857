"""Mirrored clips: the motion's mirror image, and captions in which left and right have changed places.

A mirrored clip is named ``M`` and the clip's name, as in HumanML3D.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

import numpy as np

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.clips import Clip
from lamp_core.features.mirror import mirror_features
from lamp_core.skeleton.skeleton import Skeleton

PREFIX = "M"
OTHER_SIDE = {"left": "right", "right": "left"}
AGAINST_THE_CLOCK, WITH_THE_CLOCK = "counterclockwise", "clockwise"

# Words that say where: "left", "rights", "leftward", "right-handed"; not "bright", "upright", "rightly".
_SIDE = r"(?P<side>left|right)(?P<ending>s|ward|wards|most|hand|handed|foot|footed|side)?"
_CLOCK = r"(?P<against>(?:counter|anti)[\s-]?)?clockwise"
# "Right" that is no side: "right away", "all right", "right angle".
_NO_SIDE = r"(?P<kept>\b(?:all\s+right|right\s+(?:away|now|angles?|side\s+up))\b)"
_SPOKEN = re.compile(rf"{_NO_SIDE}|\b{_SIDE}\b|\b{_CLOCK}\b", re.IGNORECASE)
_WORD = re.compile(rf"{_SIDE}|{_CLOCK}", re.IGNORECASE)


def is_mirrored(name: str) -> bool:
    """Whether a clip's name is that of a published mirror image (``M000021``)."""
    return name.startswith(PREFIX) and name[1:2].isdigit()


def mirror_text(text: str) -> str:
    """The sentence about the mirror image: left and right change places, so do the two ways round a clock.

    ``right`` that is no side ("right away", "all right", "right angle") stays.
    """
    return _SPOKEN.sub(_other, text)


def mirror_caption(caption: Caption) -> Caption:
    """The caption of the mirror image: its sentence, and its words with their tags."""
    words: list[str] = []
    tags: list[str] = []
    pairs = list(zip(caption.words, caption.tags, strict=True))
    while pairs:
        word, tag = pairs.pop(0)
        if word in {"counter", "anti"} and pairs and pairs[0][0] == WITH_THE_CLOCK:
            word, tag = pairs.pop(0)
        elif not _is_no_side(word, words, pairs):
            word = mirror_word(word)
        words.append(word)
        tags.append(tag)
    return replace(caption, text=mirror_text(caption.text), words=tuple(words), tags=tuple(tags))


def mirror_word(word: str) -> str:
    """One word of a caption, mirrored when it says a side or a way round."""
    found = _WORD.fullmatch(word)
    return word if found is None else _other(found)


def mirrored_copy(clip: Clip, features_TD: np.ndarray, skeleton: Skeleton) -> tuple[Clip, np.ndarray]:
    """The mirror image of a clip with its features; the joints of the clip are left as they are."""
    copy = replace(
        clip,
        name=PREFIX + clip.name,
        captions=[mirror_caption(caption) for caption in clip.captions],
        part_captions={
            _mirror_part(part): tuple(map(mirror_text, sentences))
            for part, sentences in clip.part_captions.items()
        },
        labels={name: mirror_text(value) for name, value in clip.labels.items()},
    )
    return copy, mirror_features(features_TD, skeleton)


def with_mirror_images(
    pairs: Iterable[tuple[Clip, np.ndarray]], skeleton: Skeleton, present: Container[str]
) -> Iterator[tuple[Clip, np.ndarray]]:
    """Every clip, and after each of the train split its mirror image, unless the set holds that already.

    Args:
        pairs: clips with their features.
        skeleton: whose features they are.
        present: names from `mirror_images_among`.
    """
    for clip, features_TD in pairs:
        yield clip, features_TD
        if clip.split == "train" and not is_mirrored(clip.name) and PREFIX + clip.name not in present:
            yield mirrored_copy(clip, features_TD, skeleton)


def mirror_images_among(names: Iterable[str]) -> set[str]:
    """The names of clips that may be mirror images."""
    return {name for name in names if name.startswith(PREFIX)}


def _mirror_part(part: str) -> str:
    """``left_arm`` becomes ``right_arm``; ``hands`` stays."""
    return "_".join(OTHER_SIDE.get(word, word) for word in part.split("_"))


def _is_no_side(word: str, before: list[str], after: list[tuple[str, str]]) -> bool:
    """Whether this "right" belongs to one of the phrases in which it is no side."""
    if word != "right":
        return False
    phrase = " ".join([*before[-1:], word, *(following for following, _ in after[:2])])
    return any(found["kept"] for found in _SPOKEN.finditer(phrase))


def _other(found: re.Match[str]) -> str:
    said = found.groupdict()
    if said.get("kept"):
        return found[0]
    if said["side"]:
        return _in_case_of(found["side"], OTHER_SIDE[said["side"].lower()]) + (said["ending"] or "")
    return _in_case_of(found[0], WITH_THE_CLOCK if said["against"] else AGAINST_THE_CLOCK)


def _in_case_of(written: str, word: str) -> str:
    """The word in capitals or with one, as it was written."""
    if written.isupper():
        return word.upper()
    return word.capitalize() if written[0].isupper() else word
