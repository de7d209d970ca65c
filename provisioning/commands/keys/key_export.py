"""The command `key export`: keys as a file, for access points and other servers or for a spreadsheet program."""

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Final

import click

from ...errors import InvalidValue
from ...exports.controllers import FORMATS, UNDOCUMENTED
from ...model import Device, Key, Keypool, KeyStatus, Scope
from ...model.rules.zones import parse_zone
from ...selectors import find_keypool
from ...sheets import SheetRow, begins_as_formula, describe_key, render_rows, render_sheet
from ...store import Store
from ...store.files.copies import part_of, place
from ..options import db_option, open_database, utc_now
from ..unopened import Unopened
from ..writing import tell
from .controller_files import ControllerFile, devices_of, keypools_at, opened_keys
from .key_options import pool_option, secrets_option, venue_option

_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_FORMATS: Final = {
    "dpsk": "identity,psk[,mac[,vlanid]], as `key import` reads it",
    "sheet": "every field with a header, of every keypool, for spreadsheets and `key import`",
} | {each.name: each.purpose for each in FORMATS.values()}


@click.command("export")
@click.argument("file", metavar="[FILE.csv]", default="-", type=click.Path())
@pool_option
@venue_option
@click.option(
    "--format",
    "form",
    type=click.Choice([*_FORMATS, *UNDOCUMENTED]),
    default="dpsk",
    show_default=True,
    help="; ".join(f"{name}: {purpose}" for name, purpose in _FORMATS.items())
    + f"; {' and '.join(UNDOCUMENTED)}: refused, with the reason.",
)
@click.option(
    "--separator",
    type=click.Choice([*_SEPARATORS]),
    default="comma",
    show_default=True,
    help="What a sheet's cells are separated by: Excel wants semicolons where commas are in numbers.",
)
@click.option("--all", "everything", is_flag=True, help="Also suspended, expired and future keys.")
@secrets_option
@db_option
@click.pass_context
def key_export(
    context: click.Context,
    file: str,
    pool: str | None,
    venue: str | None,
    form: str,
    separator: str,
    everything: bool,
    show_secrets: bool,
) -> None:
    """Write the keys valid now as identity,psk[,mac[,vlanid]], to a new file for your eyes. Needs --show-secrets.

    That form has no columns for windows and suspensions: --all makes them valid for whoever reads the file. With
    --format sheet it has, times in the zone of the venue, and `key import` reads the same keys again.

    A file for hostapd or FreeRADIUS holds the keys that may be used now, with the VLAN that their devices land in, at
    --venue also those of the SSID's global keypool. Never in it are suspended, ended and future keys; write it anew
    when they change. A key that it cannot hold as it is (hours, a whitelist of NASes, a passphrase that its reader
    would take apart) is left out and named, and the exit status is 1.
    """
    if form in UNDOCUMENTED:
        raise InvalidValue(f"--format {form}: {UNDOCUMENTED[form]}")
    if form in FORMATS and everything:
        raise InvalidValue(f"--all: the file of --format {form} cannot hold when a key is valid, so all would be now")
    if not show_secrets:
        raise InvalidValue("the file would hold every passphrase: say --show-secrets if that is meant")
    with open_database(context, readonly=True) as store:
        if form in FORMATS:
            made = ControllerFile(store, FORMATS[form], utc_now())
            _write(file, made.lines(keypools_at(store, pool, venue)))
            made.tell_about()
            context.exit(1 if made.unopened.count or made.left_out else 0)
        source = _Exported(store, everything)
        if form == "sheet":
            one = None if pool is None and venue is None else find_keypool(store, pool, venue)
            lines = render_sheet(source.rows(one), separator=_SEPARATORS[separator])
        else:
            lines = render_rows(source.keys(find_keypool(store, pool, venue)))
        _write(file, lines)
    source.tell_about(form)
    if source.unopened.count:
        context.exit(1)


def _write(file: str, lines: Iterator[str]) -> None:
    """Write to stdout for -, else a file that is its owner's alone, and there only when it is whole."""
    if file == "-":
        sys.stdout.writelines(lines)
        return
    path = Path(file)
    if os.path.lexists(path):
        raise InvalidValue(f"cannot write {path}: File exists")
    with part_of(path) as part:
        try:
            with part.open("w", encoding="utf-8", newline="") as out:
                out.writelines(lines)
        except OSError as error:
            raise InvalidValue(f"cannot write {path}: {error.strerror}") from error
        place(part, path)


class _Exported:
    """The keys that are exported, and what is to be said of them."""

    def __init__(self, store: Store, everything: bool) -> None:
        self._store = store
        self._everything = everything
        self._now = utc_now()
        self.unopened = Unopened()
        self._formulas = 0
        self._cards = 0

    def keys(self, keypool: Keypool) -> Iterator[tuple[Key, Sequence[Device]]]:
        """Yield the keys of a keypool, with their devices."""
        for key in opened_keys(self._store, keypool, self.unopened):
            if key.grace_of is not None:
                continue  # a former passphrase, for the devices that still come with it
            if key.status is not KeyStatus.REMOVED if self._everything else key.validity(self._now) is None:
                self._formulas += begins_as_formula(key)
                yield key, devices_of(self._store, key)

    def rows(self, one: Keypool | None) -> Iterator[SheetRow]:
        """Yield the rows of a sheet: of one keypool, or of all. Scratch cards are on sheets of their own."""
        pools = self._store.keypools.all(lambda *_: None)
        venues = {venue.id: venue for venue in self._store.venues.all(lambda *_: None)}
        operator_zone = self._store.venues.operator().time_zone
        zones: dict[int | None, tzinfo] = {None: parse_zone(operator_zone)}
        zones |= {id_: parse_zone(venue.time_zone or operator_zone) for id_, venue in venues.items()}
        for pool in pools if one is None else (one,):
            shared = sum(other.ssid == pool.ssid for other in pools) > 1
            for key, devices in self.keys(pool):
                if key.card_batch_id is not None:
                    self._cards += 1
                    continue
                venue_id = _venue_of(key, pool, name_one=shared)
                name = None if venue_id is None else venues[venue_id].name
                yield describe_key(key, devices, zones[venue_id], venue=name, pool=str(pool.ssid))

    def tell_about(self, form: str) -> None:
        if self._formulas and form == "dpsk":
            what = "key has" if self._formulas == 1 else "keys have"
            tell(
                f"{self._formulas:,} {what} a cell that begins with =, +, - or @:"
                " a spreadsheet would calculate it, so open the file as text"
            )
        if self._cards:
            tell(f"{self._cards:,} scratch cards left out: `latchkey card list` shows them")


def _venue_of(key: Key, pool: Keypool, *, name_one: bool) -> int | None:
    """Return the venue that a key is at: its unit's, else its keypool's only one.

    name_one: name one of several, by which the keypool is told from others of its SSID
    """
    if key.unit is not None:
        return key.unit.venue_id
    if pool.scope is Scope.LOCAL and pool.venue_ids and (name_one or len(pool.venue_ids) == 1):
        return pool.venue_ids[0]
    return None
