"""Panel Search: clips by a text, by keywords, or by a motion."""

from typing import Annotated, Literal

from pydantic import Field

from lamp_core.errors import LampError
from lamp_core.inference.search import search_motion, search_text
from lamp_core.lexical import word_search
from lamp_core.lexical.gallery import LexicalHit
from lamp_core.page.generate import Request, Text
from lamp_core.page.shelf import TAKEN
from lamp_core.page.workshop import Answer, Workshop
from lamp_core.retrieval.gallery import Hit

MOST_HITS = 60


class SearchRequest(Request):
    """One of a text, keywords and a motion; ``by`` meaning (the gallery) or words (the lexical index)."""

    text: Text | None = None
    keywords: Text | None = None
    motion: str | None = None
    by: Literal["meaning", "words"] = "meaning"
    model: str | None = None
    top: Annotated[int, Field(ge=1, le=MOST_HITS)] = 12


def search(workshop: Workshop, asked: SearchRequest) -> Answer:
    """The best hits: rank, clip, score and caption, by words with those that matched."""
    if sum(value is not None for value in (asked.text, asked.keywords, asked.motion)) != 1:
        raise LampError("give a text, keywords or a motion")
    hits = [_told(hit) for hit in _hits(workshop, asked)]
    known = workshop.clips.places
    return {"hits": [{**hit, "is_clip": hit["clip"] in known} for hit in hits]}


def _hits(workshop: Workshop, asked: SearchRequest) -> "list[Hit] | list[LexicalHit]":
    data = workshop.data
    if asked.keywords is not None:
        return word_search.search_keywords(data, asked.keywords, asked.top)
    if asked.motion is not None:
        file = workshop.shelf.get(asked.motion).require_features()
        if asked.by == "words":
            return word_search.search_like(data, file, asked.top, None, TAKEN)
        return search_motion(data, file, asked.top, asked.model, TAKEN)
    if asked.by == "words":
        return word_search.search_words(data, asked.text or "", asked.top)
    return search_text(data, asked.text or "", asked.top, asked.model)


def _told(hit: Hit | LexicalHit) -> Answer:
    clip = hit.clip if isinstance(hit, Hit) else hit.name
    words = [] if isinstance(hit, Hit) else [[word.word, round(word.weight, 4)] for word in hit.words]
    return {"rank": hit.rank, "clip": clip, "score": hit.score, "caption": hit.caption, "words": words}
