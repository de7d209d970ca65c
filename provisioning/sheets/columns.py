"""Which column of a sheet holds which field: by its header, in any order, or by its place where there is no header.

A name that could mean two things is no name of ours: a column "Key" may hold the numbers of door keys. A header that
names no identity or no passphrase is refused as a whole, since its first row would else let in whoever tries the
passphrase "Password".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from ..errors import FileRefused, InvalidValue
from .header_words import reads_like_header, squash

FIELDS: Final = (
    *("identity", "psk", "mac", "vlan", "unit", "building", "floor", "plan", "starts", "ends"),
    *("venue", "pool", "subscriber", "external_id", "tag", "status"),
)
POSITIONS: Final = ("identity", "psk", "mac", "vlan")  # of a file without a header, as rlm_dpsk reads it

# Other names of each field, in small letters without accents, blanks and points: English, German, French, Spanish,
# Italian, Dutch, Portuguese.
_SYNONYMS: Final[Mapping[str, str]] = {
    "identity": """
        name fullname resident residentname tenant tenantname occupant occupantname guest guestname customer
        customername person personname member membername user username who
        bewohner bewohnerin mieter mieterin benutzer benutzername nutzer nutzername gast
        nom nomcomplet locataire occupante nombre nombrecompleto inquilino inquilina residente
        nome nomecompleto naam bewoner huurder morador
        """,
    "psk": """
        passphrase password passwd pwd ppsk dpsk ipsk epsk mpsk presharedkey networkkey networkpassword wifikey
        wifipassword wifipassphrase wifipsk wlankey wlanpassword wirelesskey wirelesspassword wpakey wpapassword
        wpa2key wpa2password wpa2passphrase wpa3password securitykey networksecuritykey
        passwort kennwort wlanpasswort wlankennwort wlanschlussel wlanschluessel netzwerkschlussel
        netzwerkschluessel sicherheitsschlussel motdepasse motdepassewifi mdp clewifi cledewifi cleduwifi contrasena
        contrasenawifi contrasenadelwifi clavewifi clavedelwifi chiavewifi passwordwifi wachtwoord wifiwachtwoord
        senha senhawifi
        """,
    "mac": """
        macs macaddress macaddresses devicemac devicemacaddress hardwareaddress physicaladdress wifimac wlanmac
        macadresse adressemac direccionmac indirizzomac macadres enderecomac
        """,
    "vlan": "vlanid vid vlannumber vlanno vlantag",
    "unit": """
        unitnumber unitno unitname flat flatnumber flatno apartment apartmentnumber apartmentno apt aptno aptnumber
        room roomnumber roomno suite wohnung wohnungsnummer wohneinheit zimmer zimmernummer appartement logement
        chambre apartamento vivienda habitacion appartamento stanza kamer quarto
        """,
    "building": "buildingname block tower gebaude gebaeude haus batiment edificio gebouw predio",
    "floor": "level storey story etage stockwerk geschoss planta piano verdieping andar",
    "plan": "planname serviceplan rateplan package tarif",
    "starts": """
        start startdate startsat starttime begin begins movein moveindate from validfrom leasestart leasestartdate
        leasefrom arrival arrivaldate checkin checkindate einzug einzugsdatum einzugam beginn von gultigab gultigvon
        mietbeginn debut inicio
        """,
    "ends": """
        end enddate endsat endtime moveout moveoutdate until to validuntil validto leaseend leaseenddate leaseto expires
        expiry expirydate expirationdate departure departuredate checkout checkoutdate auszug auszugsdatum auszugam ende
        bis gultigbis mietende fin
        """,
    "venue": "venuename property propertyname site sitename community",
    "pool": "keypool ssid network networkname wifinetwork wlan",
    "subscriber": "subscribername account accountname accountholder",
    "external_id": """
        extid externalref externalreference residentid tenantid customerid guestid personid leaseid reservationid pmsid
        """,
    "tag": "keytag label",
    "status": "",
}
_FIELD_OF: Final = {name: key for key, names in _SYNONYMS.items() for name in (squash(key), *names.split())}
_MAIL: Final = frozenset(("email", "emailaddress", "mail", "mailadresse", "courriel", "correo", "correoelectronico"))
_OURS: Final = frozenset(("line", "reason"))  # what a file of refused rows has more
_SAID: Final = {"identity": "identity (name, resident)", "psk": "passphrase (psk, password, Wi-Fi key)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where each field is: its place in a row, from 0."""

    places: Mapping[str, int]
    header: tuple[str, ...] | None = None  # as it came
    notes: tuple[str, ...] = field(default=())

    @property
    def widest(self) -> int:
        """Return the most cells of a row."""
        return len(POSITIONS) if self.header is None else len(self.header)


