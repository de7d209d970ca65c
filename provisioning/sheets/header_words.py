"""The words of headers: whether the first row of a file is one, in whatever language, or a key.

A header that is taken for a key lets in whoever tries the passphrase "Password".
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

# Words of headers, without accents: English, German, French, Spanish, Italian, Dutch, Portuguese.
_VOCABULARY: Final = """
    name names full first last given family surname title user users username login account identity identities id ids
    identifier who whom person people resident residents tenant tenants occupant occupants occupier customer customers
    client clients guest guests member members subscriber subscribers owner holder contact email e mail phone telephone
    unit units flat flats apartment apartments apt room rooms suite door house building block floor address site venue
    password passwords passwd pwd pass passphrase passphrases phrase pw psk psks ppsk dpsk ipsk epsk mpsk key keys
    secret secrets code codes pin preshared pre shared presharedkey credential credentials wifikey wifipassword
    wi fi wifi wlan wireless network networks ssid wpa wpa2 wpa3 internet access security
    mac macs device devices hardware ethernet station vlan vlans vlanid vid tag
    note notes comment comments remark remarks description start starts end ends expiry expires expiration date from
    until to valid plan status number no nr num of the for and or by in new
    vorname nachname benutzer benutzername nutzer nutzername bewohner mieter mieterin kunde kundin gast wohnung
    wohneinheit einheit zimmer raum stockwerk gebaude passwort kennwort schlussel schluessel netzwerkschlussel
    netzwerkschluessel sicherheitsschlussel wlanschlussel wlanpasswort netz netzwerk zugang zugangscode gerat geraet
    gerate adresse macadresse und der die das des fur
    nom noms prenom prenoms utilisateur identifiant identite locataire locataires occupante appartement appart logement
    chambre batiment etage mot mots de du la le les et passe motdepasse mdp cle cles clef clefs reseau sans fil appareil
    nombre nombres apellido apellidos usuario usuaria identidad identificador inquilino inquilina residente huesped
    cliente apartamento piso vivienda habitacion unidad edificio contrasena contrasenas clave claves llave codigo red
    inalambrica direccion dispositivo y el los
    nome cognome utente chiave parola stanza indirizzo rete naam gebruiker bewoner huurder kamer wachtwoord sleutel
    netwerk senha usuario chave quarto morador rede
    """
_WORDS: Final = frozenset(_VOCABULARY.split())
_PASSWORDS: Final = frozenset(
    (
        *("password", "passwords", "passwd", "pwd", "pass", "passphrase", "passphrases", "psk", "psks", "ppsk", "dpsk"),
        *("ipsk", "epsk", "mpsk", "key", "keys", "secret", "secrets", "code", "codes", "pin", "presharedkey"),
        *("credential", "credentials", "wifikey", "wifipassword", "passwort", "kennwort", "schlussel", "schluessel"),
        *("netzwerkschlussel", "netzwerkschluessel", "sicherheitsschlussel", "wlanschlussel", "wlanpasswort"),
        *("zugangscode", "passe", "motdepasse", "mdp", "cle", "cles", "clef", "clefs", "contrasena", "clave", "claves"),
        *("llave", "codigo", "chiave", "parola", "wachtwoord", "sleutel", "senha", "chave"),
    )
)
# Nobody is called so; of "Guest" and "Room" one cannot be sure.
_NAMES_OF_COLUMNS: Final = frozenset(
    (
        *("name", "names", "full name", "first name", "last name", "user name", "username", "user id", "identifier"),
        *("identity", "identities", "tenant name", "resident name", "guest name", "customer name", "customer id"),
        *("benutzername", "vorname", "nachname", "nom", "prenom", "identite", "identifiant", "nombre", "apellido"),
        *("apellidos", "identidad", "identificador", "nome", "cognome", "naam"),
    )
)


def reads_like_header(cells: Sequence[str]) -> bool:
    """Return whether a row of two or more cells is a header in words of whatever language."""
    first, second, *more = map(_words, cells)
    if any(map(_all_known, (second, *more))) or " ".join(first) in _NAMES_OF_COLUMNS:
        return True
    # "Wohnung,Kennwort1" numbers its columns; in "Zimmer 12,Kennwort1" the numbers are those of rooms.
    unnumbered = _unnumbered(second)
    named = not _PASSWORDS.isdisjoint(unnumbered)
    if named and _all_known(unnumbered) and not any(map(str.isdigit, cells[0])):
        return True
    # "Tenant,Zauberwort" is a header as far as anyone can tell; "Tenant,maple-Falcon-77" is not.
    if not first or not set(first) <= _WORDS:
        return False
    if named and unnumbered[0] in _PASSWORDS:
        return True
    if any(map(str.isdigit, cells[1])):
        return False
    return len(second) == 1 or any(map(_is_telling, second))


def squash(name: str) -> str:
    """Return what is left of a column's name without case, accents, blanks, points and brackets."""
    return "".join(_words(name))


def _words(cell: str) -> list[str]:
    """Return the words of a cell in small letters without accents, and without what is in brackets, as (8-63)."""
    folded = unicodedata.normalize("NFKD", re.sub(r"\([^)]*\)", "", cell.casefold()))
    return re.findall(r"[^\W_]+", "".join(c for c in folded if not unicodedata.combining(c)))


def _unnumbered(words: Sequence[str]) -> list[str]:
    """Return words without the digits that they end with."""
    bare = (word if word in _WORDS else word.rstrip("0123456789") for word in words)
    return [word for word in bare if word]


def _all_known(words: Sequence[str]) -> bool:
    return set(words) <= _WORDS and any(map(_is_telling, words))


def _is_telling(word: str) -> bool:
    return word in _WORDS and len(word) > 2  # "de" is also two digits of a MAC address
