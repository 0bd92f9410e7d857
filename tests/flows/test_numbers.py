"""Numbers that no command can use are refused in a line, by every command that takes numbers."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from flows.commands.catalogue import COMMANDS
from flows.lazy_commands import loaded
from lamp_core.config import Config, override, profile_config
from lamp_core.config.base import LARGEST_SEED
from lamp_core.errors import LampError
from tests.flows.commands import run

MOTION = "rig/motions/CLIP"
SOUND = {
    "generate": ("a person walks", "-o", "out.npy"),
    "edit": (MOTION, "-o", "out.npy", "--after", "--seconds", "1"),
    "caption": (MOTION,),
    "search": ("--motion", MOTION),
    "export": (MOTION, "-o", "out.npy"),
    "features": (MOTION, "-o", "out.npy", "--skeleton", "smpl22"),
    "evaluate": ("--motions", "rig/motions", "--protocol", "plausibility", "-o", "out"),
    "import bvh": ("rig/motions", "--captions", "rig/texts", "--splits", "rig/splits", "--name", "odd"),
    "import npy": ("rig/motions", "--skeleton", "smpl22", "--name", "odd"),
    "import manifest": ("clips.csv", "--skeleton", "smpl22", "--name", "odd"),
    "import amass": ("rig/motions", "--name", "odd"),
    "import humanml3d": ("rig", "--name", "odd"),
    "import kit": ("rig", "--name", "odd"),
    "import motionx": ("rig", "--name", "odd"),
    "ui": (),
    "worker start": (),
}
"""What else a command needs, so that the number alone is at fault."""
NO_INTEGERS = ("-1", "1.5", "1e3", "nan", "inf", "x", "")
NO_NUMBERS = ("-1", "-1e6", "0", "nan", "inf", "-inf", "1e999", "x", "")
TOO_LARGE = {
    "generate --seconds": ("1e6", "1e300"),
    "edit --seconds": ("1e6", "1e300"),
    "caption --top-p": ("1.5", "1e300"),
    "generate -n": ("1000000",),
    "edit -n": ("1000000",),
    "caption -n": ("1000000",),
    "evaluate --repeats": ("1000000",),
    "ui --mlflow-port": ("65536", "1000000"),
    "ui --prefect-port": ("65536", "1000000"),
    **{f"{name} --seed": (str(LARGEST_SEED + 1), str(2**64)) for name in ("generate", "edit", "caption")},
    **{f"{name} --fps": ("1001", "1e6", "1e300") for name in SOUND if name not in {"generate", "ui"}},
}


def numeric(command: click.Command, name: str) -> Iterator[tuple[str, click.Option]]:
    """The options of a command, and of those below it, that take numbers."""
    if isinstance(command, click.Group):
        for below in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), below)
            assert found is not None
            yield from numeric(found, f"{name} {below}")
        return
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.type.name.split()[0] in {"integer", "float"}:
            yield name, parameter


def cases() -> Iterator[tuple[str, str, str]]:
    for command in COMMANDS:
        for name, option in numeric(loaded(command), command.name):
            flag = max(option.opts, key=len)
            refused = NO_INTEGERS if option.type.name.startswith("integer") else NO_NUMBERS
            for value in (*refused, *TOO_LARGE.get(f"{name} {flag}", ())):
                yield name, flag, value


CASES = sorted(set(cases()))


@pytest.fixture
def clip(rig_project: Path) -> str:
    return sorted(path.name for path in (rig_project / "rig" / "motions").iterdir())[0]


@pytest.mark.parametrize(("name", "flag", "value"), CASES)
def test_a_number_out_of_range_is_refused(
    rig_project: Path, clip: str, name: str, flag: str, value: str
) -> None:
    words = [word.replace(MOTION, f"rig/motions/{clip}") for word in SOUND[name]]
    status, shown = run(*name.split(), *words, f"{flag}={value}")
    assert status == 2, shown
    assert value in shown or flag in shown, shown
    assert not any((rig_project / made).exists() for made in ("out.npy", "out", "data/sources/odd.yaml"))


def test_the_list_of_numbers_is_whole() -> None:
    assert {name for name, _, _ in CASES} <= set(SOUND)
    assert {f"{name} {flag}" for name, flag, _ in CASES} >= set(TOO_LARGE) - {"worker start --fps"}


@pytest.mark.parametrize("span", ["1e3:2", "nan:1", "-1:2", "3:2", "5000:6000", ":" + 400 * "9", "0.5:0.51"])
def test_a_span_out_of_the_motion_is_refused(rig_project: Path, clip: str, span: str) -> None:
    status, shown = run("edit", f"rig/motions/{clip}", "-o", "out.npy", f"--span={span}")
    assert (status == 2) == (span != ":" + 400 * "9"), shown


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
