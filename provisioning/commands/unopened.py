"""Rows of the database that a command cannot open: it names them on stderr, and goes on with the others."""

from typing import Final

import click

_NAMED: Final = 20  # a disk that goes bad takes thousands


def how_to_mend(table: str, id_: int) -> str:
    """Return what to do about a row that cannot be opened."""
    if table == "keys":
        return f"`latchkey key reset id:{id_}` gives it another passphrase, `latchkey key remove id:{id_}` shuts it out"
    if table == "nases":
        return f"`latchkey nas remove {id_}`, then `latchkey nas add` with its secret"
    if table == "sync_plans":
        return "`latchkey sync release NAME`, then `latchkey sync plan NAME` makes another one"
    return "`latchkey restore FILE`, from a backup"


class Unopened:
    """Counts the rows that cannot be opened, and names the first of them."""

    def __init__(self) -> None:
        self.count = 0

    def report(self, table: str, id_: int) -> None:
        """Name a row, once."""
        self.count += 1
        if self.count <= _NAMED:
            click.echo(f"latchkey: row {id_} of {table} cannot be opened: {how_to_mend(table, id_)}", err=True)
        elif self.count == _NAMED + 1:
            click.echo("latchkey: more rows cannot be opened, which are not named here", err=True)
