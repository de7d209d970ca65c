"""What a packet is to be made of: the options of `latchkey packet` as values, each checked once and refused by name."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from crypto import Akm, MacAddress, Pmk, Ssid, check_passphrase, passphrase_to_pmk

from ..errors import OptionError
from .handshake import DEFAULT_MDID

T = TypeVar("T")

AKM_NAMES: Final = {"psk": Akm.PSK, "psk-sha256": Akm.PSK_SHA256, "ft-psk": Akm.FT_PSK}
_LONGEST_NAS_IDENTIFIER: Final = 253  # RFC 2865 5
_LONGEST_R0KH_ID: Final = 48  # IEEE Std 802.11 9.4.2.48
_GROUP: Final = 1  # the bit of an address's first octet


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """What one command makes: the AKM unless asked for otherwise, and the 802.1X version of its frames."""

    name: str
    akm: Akm
    eapol_version: int


GENERATORS: Final = {
    generator.name: generator
    for generator in (
        Generator(name="wpa2", akm=Akm.PSK, eapol_version=2),
        Generator(name="cambium", akm=Akm.PSK, eapol_version=1),
        Generator(name="ruckus", akm=Akm.PSK, eapol_version=2),
        Generator(name="ft", akm=Akm.FT_PSK, eapol_version=1),
    )
}


@dataclass(frozen=True, slots=True)
class Credential:
    """What a device knows: a passphrase and the PMK that it makes on the SSID, or a PMK alone."""

    pmk: Pmk
    passphrase: bytes | None = field(default=None, repr=False)

    @property
    def text(self) -> bytes:
        """Return what a person would enter: the passphrase, else the PMK as 64 hex digits."""
        return self.pmk.value.hex().encode() if self.passphrase is None else self.passphrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One network and how devices join it; of addresses and nonces, None is drawn anew for each packet."""

    generator: Generator
    ssid: Ssid
    akm: Akm
    nas_identifier: bytes | None = None
    bssid: MacAddress | None = None
    station: MacAddress | None = None
    anonce: bytes | None = None
    snonce: bytes | None = None
    mdid: bytes = DEFAULT_MDID

    def __post_init__(self) -> None:
        for name, octets, length in (("ANonce", self.anonce, 32), ("SNonce", self.snonce, 32), ("MDID", self.mdid, 2)):
            if octets is not None and len(octets) != length:
                raise ValueError(f"{name} must be {length} octets, got {len(octets)}")

    @classmethod
    def parse(
        cls,
        generator: str,
        *,
        ssid: str,
        akm: str | None = None,
        nas_identifier: str | None = None,
        bssid: str | None = None,
        station: str | None = None,
        anonce: str | None = None,
        snonce: str | None = None,
        mdid: str | None = None,
    ) -> "Recipe":
        """Return the recipe of a command's options; OptionError, naming the option, where one says nothing possible."""
        made = GENERATORS[generator]
        suite = made.akm if akm is None else AKM_NAMES[akm]
        longest = _LONGEST_R0KH_ID if suite is Akm.FT_PSK else _LONGEST_NAS_IDENTIFIER
        recipe = cls(
            generator=made,
            ssid=_parse("--ssid", Ssid.parse, ssid),
            akm=suite,
            nas_identifier=_optional("--nas-identifier", partial(_identifier, longest=longest), nas_identifier),
            bssid=_optional("--bssid", _address, bssid),
            station=_optional("--station", _address, station),
            anonce=_optional("--anonce", _nonce, anonce),
            snonce=_optional("--snonce", _nonce, snonce),
            mdid=DEFAULT_MDID if mdid is None else _parse("--mdid", _mdid, mdid),
        )
        if recipe.bssid is not None and recipe.bssid == recipe.station:
            raise OptionError("--station: the address of the access point (--bssid) cannot be the device's")
        return recipe


def parse_credential(ssid: Ssid, passphrase: bytes | None, pmk: str | None = None) -> Credential | None:
    """Return the credential of --psk and --pmk, None where neither is given.

    A PMK beside a passphrase is taken as it is, even where the passphrase does not make it: `disagrees` tells.
    """
    if passphrase is not None:
        _parse("--psk", check_passphrase, passphrase)
    if pmk is not None:
        return Credential(_parse("--pmk", _pmk, pmk), passphrase)
    return None if passphrase is None else Credential(passphrase_to_pmk(passphrase, ssid), passphrase)


def disagrees(ssid: Ssid, credential: Credential) -> bool:
    """Return whether the passphrase makes another PMK on this SSID than the one beside it."""
    return credential.passphrase is not None and passphrase_to_pmk(credential.passphrase, ssid) != credential.pmk


def _parse(option: str, parse: Callable[..., T], value: str | bytes) -> T:
    try:
        return parse(value)
    except ValueError as error:
        raise OptionError(f"{option}: {error}") from None


def _optional(option: str, parse: Callable[[str], T], value: str | None) -> T | None:
    return None if value is None else _parse(option, parse, value)


def _address(text: str) -> MacAddress:
    address = MacAddress.parse(text)
    if address.value[0] & _GROUP:
        raise ValueError(f"{address} is a group address, no device's")
    return address


def _identifier(text: str, *, longest: int) -> bytes:
    octets = os.fsencode(text)
    if not 1 <= len(octets) <= longest:
        raise ValueError(f"must be 1 to {longest} octets here, got {len(octets)}")
    return octets


def _hex(text: str, digits: int, what: str) -> bytes:
    if re.fullmatch(rf"[0-9A-Fa-f]{{{digits}}}", text) is None:  # its text may be a secret
        raise ValueError(f"{what} must be {digits} hex digits, got {len(text)} characters")
    return bytes.fromhex(text)


def _nonce(text: str) -> bytes:
    return _hex(text, 64, "a nonce")


def _mdid(text: str) -> bytes:
    return _hex(text, 4, "an MDID")


def _pmk(text: str) -> Pmk:
    return Pmk(_hex(text, 64, "a PMK"))
