"""``lamp ask``: every task of a motion language model, by one instruction; alone, a conversation."""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flows.commands.model_options import DecodeOption, ModelOption
from flows.commands.motion_options import AS_FILES_SAY, HowRead, SeedOption, reads_motions, span_of
from lamp_core.errors import LampError
from lamp_core.remarks import remark
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.inference.ask import Answer

PROMPT = "> "
HELP = (
    "an instruction [--motion FILE] [--gap FROM:TO] [--pose first=FILE|last=FILE|FRAME=FILE] [--seconds S] "
    "[-o OUT]"
)


@dataclass(frozen=True)
class Asked:
    """An instruction with its options.

    Args:
        instruction: what the person does, or what to do with the motion.
        motion: that is given.
        gap: stretch of it, ``FROM:TO``.
        poses: that the motion passes through.
        output: where a motion is to be written; None where nothing says so.
        seconds: length of a motion.
        otherwise: where a motion is written that nothing says a file for; None: one has to be said.
    """

    instruction: str
    motion: Path | None = None
    gap: str | None = None
    poses: Sequence[str] = ()
    output: Path | None = None
    seconds: float | None = None
    otherwise: Path | None = None


@reads_motions
def ask(
    instruction: Annotated[
        str | None,
        typer.Argument(help="What the person does, or what to do with --motion; a conversation without it."),
    ] = None,
    motion: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Motion to describe, to go on from or to fill (.npy, .bvh)."),
    ] = None,
    gap: Annotated[
        str | None,
        typer.Option(
            metavar="FROM:TO", help="Seconds of --motion to make anew, such as 1:2.5, :1 (start) or 3: (end)."
        ),
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
        typer.Option(min=0.2, help="Length of the motion, or of what is added; else as the model thinks."),
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

    def answered(asked: Asked) -> None:
        target = _target(asked)
        wanted = [api.Pose.parse(text) for text in asked.poses]
        span = None if asked.gap is None else span_of("--gap", asked.gap)
        given = (asked.motion, wanted, asked.seconds, seed, model, decode, opened, span)
        _show(api.ask(data, asked.instruction, *given), target)

    if instruction is not None:
        answered(Asked(instruction, motion, gap, pose or [], output, seconds))
        return
    if motion is not None or pose or output is not None or gap is not None:
        raise LampError(
            "give an instruction with --motion, --gap, --pose or -o; alone, `lamp ask` is a conversation"
        )
    _converse(answered)


def _converse(answered: Callable[[Asked], None]) -> None:
    """Answer line after line; what cannot be answered is said, and the conversation goes on."""
    for number, line in enumerate(_lines(), start=1):
        try:
            said = _parsed(line)
            output, otherwise = said.output and Path(said.output), Path(f"answer-{number}.html")
            options = (said.motion, said.gap, said.pose, output, said.seconds, otherwise)
            answered(Asked(said.instruction, *options))
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
    parser.add_argument("--gap")
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


def _target(asked: Asked) -> Path | None:
    """Where the answer is written; None where it is a text, which uses no option of a motion.

    Raises:
        LampError: the answer is a motion and nothing says where to write it, or in a form that is not known.
    """
    from lamp_core.exports.kinds import check_ending
    from lamp_core.motion_language.requests import understood

    if asked.output is not None:
        check_ending(asked.output)
    wanted = understood(asked.instruction, has_motion=asked.motion is not None, has_gap=asked.gap is not None)
    if wanted.is_text:
        for option, value in (("-o", asked.output), ("--seconds", asked.seconds)):
            if value is not None:
                remark(f"the answer is a text; {option} says nothing of it")
        return None
    target = asked.output or asked.otherwise
    if target is None:
        raise LampError(
            "the answer is a motion; say where to write it: -o FILE (.npy, .bvh, .glb, .html ...)"
        )
    return target


def _show(answer: "Answer", output: Path | None) -> None:
    """Print a text, or write a motion and print where."""
    from lamp_core.exports.several import save_motions
    from lamp_core.viz.player import PlayerMotion

    if answer.joints_TJ3 is None or answer.skeleton is None:
        typer.echo(answer.text)
        return
    assert output is not None
    shown = [PlayerMotion(answer.joints_TJ3, answer.skeleton, answer.skeleton.frames_per_second)]
    for path in save_motions(output, [answer.joints_TJ3], answer.skeleton, answer.title, shown):
        typer.echo(path)
