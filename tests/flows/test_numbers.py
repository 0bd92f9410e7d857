"""Numbers that no command can use are refused in a line, by every command that takes numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.commands.catalogue import COMMANDS
from flows.lazy_commands import loaded
from lamp_core.config import Config, override, profile_config
from lamp_core.config.base import LARGEST_SEED
from lamp_core.errors import LampError
from tests.flows.commands import run

MOTION = "rig/motions/CLIP"
OUT = ("-o", "out.npy")
SIDES = ("--captions", "rig/texts", "--splits", "rig/splits", "--name", "odd")
IMPORTS = {
    "import bvh": ("rig/motions", *SIDES),
    "import npy": ("rig/motions", *SIDES, "--skeleton", "smpl22"),
    "import amass": ("rig/motions", *SIDES),
    "import manifest": ("clips.csv", "--skeleton", "smpl22", "--name", "odd"),
    **{f"import {kind}": ("rig/motions", "--name", "odd") for kind in ("humanml3d", "kit", "motionx")},
}
SOUND = {
    "generate": ("a person walks", *OUT),
    "edit": (MOTION, *OUT, "--after", "--seconds", "1"),
    "caption": (MOTION,),
    "ask": ("a person walks", *OUT),
    "search": ("--motion", MOTION),
    "explain": (MOTION,),
    "export": (MOTION, *OUT),
    "features": (MOTION, *OUT, "--skeleton", "smpl22"),
    "evaluate": ("--motions", "rig/motions", "--protocol", "plausibility"),
    "index build": ("rig/motions", "-o", "out"),
    "index add": (MOTION, "--index", "out"),
    "experiment": ("rows.yaml",),
    "data shard": ("shards",),
    **IMPORTS,
}
"""What else a command needs, so that the number alone is at fault."""
LENGTHS = ("0", "-1", "nan", "inf", "-inf", "1e6", "1e300", "1e999", "x", "")
COUNTS = ("-1", "1.5", "1e3", "nan", "1000000", "x")
FROM_ONE = ("0", "-1", "1.5", "nan", "x", "")
SEEDS = ("-1", "1.5", "nan", str(LARGEST_SEED + 1), str(2**64))
PORTS = ("0", "-1", "65536", "nan")
READ_A_MOTION = ("caption", "ask", "search", "explain", "edit", "export", "features", "evaluate")
REFUSED = {
    ("generate", "--seconds"): LENGTHS,
    ("edit", "--seconds"): LENGTHS,
    ("ask", "--seconds"): LENGTHS,
    **{(name, "--guidance"): ("-1", "20.5", "nan", "inf", "x") for name in ("generate", "edit")},
    **{(name, "--steps"): ("0", "-1", "1.5", "101", "nan", "x") for name in ("generate", "edit")},
    ("caption", "--windows"): ("0", "-1", "nan", "inf", "x"),
    ("caption", "--top-p"): ("0", "-1", "1.5", "nan", "inf", "x"),
    **{(name, "--seed"): SEEDS for name in ("generate", "edit", "caption", "ask")},
    **{(name, "-n"): COUNTS for name in ("generate", "edit", "caption")},
    **{(name, "--fps"): LENGTHS for name in (*READ_A_MOTION, "index build", "index add", *IMPORTS)},
    **{(name, "--top"): FROM_ONE for name in ("search", "explain")},
    ("index build", "--terms"): FROM_ONE,
    **{("data shard", flag): FROM_ONE for flag in ("--clips", "--clips-a-shard", "--workers")},
    ("data shard", "--seed"): SEEDS,
    ("evaluate", "--repeats"): COUNTS,
    ("experiment", "--seeds"): COUNTS,
    **{(name, "--cards"): COUNTS for name in ("run", "worker slurm")},
    **{(name, "--nodes"): COUNTS for name in ("run", "worker slurm")},
    ("worker slurm", "--cores"): COUNTS,
    ("worker start", "--device"): COUNTS,
    ("worker start", "--limit"): COUNTS,
    ("ui", "--mlflow-port"): PORTS,
    ("ui", "--prefect-port"): PORTS,
    ("page", "--port"): tuple(port for port in PORTS if port != "0"),
}
TOLD = {"--seconds": " s can", "--top-p": "top_p"}
"""The words of the library, which knows of no options."""
CASES = [(name, flag, value) for (name, flag), values in REFUSED.items() for value in values]


def numbers(name: str, command: Any) -> Iterator[tuple[str, str]]:
    """Commands and their options that take a number."""
    for below, each in getattr(command, "commands", {}).items():
        yield from numbers(f"{name} {below}", each)
    for parameter in command.params:
        if parameter.type_descriptor.annotation in {int, float}:
            yield name, parameter.opts[0]


def test_every_option_of_a_number_is_tried() -> None:
    found = {option for command in COMMANDS for option in numbers(command.name, loaded(command))}
    assert found == set(REFUSED)


@pytest.fixture
def clip(rig_project: Path) -> str:
    return sorted(path.name for path in (rig_project / "rig" / "motions").iterdir())[0]


@pytest.mark.parametrize(("name", "flag", "value"), CASES)
def test_a_number_out_of_range_is_refused(
    rig_project: Path, clip: str, name: str, flag: str, value: str
) -> None:
    words = [word.replace(MOTION, f"rig/motions/{clip}") for word in SOUND.get(name, ())]
    status, shown = run(*name.split(), *words, flag, value)
    assert status == 2 and (flag.lstrip("-") in shown or TOLD.get(flag, "?") in shown), shown
    assert not (rig_project / "out.npy").exists()


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u3000", "!?", "\U0001f44d", "\0"])
@pytest.mark.parametrize(
    "words", [("search",), ("search", "--lexical"), ("search", "--keywords"), ("generate", *OUT)]
)
def test_a_text_without_a_word_is_refused(rig_project: Path, words: tuple[str, ...], text: str) -> None:
    status, shown = run(*words, text)
    told = ("the text is empty", "the keywords are empty", "has no word; say what the person does")
    assert status == 2 and any(each in shown for each in told), shown
    assert not (rig_project / "out.npy").exists()


@pytest.mark.parametrize("name", ["search", "explain"])
def test_more_than_there_is_is_all_of_it(rig_project: Path, clip: str, name: str) -> None:
    words = [word.replace(MOTION, f"rig/motions/{clip}") for word in SOUND[name]]
    assert run(name, *words, "--top", str(10**30))[0] == 0


@pytest.mark.parametrize("span", ["1e3:2", "nan:1", "-1:2", "3:2", "5000:6000", ":" + 400 * "9", "0.5:0.51"])
def test_a_span_out_of_the_motion_is_refused(rig_project: Path, clip: str, span: str) -> None:
    status, shown = run("edit", f"rig/motions/{clip}", "-o", "out.npy", f"--span={span}")
    assert status == 2, shown


def parameters(values: dict[str, object], before: str = "") -> Iterator[tuple[str, type]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from parameters(value, f"{before}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{before}{key}", type(value)


SMOKE: Config = profile_config("smoke")
PARAMETERS = dict(parameters(SMOKE.model_dump()))


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_that_is_no_number_is_refused(parameter: str) -> None:
    for value in (".nan", ".inf", "-.inf", "nan", "inf", "1e999", "x"):
        with pytest.raises(LampError, match=parameter.split(".")[0]):
            override(SMOKE, [f"{parameter}={value}"])


@pytest.mark.parametrize("parameter", [name for name in PARAMETERS if name.endswith("seed")])
def test_a_seed_is_one_that_every_generator_takes(parameter: str) -> None:
    for value in (-1, LARGEST_SEED + 1, 2**64, 10**30):
        with pytest.raises(LampError, match=parameter):
            override(SMOKE, [f"{parameter}={value}"])
    override(SMOKE, [f"{parameter}={LARGEST_SEED}"])
