"""Commands of ``lamp`` as a user calls them, in this process."""

import warnings

from typer.testing import CliRunner

from flows.cli import app
from lamp_core.errors import LampError


def run(*words: str) -> tuple[int, str]:
    """Status and output; a `LampError` is what `main` makes of it: one line and status 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        ended = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    if ended.exception is None or isinstance(ended.exception, SystemExit):
        return ended.exit_code, ended.output
    assert isinstance(ended.exception, LampError), repr(ended.exception)
    assert "\n" not in str(ended.exception).strip()
    return 2, ended.output + str(ended.exception)
