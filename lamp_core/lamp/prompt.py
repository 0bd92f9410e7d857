"""What a text encoder makes of a prompt: the words that it does not know, and where it cuts the prompt."""

from lamp_core.lamp.text import TextTokenizer

UNKNOWN, CONTINUED = "[UNK]", "##"
SHOWN = 5


def losses(tokenizer: TextTokenizer, prompt: str) -> list[str]:
    """A line for the words that are unknown, and one for what is cut; none where the prompt is read whole.

    A word is unknown of which a piece has no number, or that is spelt letter by letter.
    """
    encoded = tokenizer.pieces.encode(prompt)
    pieces: dict[int, list[str]] = {}
    place: dict[int, tuple[int, int]] = {}
    for part in (encoded, *encoded.overflowing):
        for piece, word, (start, end) in zip(part.tokens, part.word_ids, part.offsets, strict=True):
            if word is not None:
                pieces.setdefault(word, []).append(piece)
                first, last = place.get(word, (start, end))
                place[word] = (min(first, start), max(last, end))
    words = {word: prompt[slice(*place[word])] for word in pieces}
    unknown = [words[word] for word, found in pieces.items() if _is_unknown(found, words[word])]
    lines = []
    if unknown:
        shown = ", ".join(unknown[:SHOWN]) + (", ..." if len(unknown) > SHOWN else "")
        counted = sum(any(map(str.isalnum, word)) for word in words.values())
        lines.append(
            f"the text encoder does not know {len(unknown)} of the prompt's {counted} words: {shown}"
        )
    if encoded.overflowing:
        read = max((end for _, end in encoded.offsets), default=0)
        lines.append(
            f"the prompt is too long for the text encoder, which does not read {prompt[read:].strip()!r}"
        )
    return lines


def _is_unknown(pieces: list[str], word: str) -> bool:
    letters = [piece.removeprefix(CONTINUED) for piece in pieces]
    spelt = len(letters) > 1 and all(len(letter) == 1 for letter in letters)
    return any(map(str.isalnum, word)) and (UNKNOWN in pieces or spelt)