def parse_map(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the (column, field) of each COLUMN=FIELD; an empty field is a column to leave alone."""
    pairs = []
    for text in texts:
        column, equals, name = text.rpartition("=")
        name = name.strip().lower()
        known = _FIELD_OF.get(squash(name), name)
        if not equals or not column.strip():
            raise InvalidValue(f"--map {text[:60]!r}: say COLUMN=FIELD, as 'Flat no=unit'")
        if name and known not in FIELDS:
            close = get_close_matches(name, FIELDS, n=1)
            instead = f"did you mean {close[0]}?" if close else f"there is {', '.join(FIELDS)}"
            raise InvalidValue(f"--map {text[:60]!r}: no field {name[:40]!r}: {instead}")
        pairs.append((column.strip(), known if name else ""))
    named = [known for _, known in pairs if known]
    if twice := next((known for known in named if named.count(known) > 1), None):
        raise InvalidValue(f"--map names two columns for {twice}")
    return tuple(pairs)


def find_columns(
    number: int, cells: Sequence[str], mapping: Sequence[tuple[str, str]] = (), *, psk: bool = True
) -> Columns | None:
    """Return the columns that the first row names, None where it is a key; FileRefused for a header that is not ours.

    number:  the line of the row, for messages
    mapping: of columns whose names say something else, as `parse_map` gives it
    psk:     a passphrase is needed
    """
    given = _given(number, cells, mapping)
    taken = {place for places in given.values() for place in places}
    known: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        if place not in taken and (name := _FIELD_OF.get(squash(cell))) is not None:
            known.setdefault(name, []).append(place)
    told = {name for name in given if name} | known.keys()
    needed = [name for name in _SAID if name not in told and (psk or name != "psk")]
    if needed and not mapping and not _is_header(cells, sum(map(len, known.values()))):
        return None
    if needed:
        missing = " and none the ".join(_SAID[name] for name in needed)
        raise FileRefused(
            f"line {number}: reads like a header, but no column is the {missing}:"
            f" --map COLUMN={needed[0]} names it; say --no-header if the row is a key"
        )
    places = {name: at[0] for name, at in given.items() if name}
    for name, at in known.items():
        if name not in places:
            places[name] = at[0] if len(at) == 1 else _choose(number, name, at, cells)
    return Columns(places=MappingProxyType(places), header=tuple(cells), notes=_notes(cells, places, given.get("", [])))


def names_needed(cells: Sequence[str], mapping: Sequence[tuple[str, str]] = (), *, psk: bool = True) -> bool:
    """Return whether the first row names, with what the mapping says of it, all that a header must."""
    named = {_FIELD_OF.get(squash(cell)) for cell in cells}
    squashed = {squash(cell) for cell in cells}
    named |= {name for column, name in mapping if squash(column) in squashed}
    return len(cells) > 1 and {"identity", "psk"} - ({"psk"} if not psk else set()) <= named


def by_position(mapping: Sequence[tuple[str, str]] = ()) -> Columns:
    """Return the columns of a file without a header.

    mapping: of the number of a column to its field, where they are not in our order
    """
    if not mapping:
        return Columns(places=MappingProxyType({name: place for place, name in enumerate(POSITIONS)}))
    places = {}
    for column, name in mapping:
        if not (column.isascii() and column.isdigit() and 1 <= int(column) <= 256):
            raise InvalidValue(f"--map {column[:40]!r}: without a header a column is a number, the first is 1")
        if name:
            places[name] = int(column) - 1
    if missing := next((name for name in ("identity", "psk") if name not in places), None):
        raise InvalidValue(f"no column is the {_SAID[missing]}: --map NUMBER={missing} names it")
    width = max(places.values()) + 1
    return Columns(places=MappingProxyType(places), header=("",) * width)


def _given(number: int, cells: Sequence[str], mapping: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    """Return the places of the columns that the mapping names, by field."""
    places: dict[str, list[int]] = {}
    squashed = [squash(cell) for cell in cells]
    for column, name in mapping:
        exact = [place for place, cell in enumerate(cells) if cell.strip() == column]
        found = exact or [place for place, cell in enumerate(squashed) if cell and cell == squash(column)]
        if len(found) != 1:
            what = "no column is" if not found else f"{len(found)} columns are"
            raise FileRefused(f"line {number}: {what} called {column[:40]!r} (--map)")
        places.setdefault(name, []).extend(found)
    return places


def _is_header(cells: Sequence[str], known: int) -> bool:
    """Return whether a row that does not name all it must is a header even so."""
    filled = [cell for cell in cells if cell.strip()]
    return len(filled) > 1 and (known == len(filled) or known > 2 or reads_like_header(filled))


def _choose(number: int, name: str, places: Sequence[int], cells: Sequence[str]) -> int:
    """Return which of several columns is meant: the one that bears the field's own name."""
    exact = [place for place in places if squash(cells[place]) == squash(name)]
    if len(exact) == 1:
        return exact[0]
    columns = " and ".join(str(place + 1) for place in places)
    raise FileRefused(f"line {number}: columns {columns} are both the {name}: say which with --map COLUMN={name}")


def _notes(cells: Sequence[str], places: Mapping[str, int], ignored: Sequence[int]) -> tuple[str, ...]:
    used = {*places.values(), *ignored}
    left = [
        (cell.strip(), squash(cell))
        for place, cell in enumerate(cells)
        if place not in used and cell.strip() and squash(cell) not in _OURS
    ]
    notes = [f"column {name[:40]!r} is not stored: no e-mail addresses are kept" for name, key in left if key in _MAIL]
    unknown = [name for name, key in left if key not in _MAIL]
    if unknown:
        listed = ", ".join(repr(name[:40]) for name in unknown[:12]) + (", ..." if len(unknown) > 12 else "")
        many = "s" if len(unknown) > 1 else ""
        notes.append(f"column{many} {listed} left alone: --map COLUMN=FIELD takes one")
    return tuple(notes)
