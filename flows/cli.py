"""``lamp``: the command line."""

import sys

import typer
from rich.console import Console

from flows.commands import compare, data, models, run, ui
from lamp_core.errors import LampError

BAD_REQUEST, INTERRUPTED = 2, 130

app = typer.Typer(
    help="From raw human motion and captions to trained, evaluated and tracked language-motion models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("status")(run.status)
app.add_typer(data.app, name="import")
app.command("features")(data.features)
app.command("joints")(data.joints)
app.command("generate")(models.generate)
app.command("search")(models.search)
app.command("compare")(compare.compare)
app.command("ui")(ui.ui)


def main() -> None:
    """Run a command; a request that cannot be met is one line and status 2."""
    try:
        app()
    except LampError as error:
        Console(stderr=True, soft_wrap=True).print(
            f"error: {error}", markup=False, highlight=False, style="red"
        )
        sys.exit(BAD_REQUEST)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
