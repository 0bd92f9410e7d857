"""What instructions in free words ask for."""

import pytest

from lamp_core.datasets.synthetic.generate import generate_block
from lamp_core.errors import LampError
from lamp_core.motion_language.requests import (
    CAPTIONING,
    GENERATION,
    IN_BETWEENING,
    PREDICTION,
    AskedFor,
    understood,
)
from lamp_core.skeleton.skeleton import load_skeleton


@pytest.mark.parametrize(
    ("instruction", "caption"),
    [
        ("a person walks forward", "a person walks forward"),
        ("Generate a motion: a person jumps", "a person jumps"),
        ("please make me an animation of someone who waves", "someone who waves"),
        ("Create a human motion where 'a man turns left'", "a man turns left"),
        ("make a turn to the left", "make a turn to the left"),
        ("a person describes a circle with the arm", "a person describes a circle with the arm"),
        ("someone continues to walk", "someone continues to walk"),
    ],
)
def test_what_the_person_does_is_found(instruction: str, caption: str) -> None:
    assert understood(instruction, has_motion=False) == AskedFor(GENERATION, caption)


@pytest.mark.parametrize(
    ("instruction", "task"),
    [
        ("What is the person doing?", CAPTIONING),
        ("Describe this motion.", CAPTIONING),
        ("tell me about it", CAPTIONING),
        ("Continue the motion", PREDICTION),
        ("what happens next?", PREDICTION),
        ("go on", PREDICTION),
        ("Describe the complete movement", CAPTIONING),
        ("Please describe how the person continues", CAPTIONING),
        ("Caption the motion until its finish", CAPTIONING),
        ("How does the complete movement look?", CAPTIONING),
        ("Tell me what happens next", PREDICTION),
        ("complete the motion", PREDICTION),
    ],
)
def test_what_is_to_be_done_with_a_motion_is_found(instruction: str, task: str) -> None:
    assert understood(instruction, has_motion=True) == AskedFor(task)


@pytest.mark.parametrize(
    ("instruction", "has_motion", "told"),
    [
        ("   ", False, "the instruction is empty"),
        ("", True, "the instruction is empty"),
        ("Describe the motion", None, "leave --gap out"),
        ("make it blue", True, "no task that is known with a motion"),
        ("Describe the motion", False, "give it with --motion FILE"),
        ("continue this motion", False, "give it with --motion FILE"),
        ("generate a motion of", False, "does not say what the person does"),
        ("!?", False, "does not say what the person does"),
    ],
)
def test_what_asks_for_no_task_is_refused(instruction: str, has_motion: bool | None, told: str) -> None:
    with pytest.raises(LampError, match=told):
        understood(instruction, has_motion=has_motion is not False, has_gap=has_motion is None)


@pytest.mark.parametrize(
    "instruction",
    [
        "translate this sentence into German",
        "Please translate 'a person walks' into French",
        "what is the weather?",
        "What time is it?",
        "what's your name",
        "how many legs does a spider have?",
        "How are you?",
        "why do people dance",
        "who was the first man on the moon",
        "is it raining?",
        "do you like dancing?",
        "tell me a joke",
        "Can you tell me a story about a man who runs?",
        "tell a funny joke",
        "write a poem about walking",
        "Write me a short story",
        "generate an image of a cat",
        "could you give me a recipe",
        "make a list of sports",
        "summarize the text",
        "explain how gravity works",
        "calculate 3 times 4",
        "solve the equation",
        "answer my question",
        "help me with my homework",
        "hello",
        "Thank you!",
    ],
)
def test_what_is_asked_of_other_models_is_refused(instruction: str) -> None:
    with pytest.raises(LampError, match="no task that is known; say what the person does, or give a motion"):
        understood(instruction, has_motion=False)


@pytest.mark.parametrize(
    "instruction",
    [
        "a person walks",
        "walk forward and wave",
        "dance",
        "jump!",
        "is walking in a circle",
        "does a cartwheel",
        "do the splits",
        "do a backflip",
        "a man tells a joke and laughs",
        "someone explains something with the hands",
        "explain something while both arms wave",
        "write on a board with the right hand",
        "write a letter",
        "answer the phone",
        "solve a cube with the left hand",
        "help someone up",
        "say hello with a wave",
        "wave goodbye",
        "hi-five someone",
        "give a high five",
        "give me five",
        "show how a man swims",
        "take a picture",
        "read a book",
        "list to one side and stagger",
        "when he falls he gets up again",
        "what a tired person does: yawns and sits down",
        "find something on the floor and pick it up",
        "make a turn to the left",
        "no steps, the arms alone move up",
        "can you walk backwards?",
        "the person who was sitting stands up",
    ],
)
def test_a_description_of_a_motion_is_one(instruction: str) -> None:
    assert understood(instruction, has_motion=False) == AskedFor(GENERATION, instruction)


def test_every_caption_of_the_made_data_is_a_description() -> None:
    clips = generate_block(range(100), 0, load_skeleton("smplx52"))
    every = {caption.text for clip in clips for caption in clip.captions}
    assert len(every) > 150
    for caption in every:
        assert understood(caption, has_motion=False).caption == caption.strip()


@pytest.mark.parametrize(
    ("instruction", "unread"),
    [
        ("Continue the motion", ""),
        ("Please go on for 2 more seconds.", ""),
        ("Predict the motion tokens that follow the motion", ""),
        ("Continue by waving", "waving"),
        ("go on, but slowly and with both arms", "slowly with both arms"),
    ],
)
@pytest.mark.parametrize("has_gap", [False, True])
def test_what_no_task_reads_is_found(instruction: str, unread: str, has_gap: bool) -> None:
    task = IN_BETWEENING if has_gap else PREDICTION
    assert understood(instruction, has_motion=True, has_gap=has_gap) == AskedFor(task, unread=unread)


def test_a_gap_needs_a_motion() -> None:
    with pytest.raises(LampError, match="give it with --motion FILE"):
        understood("fill the gap", has_motion=False, has_gap=True)
