"""An invented VAULT operator whose only venue is a file that people edit: a row for each unit and who lives in it.

    unit,vlan,resident,from,until,passphrase
    3A,121,Ada Okafor,2026-09-01,,sunny-otter-21
    3B,122,,,,

A resident's name is who they are: they keep their tenancy where another row has it. Without `until` it has no end.
"""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from .building import Building, Person, Unit
from .server import Reply, Request
from .vault import Vault

VENUE: Final = ("hudson-house", "Hudson House", "Hudson House", "Etc/UTC")  # id, name, SSID, time zone
_COLUMNS: Final = ("unit", "vlan", "resident", "from", "until", "passphrase")
_MOVED_IN: Final = date(2026, 9, 1)
_NAMES: Final = (
    *("Ada Okafor", "Björn Nguyễn", "Chloé Müller", "Dmitri Łukasz", "Eun-ji O'Brien", "Fátima García", "Güneş Tanaka"),
    *("Hana Ivanova", "Ivy Ben-David", "José Smith", "Kofi Lindqvist", "Leïla Moreau", "Mateo Rossi", "Nadia Petrov"),
    *("Oskar Demir", "Priya Nair", "Quentin Dubois", "Rosa Ferreira", "Sven Jansen", "Tomás Novák"),
)
_WORDS: Final = ("sunny", "quiet", "brave", "early", "happy", "green", "swift")
_ANIMALS: Final = ("otter", "maple", "heron", "cedar", "robin")


class PeopleError(Exception):
    """The file of people cannot be read; the text says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A unit, and who lives there from day to day; `resident` "": nobody."""

    unit: str
    vlan: int
    resident: str = ""
    since: date | None = None
    until: date | None = None
    passphrase: str = field(default="", repr=False)


def invent() -> list[Row]:
    """Return a house of 24 units, 20 of them let."""
    rows = []
    for number in range(24):
        empty = Row(unit=f"{number // 4 + 1}{'ABCD'[number % 4]}", vlan=101 + number)
        if number < len(_NAMES):
            secret = f"{_WORDS[number % 7]}-{_ANIMALS[number % 5]}-{101 + number}"
            rows.append(replace(empty, resident=_NAMES[number], since=_MOVED_IN, passphrase=secret))
        else:
            rows.append(empty)
    return rows


def render_people(rows: Iterable[Row]) -> str:
    """Return the text of such a file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow((row.unit, row.vlan, row.resident, row.since or "", row.until or "", row.passphrase))
    return text.getvalue()


def parse_people(text: str) -> list[Row]:
    """Return the rows of such a file; PeopleError names the line."""
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise PeopleError(f"line 1: the columns are {','.join(_COLUMNS)}")
    rows = []
    for line in reader:
        try:
            rows.append(_row(line))
        except (ValueError, AttributeError) as error:
            raise PeopleError(f"line {reader.line_num}: {error}") from None
    names = [row.resident for row in rows if row.resident]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PeopleError(f"{twice} is there twice: a name is one tenancy")
    return rows


def _row(line: dict[str, str]) -> Row:
    since, until = (date.fromisoformat(line[name]) if line[name] else None for name in ("from", "until"))
    vlan, passphrase = int(line["vlan"]), line["passphrase"]
    if not line["unit"] or not 1 <= vlan <= 4094:
        raise ValueError("a unit has a name, and a VLAN from 1 to 4094")
    if line["resident"] and (since is None or not 8 <= len(passphrase) <= 63):
        raise ValueError("a resident has a first day, and a passphrase of 8 to 63 characters")
    return Row(unit=line["unit"], vlan=vlan, resident=line["resident"], since=since, until=until, passphrase=passphrase)


def build(rows: Iterable[Row]) -> Building:
    """Return the house of these rows."""
    rows = list(rows)
    units = {row.unit: Unit(row.unit, "", row.unit[:-1], row.unit, row.vlan) for row in rows}
    building = Building(*VENUE, units.values())
    for row in rows:
        if row.since is not None and row.resident:
            person = Person(_slug(row.resident), row.resident)
            building.move_in(
                row.unit, person, row.since, row.until, passphrase=row.passphrase, name=f"{VENUE[0]}-{person.id}"
            )
    return building


def _slug(name: str) -> str:
    """Return a name as an identifier: letters of any script, digits, and hyphens for the rest."""
    return "".join(character if character.isalnum() else "-" for character in name).lower()


class FileVault(Vault):
    """VAULT for the house that a file tells; the file is read again when it has changed.

    A file that is wrong changes nothing, and is told once.
    """

    def __init__(self, path: Path, tell: Callable[[str], None], **options: Any) -> None:
        self._path = path
        self._tell = tell
        self._text = path.read_text("utf-8")
        self._mistake = ""
        super().__init__([build(parse_people(self._text))], clock=lambda: datetime.now(UTC), **options)

    def answer(self, request: Request) -> Reply:
        """Return what VAULT answers, of the file as it is now."""
        self._read_again()
        return super().answer(request)

    def _read_again(self) -> None:
        try:
            text = self._path.read_text("utf-8")
            if text == self._text:
                return
            building = build(parse_people(text))
        except (OSError, UnicodeDecodeError, PeopleError) as error:
            if self._mistake != str(error):
                self._mistake = str(error)
                self._tell(f"{self._path}: {error}: going on with what it said before")
            return
        self._text, self._mistake = text, ""
        self.replace_buildings([building])
