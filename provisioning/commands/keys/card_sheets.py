"""The commands `card print` and `card export`: the cards of a batch on paper, and as a table for other printers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from crypto import Ssid

from ...errors import InvalidValue, RowDamaged
from ...exports import Card, Paper, Sheet, cards_csv, how_to_join, qr_doubts, render_sheet, unprintable
from ...lifecycle import cards
from ...model import CardBatch, Passphrase
from ...store import Store
from ..new_files import new_file
from ..options import db_option, open_database, utc_now
from ..writing import tell
from .card_options import batch_argument, find_batch, numbers_option, zone_at

Command = TypeVar("Command", bound=Callable[..., Any])
_STDOUT: Final = "-"

force_option = click.option("--force", is_flag=True, help="Write over a file that is there.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How cards are to be printed."""

    title: str | None
    hidden: bool
    paper: str = Paper.A4.name
    back: bool = False
    back_text: str | None = None
    no_code: bool = False
    fonts: tuple[str, ...] = ()

    def sheet(self, ssid: Ssid, venue: str | None, zone: tzinfo) -> Sheet:
        back = self.back_text if self.back_text is not None else how_to_join(code=not self.no_code) if self.back else ""
        title = venue or "" if self.title is None else self.title
        return Sheet(ssid=ssid, title=title, hidden=self.hidden, zone=zone, code=not self.no_code, back=back)

    def render(self, faces: Sequence[Card], sheet: Sheet, made: datetime) -> bytes:
        fonts = [Path(font) for font in self.fonts]
        octets = render_sheet(faces, sheet, made=made, paper=Paper[self.paper.upper()], fonts=fonts)
        texts = [str(sheet.ssid), sheet.title, sheet.back.replace("\n", ""), *{face.note for face in faces}]
        if boxes := unprintable(texts, fonts):
            tell(f"no font has {boxes!r}, which the cards show as boxes: --font FILE takes one that has")
        if sheet.code:
            for doubt in sorted({doubt for face in faces for doubt in qr_doubts(sheet.ssid, face.passphrase)}):
                tell(doubt)
        return octets


def labels(command: Command) -> Command:
    """Add the options of `Look` that files of both kinds heed."""
    command = click.option("--hidden", is_flag=True, help="The access points hide the SSID: the code says so.")(command)
    return click.option("--title", metavar="TEXT", help="On top of each card (default: the venue).")(command)


def looks(command: Command) -> Command:
    """Add all options of `Look`."""
    for option in (
        click.option("--font", "fonts", multiple=True, metavar="FILE", help="For characters that others have not."),
        click.option("--no-code", is_flag=True, help="No QR code, for cards whose passphrase is scratched free."),
        click.option("--back-text", metavar="TEXT", help="Backs with this text."),
        click.option("--back", is_flag=True, help="Backs that say how to join, for duplex on the long edge."),
        click.option(
            "--paper",
            type=click.Choice([paper.name.lower() for paper in Paper]),
            default=Paper.A4.name.lower(),
            show_default=True,
            help="Of the PDF: 10 cards to a page, or 8.",
        ),
    ):
        command = option(command)
    return labels(command)


def refuse_idle(context: click.Context, *, pdf: bool, csv: bool) -> None:
    """Raise UsageError where something is said of files that are not wanted."""
    said = {
        parameter.opts[0]: parameter.name in ("title", "hidden")
        for parameter in context.command.params
        if parameter.name in Look.__dataclass_fields__
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }
    for option, is_for_both in said.items():
        if not pdf and not (csv and is_for_both):
            raise click.UsageError(f"{option} is about a file: say --pdf FILE{' or --csv FILE' if is_for_both else ''}")


def face_of(
    batch: str,
    number: int,
    count: int,
    passphrase: Passphrase,
    window: tuple[datetime | None, datetime | None],
    note: str | None,
) -> Card:
    """Return what is printed of a card: also its number, and the instant that its batch is looked up by."""
    return Card(
        passphrase=passphrase,
        number=f"{number} of {count}",
        note=" · ".join(part for part in (note, batch) if part),
        valid_from=window[0],
        valid_until=window[1],
    )


@click.command("print")
@batch_argument
@click.option("--pdf", required=True, metavar="FILE", help="The file to write, for your eyes alone.")
@numbers_option
@looks
@force_option
@db_option
@click.pass_context
def card_print(
    context: click.Context, /, which: str, pdf: str, numbers: Sequence[int], force: bool, **look: Any
) -> None:
    """Write the cards of a batch that can still be used as PDF: credit-card size, with marks to cut along.

    On A4 there are 10 to a page, on Letter 8. Print them at 100 %.
    """
    with new_file(pdf, force=force) as file:
        assert file is not None  # noqa: S101 (it has a name)
        with open_database(context, readonly=True) as store:
            faces, sheet = _faces(store, find_batch(store, which), numbers, Look(**look))
        file.write(Look(**look).render(faces, sheet, utc_now()))
        file.keep()
    _say_written(pdf, len(faces))


@click.command("export")
@batch_argument
@click.option("--csv", "file_name", required=True, metavar="FILE", help="The file to write, - for stdout.")
@numbers_option
@labels
@force_option
@db_option
@click.pass_context
def card_export(
    context: click.Context, /, which: str, file_name: str, numbers: Sequence[int], force: bool, **look: Any
) -> None:
    """Write the cards of a batch that can still be used as CSV, for label printers and mail merge.

    The last column is the text of the Wi-Fi QR code. Cells that a spreadsheet would calculate have an ' before them.
    """
    with new_file(None if file_name == _STDOUT else file_name, force=force) as file:
        with open_database(context, readonly=True) as store:
            faces, sheet = _faces(store, find_batch(store, which), numbers, Look(**look))
        octets = cards_csv(faces, sheet)
        if file is None:
            click.echo(octets, nl=False)
            return
        file.write(octets)
        file.keep()
    _say_written(file_name, len(faces))


def _say_written(name: str, count: int) -> None:
    click.echo(f"wrote {count} card{'s' if count != 1 else ''} to {name}")


def _faces(store: Store, batch: CardBatch, numbers: Sequence[int], look: Look) -> tuple[list[Card], Sheet]:
    now = utc_now()
    found = store.cards.cards(batch.id)
    chosen = [card for card in cards.choose(batch, found, numbers) if not card.is_over(now)]
    if not chosen:
        raise InvalidValue(f"no card of {batch.label} can still be used: there is nothing to print")
    damaged: list[int] = []
    keys = {key.id: key for key in store.keys.get_many([c.key_id for c in chosen], lambda _, id_: damaged.append(id_))}
    if damaged:
        raise RowDamaged("keys", damaged[0])
    if len(chosen) < len(found) and not numbers:
        tell(f"{len(found) - len(chosen)} of {len(found)} cards ended or were invalidated, and are left out")
    faces = [
        face_of(
            batch.name,
            card.number,
            batch.count,
            keys[card.key_id].passphrase,
            (card.starts, card.ends),
            card.tag,
        )
        for card in chosen
    ]
    venue = None if batch.venue_id is None else store.venues.get(batch.venue_id)
    sheet = look.sheet(
        store.keypools.get(batch.keypool_id).ssid, None if venue is None else venue.name, zone_at(store, batch.venue_id)
    )
    return faces, sheet
