"""Words and tags that are made for captions without any."""

from pathlib import Path

import pytest

from lamp_core.datasets.preprocessing.caption_files import parse_caption_line
from lamp_core.datasets.preprocessing.tagging import tag_caption


@pytest.mark.parametrize(
    ("text", "tagged"),
    [
        (
            "A person walks forward slowly, then waves his right hand twice.",
            "a/DET person/NOUN walk/VERB forward/ADV slowly/ADV"
            " then/ADV wave/VERB his/DET right/ADJ hand/NOUN twice/ADV",
        ),
        ("someone is jogging in place", "someone/PRON is/AUX jog/VERB in/ADP place/NOUN"),
        (
            "he takes two quick steps to the left",
            "he/PRON take/VERB two/NUM quick/ADJ step/NOUN to/ADP the/DET left/NOUN",
        ),
        ("turns left by 90 degrees", "turn/VERB left/ADV by/ADP 90/NUM degree/NOUN"),
        ("sits down and stands up", "sit/VERB down/ADV and/CCONJ stand/VERB up/ADV"),
        ("raising both arms", "raise/VERB both/DET arm/NOUN"),
        ("someone carried boxes gracefully", "someone/PRON carry/VERB box/NOUN gracefully/ADV"),
        ("he’s walking", "he/PRON walk/VERB"),
        ("begins to walk to the chair", "begin/VERB to/PART walk/VERB to/ADP the/DET chair/NOUN"),
        ("hopping, squatting, dancing", "hop/VERB squat/VERB dance/VERB"),
    ],
)
def test_words_and_tags(text: str, tagged: str) -> None:
    caption = tag_caption(text)
    made = " ".join(f"{word}/{tag}" for word, tag in zip(caption.words, caption.tags, strict=True))
    assert made == tagged
    assert caption.text == text
    assert caption.is_whole_clip


def test_same_word_is_noun_or_verb_by_its_place() -> None:
    assert tag_caption("a kick").tags == ("DET", "NOUN")
    assert tag_caption("they kick").tags == ("PRON", "VERB")


def test_tagged_caption_survives_the_published_form() -> None:
    caption = tag_caption("A person kicks with the left leg three times.")
    tagged = " ".join(f"{word}/{tag}" for word, tag in zip(caption.words, caption.tags, strict=True))
    assert parse_caption_line(f"{caption.text}#{tagged}#0.0#0.0") == caption


def test_agrees_with_published_tags_on_most_words() -> None:
    folder = Path(__file__).parents[4] / "shared" / "data" / "bandai-namco" / "texts"
    if not folder.is_dir():
        pytest.skip("the real captions are not beside the project")
    same = total = 0
    for path in sorted(folder.glob("*.txt"))[::20]:
        for line in path.read_text().splitlines():
            published = parse_caption_line(line)
            assert published is not None
            made = tag_caption(published.text)
            pairs = zip(
                zip(made.words, made.tags, strict=True),
                zip(published.words, published.tags, strict=True),
                strict=False,
            )
            matches = [one == two for one, two in pairs]
            same += sum(matches)
            total += len(matches)
    assert same / total > 0.9
