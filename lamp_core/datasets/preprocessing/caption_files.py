"""Files of captions: the forms that the sentences about a clip are published in.

The line form is that of HumanML3D (Guo et al. 2022): ``caption#word/POS word/POS#start#end``, times in
seconds, where ``0.0#0.0`` is the whole clip. Tags are those of the universal set (``DET NOUN VERB ADP ...``);
those of the Penn Treebank, which spaCy also gives, are read as the universal ones.
"""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.preprocessing.tagging import plain_caption
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.text import text_lines

UNIVERSAL_WORD = re.compile(r"#?[^\s#]*[^\s#/]/[A-Z]+")
TAGGED_WORD = re.compile(r"(?P<word>/|#?[^\s#]*[^\s#/])/(?P<tag>[A-Z]+\$?|-[LR]RB-|[.,:$]|''|``)")
SPACE_TOKENS = {"/SPACE", "/_SP"}
"""How spaCy writes the second of two blanks."""
CAPTION_KEYS = ("caption", "text", "sentence")
PENN_TAGS = {
    "ADJ": "JJ JJR JJS AFX",
    "ADP": "IN RP",
    "ADV": "RB RBR RBS WRB",
    "AUX": "MD",
    "CCONJ": "CC",
    "DET": "DT PDT WDT PRP$ WP$",
    "INTJ": "UH",
    "NOUN": "NN NNS",
    "NUM": "CD",
    "PART": "POS TO",
    "PRON": "PRP WP EX",
    "PROPN": "NNP NNPS",
    "PUNCT": "HYPH . , : '' `` -LRB- -RRB- NFP",
    "SYM": "$",
    "VERB": "VB VBD VBG VBN VBP VBZ",
    "X": "FW LS ADD XX",
}
UNIVERSAL_TAGS = {penn: tag for tag, listed in PENN_TAGS.items() for penn in listed.split()}


def read_caption_file(path: Path) -> tuple[list[Caption], int]:
    """Read the captions of one clip, a line each, in any of the forms of `caption_of_line`.

    Returns:
        The captions, and how many lines that are not empty were skipped because they do not parse.

    Raises:
        RejectedClip: ``caption-missing`` without the file, ``caption-empty`` without a text in it,
            ``caption-unreadable`` when it is no text or none of its lines parses.
    """
    lines = caption_lines(Path(path))
    captions = [caption for caption in map(caption_of_line, lines) if caption is not None]
    if not captions:
        raise RejectedClip(
            "caption-unreadable",
            f"no line of {path} is a sentence or has the form caption#word/TAG ...#start#end",
        )
    return captions, len(lines) - len(captions)


def caption_lines(path: Path) -> list[str]:
    """Lines of a caption file that are not blank; RejectedClip as `read_caption_file`."""
    try:
        lines = text_lines(path)
    except LampError as fault:
        reason = "caption-unreadable" if path.exists() else "caption-missing"
        detail = str(fault) if path.exists() else f"there is no caption file {path}"
        raise RejectedClip(reason, detail) from fault
    if not lines:
        raise RejectedClip("caption-empty", f"{path} holds no caption")
    return lines


def caption_of_line(line: str) -> Caption | None:
    """A caption from one line, or None when it is none.

    A line is a sentence, which is tagged here; the published form; or a JSON text or object with a
    ``caption`` (or ``text``) and perhaps ``start`` and ``end`` in seconds.
    """
    if line.startswith(("{", '"')):
        return _caption_of_json(line)
    return parse_caption_line(line) if "#" in line else plain_caption(line)


def _caption_of_json(line: str) -> Caption | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None if line.startswith("{") else plain_caption(line)
    fields = content if isinstance(content, dict) else {"caption": content}
    text = next((fields[key] for key in CAPTION_KEYS if key in fields), None)
    caption = caption_of_line(text) if isinstance(text, str) and not text.startswith(("{", '"')) else None
    start, end = (str(fields.get(key) or "") for key in ("start", "end"))
    return None if caption is None else within(caption, start, end)


def within(caption: Caption, start: str, end: str) -> Caption | None:
    """The caption of the span between two times that stand as text; None where they are no times."""
    times = _parse_span(start, end)
    if times is None:
        return None
    return caption if times == (0.0, 0.0) else replace(caption, start=times[0], end=times[1])


def parse_caption_line(line: str) -> Caption | None:
    """Read a line with ``#`` in it, or None when it has not the form or can be read in more than one way.

    A ``#`` inside the sentence or a tagged word is accepted where only one place can part the sentence from
    its words. A sentence without words is tagged here; times may be blank, and two that stand the wrong way
    round are exchanged.
    """
    fields = line.strip().rsplit("#", 2)
    times = _parse_span(fields[1], fields[2]) if len(fields) == 3 else None
    body = fields[0]
    if times is None and len(fields) == 2:
        times, body = (0.0, 0.0), line
    readings = _sentence_readings(body)
    if times is None or len(readings) > 1:
        return None
    if readings:
        text, tagged = readings[0]
        return Caption(text, tuple(word for word, _ in tagged), tuple(tag for _, tag in tagged), *times)
    plain = plain_caption(body.strip().removesuffix("#")) if len(fields) == 3 else None
    return None if plain is None or "#" in plain.text else replace(plain, start=times[0], end=times[1])


def _parse_span(start: str, end: str) -> tuple[float, float] | None:
    """Both times in seconds, the earlier first; blank, and the ``nan`` of the published files, mean 0."""
    try:
        span = [float(time.strip() or 0) for time in (start, end)]
    except ValueError:
        return None
    first, last = sorted(0.0 if math.isnan(time) else time for time in span)
    return (first, last) if 0.0 <= first <= last < math.inf else None


def _sentence_readings(body: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every way to part ``sentence#word/TAG ...`` at a ``#`` that leaves words only on the right."""
    readings = []
    for place in (index for index, letter in enumerate(body) if letter == "#"):
        text = body[:place].strip()
        tokens = [token for token in body[place + 1 :].split() if token not in SPACE_TOKENS]
        tagged = [TAGGED_WORD.fullmatch(token) for token in tokens]
        if text and tagged and all(tagged) and not UNIVERSAL_WORD.search(text):
            words = [(token["word"].lower(), token["tag"]) for token in tagged if token]
            readings.append((text, [(word, UNIVERSAL_TAGS.get(tag, tag)) for word, tag in words]))
    return readings
