"""Instructions and answers: what stands where, what is predicted, and the prompt files."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from lamp_core.config.prompt_files import template_names
from lamp_core.errors import LampError
from lamp_core.motion_language.prompts import Template, load_template, template_hash
from lamp_core.motion_language.tasks import TASKS, Shares
from lamp_core.motion_language.words import MotionWords
from lamp_core.segments import Segment
from tests.unit.motion_language.conftest import BODY, CAPTIONS, extended, spoken

DRAWS = np.random.default_rng(0)
SHARES = Shares()


@pytest.mark.parametrize("name", list(TASKS))
@pytest.mark.parametrize("prompts", ["V0", "V1", "V2", "short"])
def test_an_instruction_holds_what_its_task_gives_and_no_answer(
    name: str, prompts: str, tokenizer: Any
) -> None:
    _, words = extended(tokenizer=tokenizer, prompts=prompts)
    task, item = TASKS[name], spoken(tokenizer)[4]
    given_S = task.given(len(item.codes_SR), SHARES, DRAWS)
    parts = words.prompt(task, item.captions[0], item.codes_SR, given_S)
    assert not any(part.is_predicted for part in parts)
    caption = words.caption(item.captions[0])
    assert (caption in parts) is task.reads_text
    told = [part for part in parts if part.kind == "motion"]
    assert len(told) == int(task.shows_motion)
    if told:
        known = words.vocabulary
        ids = [word for word in told[0].ids if word >= known.first_ids_R[0]]
        assert len(ids) == int(given_S.sum()) * len(known.channels)
        gaps = told[0].ids.count(known.untold) // (len(known.channels) if known.layout == "blocks" else 1)
        assert gaps == (int((~given_S).sum()) if task.shows_gaps else 0)
        assert np.array_equal(words.codes(ids), item.codes_SR[given_S])


@pytest.mark.parametrize("name", list(TASKS))
def test_the_answer_alone_is_predicted_or_all_but_the_begin(name: str) -> None:
    _, words = extended()
    task, item = TASKS[name], spoken()[3]
    given_S = task.given(len(item.codes_SR), SHARES, DRAWS)
    asked = words.prompt(task, item.captions[0], item.codes_SR, given_S)
    parts = words.example(task, item.captions[0], item.codes_SR, given_S)
    answer, end = parts[len(asked) :]
    assert parts[: len(asked)] == asked
    assert answer.is_predicted and end.is_predicted and end.ids == (words.end,)
    if task.answer == "text":
        assert words.said([*answer.ids, words.end]) == item.captions[0]
    else:
        assert np.array_equal(words.codes(answer.ids), item.codes_SR)
    whole = words.example(task, item.captions[0], item.codes_SR, given_S, whole=True)
    assert [part.is_predicted for part in whole] == [False] + [True] * (len(whole) - 1)
    assert [part.ids for part in whole] == [part.ids for part in parts]


def said_of(words: MotionWords, segment: Segment) -> str:
    """The words of a motion without brackets."""
    known = words.vocabulary
    return " ".join(
        known.words[word - known.first].strip("<>").replace("motion_", "") for word in segment.ids
    )


def test_a_motion_says_on_the_way_how_many_tokens_are_still_to_come() -> None:
    _, words = extended(length_every=2)
    codes_SR = np.array([[3], [1], [4], [1], [5]])
    assert said_of(words, words.motion(codes_SR)) == "motion length_5 3 1 length_3 4 1 length_1 5 /motion"
    _, words = extended(tokenizer=BODY, length_every=2)
    assert said_of(words, words.motion(np.array([[3, 0], [1, 2], [4, 3]]))) == (
        "body length_3 body_3 body_1 length_1 body_4 /body "
        "hands length_3 hands_0 hands_2 length_1 hands_3 /hands"
    )


def test_an_instruction_tells_at_which_place_a_pose_is_where_lengths_are_said_on_the_way() -> None:
    codes_SR, given_S = np.array([[3], [1], [4], [1], [5]]), np.array([False, False, False, True, False])
    told = {every: extended(length_every=every)[1] for every in (0, 1, 2, 3)}
    said = {
        every: said_of(words, words.told(codes_SR, given_S, shows_gaps=False))
        for every, words in told.items()
    }
    assert said[0] == "motion 1 /motion"
    assert said[1] == "motion length_2 1 /motion"
    assert said[2] == "motion length_3 untold 1 /motion"
    assert said[3] == "motion length_2 1 untold /motion"
    whole = said_of(told[2], told[2].told(codes_SR, given_S, shows_gaps=True))
    assert whole == "motion length_5 untold untold length_3 untold 1 length_1 untold /motion"


def test_a_long_caption_is_cut_so_that_its_end_has_room() -> None:
    _, words = extended()
    caption = words.caption(" ".join(["walks"] * 100))
    assert len(caption.ids) == words.max_text_tokens - 1


def test_a_motion_that_is_too_long_or_empty_is_refused() -> None:
    _, words = extended()
    for tokens in (0, 9):
        with pytest.raises(ValueError, match=f"a motion of {tokens} tokens"):
            words.motion(np.zeros((tokens, 1), dtype=int))


def test_words_of_motion_are_no_text() -> None:
    _, words = extended()
    ids = [*words.caption(CAPTIONS[0]).ids, *words.motion(spoken()[0].codes_SR).ids, words.end, 7]
    assert words.said(ids) == CAPTIONS[0]


@pytest.mark.parametrize("name", list(TASKS))
def test_what_tasks_tell(name: str) -> None:
    task = TASKS[name]
    for tokens in (1, 2, 10, 49):
        given_S = task.given(tokens, SHARES, DRAWS)
        assert given_S.shape == (tokens,)
        expected = {
            "text-to-motion": 0,
            "initial-pose": 1,
            "last-pose": 1,
            "captioning": tokens,
            "prediction": max(1, round(0.2 * tokens)),
            "in-betweening": tokens - min(max(1, round(0.5 * tokens)), max(1, tokens - 1)),
        }
        wanted = [expected[name]] if name in expected else [1, 2, 3]  # key poses
        assert int(given_S.sum()) in wanted
    assert TASKS["last-pose"].given(5, SHARES, DRAWS).tolist() == [False] * 4 + [True]


def test_every_prompt_file_is_whole_and_has_a_hash_of_its_own() -> None:
    names = template_names()
    assert {"V0", "V1", "V2", "short"} <= set(names)
    assert len({template_hash(name) for name in names}) == len(names)
    with pytest.raises(LampError, match="there is no prompt file 'V9'; known: V0, V0-parts, V1"):
        load_template("V9")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"frame": "{instruction}"}, "its frame lacks"),
        ({"tasks": {}}, "its tasks are not text-to-motion"),
        ({"captioning": {"instruction": "say", "input": "{motion} {caption}"}}, "has {caption}"),
        ({"captioning": {"instruction": "say", "input": ""}}, "lacks {motion}"),
        ({"part": "{part} moves"}, "what it says of a part lacks"),
        ({"part": "{caption} of {part}"}, "what it says of a part lacks"),
    ],
)
def test_a_prompt_file_that_is_not_whole_is_refused(change: dict[str, Any], told: str) -> None:
    described = load_template("short").model_dump()
    for key, value in change.items():
        (described["tasks"] if key in TASKS else described)[key] = value
    with pytest.raises(ValidationError, match=told):
        Template.model_validate(described)


@pytest.mark.parametrize("name", ["V0", "short"])
def test_a_prompt_file_for_parts_words_the_tasks_as_the_one_without(name: str) -> None:
    with_parts = load_template(f"{name}-parts").model_dump()
    assert with_parts.pop("part") and with_parts == load_template(name).model_dump(exclude={"part"})
    with pytest.raises(LampError, match="has no words for parts; take one that ends in -parts"):
        load_template(name).around_part("left_arm")


def test_parts_are_told_behind_the_caption_or_in_its_place() -> None:
    _, words = extended(prompts="short-parts")
    task, of_parts = TASKS["text-to-motion"], {"left_arm": "waves", "right_leg": "kicks"}

    def told(caption: str | None, parts: dict[str, str]) -> str:
        ids = [word for part in words.prompt(task, caption, of_parts=parts) for word in part.ids]
        return "".join(words.said(ids[1:]).split())

    assert told(CAPTIONS[0], of_parts) == "move:" + "".join(
        f"{CAPTIONS[0]}leftarm:wavesrightleg:kicks=".split()
    )
    assert told(None, {"left_arm": "waves"}) == "move:leftarm:waves="
    assert words.prompt(task, CAPTIONS[0], of_parts={}) == words.prompt(task, CAPTIONS[0])


def test_the_paper_words_stand_in_its_own_file() -> None:
    whole = "".join(load_template("V0").parts(TASKS["text-to-motion"]))
    assert whole.startswith("Below is an instruction that describes a task, paired with an input")
    assert "Generate a sequence of motion tokens matching the following human motion description." in whole
    assert whole.endswith("Response:")
