from lamp_core.datasets.captions import Caption
from lamp_core.evaluators.guo_words import SPECIAL, TAG_COUNT, Vocabulary, _tags


def caption(*words_and_tags):
    words, tags = (
        zip(*(pair.split("/") for pair in words_and_tags), strict=True) if words_and_tags else ((), ())
    )
    return Caption(" ".join(words), words, tags, 0.0, 0.0)


WALK = caption("a/DET", "man/NOUN", "walk/VERB", "slowly/ADV")


def test_words_seen_once_are_unknown():
    vocabulary = Vocabulary.of([WALK, WALK, caption("a/DET", "zebra/NOUN")])
    assert vocabulary.words == (*SPECIAL, "a", "man", "slowly", "walk")


def test_encoding_wraps_words_and_groups_tags():
    vocabulary = Vocabulary.of([WALK, WALK])
    tags, _ = _tags()
    words, parts = vocabulary.encode(WALK, max_words=20)
    assert [vocabulary.words[index] for index in words] == ["sos", "a", "man", "walk", "slowly", "eos"]
    names = {index: tag for tag, index in tags.items()}
    assert [names[part] for part in parts] == ["OTHER", "DET", "NOUN", "Act_VIP", "Desc_VIP", "OTHER"]


def test_unknown_words_and_tags_are_told():
    vocabulary = Vocabulary.of([WALK, WALK])
    tags, _ = _tags()
    words, parts = vocabulary.encode(caption("zebra/NOUN", "man/CCONJ"), max_words=20)
    assert words[1] == 0
    assert parts[1:3] == [tags["OTHER"], tags["OTHER"]]


def test_long_captions_are_cut_and_empty_ones_have_two_marks():
    vocabulary = Vocabulary.of([WALK, WALK])
    assert len(vocabulary.encode(caption(*["man/NOUN"] * 30), max_words=20)[0]) == 22
    assert vocabulary.encode(caption(), max_words=20)[0] == [1, 2]


def test_there_are_fifteen_tags_and_every_group_is_one():
    tags, group_of = _tags()
    assert sorted(tags.values()) == list(range(TAG_COUNT))
    assert set(group_of.values()) < set(tags)
    assert (group_of["walk"], group_of["left"], group_of["chair"]) == ("Act_VIP", "Loc_VIP", "Obj_VIP")
