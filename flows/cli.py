"""``lamp``: the command line."""

import sys
import warnings
from typing import TextIO

import typer

from flows.lazy_commands import LazyCommands
from flows.pipeline.cleanup import look_after_killed, send_what_was_kept
from flows.terminal import line_console
from lamp_core.errors import LampError
from lamp_core.remarks import Remark
from tasks.project import find_project
from tasks.system.exit_status import BAD_REQUEST, INTERRUPTED
from tasks.system.redaction import masked

HELP = "From raw human motion and captions to trained, evaluated and tracked language-motion models."

app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(help=HELP)
def before() -> None:
    """Close what killed processes left open."""
    warnings.showwarning = _show_warning
    try:
        project = find_project()
    except LampError:
        return  # the command says so itself, if it needs a project
    look_after_killed(project, _say)
    send_what_was_kept(project, _say)


def _say(line: str) -> None:
    line_console(of_errors=True).print(line, style="yellow")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A remark about an input is a line; any other warning stays Python's own."""
    if issubclass(category, Remark):
        _say(f"note: {message}")
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def main() -> None:
    """Run a command; a request that cannot be met is one line and status 2."""
    try:
        app()
    except LampError as error:
        line_console(of_errors=True).print(masked(f"error: {error}"), style="red")
        sys.exit(BAD_REQUEST)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
