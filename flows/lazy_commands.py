"""The commands of the catalogue as a group whose modules are imported when a command is called."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from flows.commands.catalogue import COMMANDS, Command

BY_NAME = {command.name: command for command in COMMANDS}


class LazyCommands(TyperGroup):
    """Lists the catalogue's lines, and imports the one module whose command is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the catalogue's order."""
        return list(BY_NAME)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command as a line of the help, without its module."""
        command = BY_NAME.get(cmd_name)
        if command is None:
            return None
        return TyperCommand(command.name, help=command.help, rich_help_panel=command.section)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, with its module."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, loaded(BY_NAME[str(name)]) if found else found, rest


def loaded(command: Command) -> Any:
    """Import a command's module and make the command."""
    module = import_module(command.path)
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(command.name)(getattr(module, command.name))
    made = typer.main.get_command(app)
    made.name = command.name
    if isinstance(made, TyperGroup):
        made.help = command.help
    return made
