"""``lamp ask``: every task of a motion language model, by one instruction; alone, a conversation."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flows.commands.model_options import DecodeOption, ModelOption
from flows.commands.motion_options import AS_FILES_SAY, HowRead, SeedOption, reads_motions
from lamp_core.errors import LampError
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.inference.ask import Answer

PROMPT = "> "
HELP = "an instruction [--motion FILE] [--pose first=FILE|last=FILE|FRAME=FILE] [--seconds S] [-o OUT]"


@reads_motions
def ask(
    instruction: Annotated[
        str | None,
        typer.Argument(help="What the person does, or what to do with --motion; a conversation without it."),
    ] = None,
    motion: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Motion to describe or to go on from (.npy, .bvh)."),
    ] = None,
    pose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE=FILE",
            help="Pose that the motion passes through, kept in the answer: first=FILE, last=FILE or "
            "FRAME=FILE; several times for several.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File of an answer in motion, in any form of `lamp generate`."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.2, help="Length of the motion, or of what comes next; else as the model thinks."),
    ] = None,
    seed: SeedOption = 0,
    model: ModelOption = None,
    decode: DecodeOption = "bones",
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Answer an instruction with a motion or a text, by what it asks for.

    Alone it is a conversation, a line an instruction with the same options behind it.
    """
    from lamp_core.inference import ask as api

    opened = how.gate(reads=bool(motion or pose or not instruction))
    data = find_project().data

    def answered(
        said: str, motion: Path | None, poses: list[str], output: Path | None, seconds: float | None
    ) -> None:
        _check(output)
        wanted = [api.Pose.parse(text) for text in poses]
        _show(api.ask(data, said, motion, wanted, seconds, seed, model, decode, opened), output)

    if instruction is not None:
        answered(instruction, motion, pose or [], output, seconds)
        return
    if motion is not None or pose or output is not None:
        raise LampError(
            "give an instruction with --motion, --pose or -o; alone, `lamp ask` is a conversation"
        )
    _converse(answered)


def _converse(answered: Callable[[str, Path | None, list[str], Path | None, float | None], None]) -> None:
    """Answer line after line; what cannot be answered is said, and the conversation goes on."""
    for number, line in enumerate(_lines(), start=1):
        try:
            said = _parsed(line)
            target = Path(said.output) if said.output else Path(f"answer-{number}.html")
            answered(said.instruction, said.motion, said.pose, target, said.seconds)
        except LampError as error:
            typer.echo(f"error: {error}", err=True)


def _lines() -> "list[str] | _Asked":
    """The instructions of a conversation: asked for at a terminal, else the lines of the input."""
    if sys.stdin.isatty():
        typer.echo(f"{HELP}; an empty line ends it")
        return _Asked()
    return [line for line in sys.stdin.read().splitlines() if line.strip()]


class _Asked:
    """Lines that are typed, until an empty one."""

    def __iter__(self) -> "_Asked":
        return self

    def __next__(self) -> str:
        try:
            line = input(PROMPT)
        except EOFError:
            raise StopIteration from None
        if not line.strip():
            raise StopIteration
        return line


class _Parser(argparse.ArgumentParser):
    """A parser that raises in place of ending the conversation."""

    def error(self, message: str) -> NoReturn:
        raise LampError(f"{message}; write {HELP}")


def _parsed(line: str) -> argparse.Namespace:
    """An instruction of a conversation with its options.

    Raises:
        LampError: it cannot be read.
    """
    parser = _Parser(prog="", add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--motion", type=Path)
    parser.add_argument("--pose", action="append", default=[])
    parser.add_argument("--output", "-o")
    parser.add_argument("--seconds", type=float)
    words = shlex.shlex(line, posix=True)
    words.whitespace_split, words.quotes, words.commenters = True, '"', ""  # a person's arm is no quotation
    try:
        found = parser.parse_intermixed_args(list(words))
    except ValueError as error:
        raise LampError(f"the line cannot be read: {str(error).lower()}") from error
    found.instruction = " ".join(found.words)
    return found


def _check(output: Path | None) -> None:
    from lamp_core.exports.kinds import check_ending

    if output is not None:
        check_ending(output)


def _show(answer: "Answer", output: Path | None) -> None:
    """Print a text, or write a motion and print where."""
    from lamp_core.exports.several import save_motions
    from lamp_core.viz.player import PlayerMotion

    if answer.joints_TJ3 is None or answer.skeleton is None:
        typer.echo(answer.text)
        return
    if output is None:
        raise LampError(
            "the answer is a motion; say where to write it: -o FILE (.npy, .bvh, .glb, .html ...)"
        )
    shown = [PlayerMotion(answer.joints_TJ3, answer.skeleton, answer.skeleton.frames_per_second)]
    for path in save_motions(output, [answer.joints_TJ3], answer.skeleton, answer.title, shown):
        typer.echo(path)
