"""Groups of commands such as `latchkey venue`: whole sentences in their help, and a hint for a command mistyped."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import click

# What other programs call it.
_SYNONYMS: Final = {
    "create": "add",
    "del": "remove",
    "delete": "remove",
    "disable": "suspend",
    "edit": "set",
    "enable": "resume",
    "get": "show",
    "info": "show",
    "ls": "list",
    "new": "add",
    "revoke": "remove",
    "rm": "remove",
    "update": "set",
}


def no_such_command(name: str, known: Iterable[str], context: click.Context) -> click.UsageError:
    """Return the error for a command nobody made, with the one that may be meant."""
    names = list(known)
    synonym = _SYNONYMS.get(name.lower())
    meant = [synonym] if synonym in names else get_close_matches(name.lower(), names, n=2)
    hint = f" Did you mean {' or '.join(map(repr, meant))}?" if meant else f" There is {', '.join(names)}."
    return click.UsageError(f"No such command {name[:60]!r}.{hint}", context)


class CommandGroup(click.Group):
    """A click.Group whose help cuts no sentence short, and that says which command may be meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise no_such_command(name, self.list_commands(ctx), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(limit=1000)) for name, command in commands if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
