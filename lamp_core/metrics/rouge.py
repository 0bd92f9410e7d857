"""ROUGE-L of captions (Lin 2004)."""

from collections.abc import Sequence

from lamp_core.metrics.captions import Words, split_captions


def rouge_l(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """ROUGE-L (0..1): mean over the captions of the F1 of the best reference.

    Precision and recall are the length of the longest common subsequence of words over the length of caption
    and reference; both count the same, as in the reference implementation. (COCO's takes the best precision
    and the best recall of different references and weighs recall by 1.2.)

    Args:
        captions: a caption a motion.
        references: the true captions of each motion.

    Raises:
        LampError: see `split_captions`.
    """
    caption_words, reference_words = split_captions(captions, references)
    scores = [
        max(_f1(words, reference) for reference in listed)
        for words, listed in zip(caption_words, reference_words, strict=True)
    ]
    return sum(scores) / len(scores)


def common_subsequence(first: Words, second: Words) -> int:
    """Return the length of the longest common subsequence, a bit a word of the first (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(first)) - 1
    open_places = every
    for word in second:
        matched = open_places & places.get(word, 0)
        open_places = (open_places + matched | open_places - matched) & every
    return len(first) - open_places.bit_count()


def _f1(caption: Words, reference: Words) -> float:
    common = common_subsequence(caption, reference)
    return 2.0 * common / (len(caption) + len(reference)) if common else 0.0
