"""Who asks, and where: source address to NAS, NAS to venue, venue and SSID to keypools. A snapshot, never altered."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from crypto import Ssid
from provisioning import Keypool, Nas, Scope, Venue

from ..ciphers import SharedSecret

_CACHED_ADDRESSES = 16_384


@dataclass(frozen=True, slots=True)
class Client:
    """A NAS with its secret prepared for use."""

    nas: Nas
    secret: SharedSecret = field(repr=False)
    until: datetime | None = None  # this secret is valid so long; None: for good
    former: "Client | None" = None  # with the secret that is being replaced
    names: tuple[str, ...] = ()  # what the operator calls it, in lower case

    @classmethod
    def of(cls, nas: Nas) -> "Client":
        """Return a NAS with its secrets prepared."""
        former, names = None, (nas.name.lower(), str(nas.network))
        if nas.former_secret is not None and nas.former_secret_until is not None:
            former = cls(nas, SharedSecret(nas.former_secret), nas.former_secret_until, names=names)
        return cls(nas, SharedSecret(nas.secret), former=former, names=names)

    def at(self, now: datetime) -> "tuple[Client, ...]":
        """Return this NAS with each of the secrets that are valid now."""
        former = self.former
        return (self,) if former is None or former.until is None or now >= former.until else (self, former)

    def like(self, other: "Client", now: datetime) -> "Client | None":
        """Return this NAS with the secret that `other` has, None where that is not valid any more."""
        return next((each for each in self.at(now) if each.secret.value == other.secret.value), None)


class Topology:
    """The NASes, venues and keypools of one moment."""

    def __init__(
        self,
        nases: Iterable[Nas] = (),
        venues: Iterable[Venue] = (),
        keypools: Iterable[Keypool] = (),
        *,
        silent: Iterable[IPv4Network | IPv6Network] = (),
        complete: bool = True,
    ) -> None:
        """Know these.

        silent:   where NASes are that could not be read: nobody else's secret is theirs
        complete: whether these are all venues: the only one that could be read is not the only one there is
        """
        self._complete = complete
        self._venues = {venue.id: venue for venue in venues}
        self.keypools = {keypool.id: keypool for keypool in keypools}
        self.nas_count = 0
        self.profiles: set[str] = set()
        # (IP version, prefix length) -> network address as an integer -> client, longest prefixes first; a NAS where it
        # is disabled, None where nobody can read it
        tables: defaultdict[tuple[int, int], dict[int, Client | Nas | None]] = defaultdict(dict)
        for network in silent:
            tables[network.version, network.prefixlen][int(network.network_address)] = None
        for nas in nases:
            network = nas.network
            client = Client.of(nas) if nas.enabled else nas  # no wider network's NAS takes its place
            tables[network.version, network.prefixlen][int(network.network_address)] = client
            self.nas_count += 1
            self.profiles.add(nas.profile)
        self._tables = sorted(tables.items(), reverse=True, key=lambda table: table[0][1])
        self._clients: dict[str, Client | None] = {}
        self._venue_of_identifier = {
            identifier.lower().encode(): venue
            for venue in reversed(self._venues.values())  # one listed twice belongs to the older venue
            for identifier in venue.nas_identifiers
        }
        self._keypools_of: dict[tuple[int | None, bytes], tuple[int, ...]] = {}

    def client(self, address: str) -> Client | None:
        """Return the NAS whose network holds the address; of several, the one with the longest prefix."""
        if address in self._clients:
            return self._clients[address]
        found = self._find(address)
        client = found if isinstance(found, Client) else None
        if len(self._clients) >= _CACHED_ADDRESSES:
            self._clients.clear()  # addresses of strangers must not pile up
        self._clients[address] = client
        return client

    def disabled(self, address: str) -> Nas | None:
        """Return the NAS that has this address and is disabled."""
        found = self._find(address)
        return found if isinstance(found, Nas) else None

    def _find(self, text: str) -> Client | Nas | None:
        address = ip_address(text.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # an IPv4 NAS on a socket that listens on [::]
        number, bits = int(address), 32 if isinstance(address, IPv4Address) else 128
        for (version, length), networks in self._tables:
            if version == address.version:
                place = number >> (bits - length) << (bits - length)
                if place in networks:
                    return networks[place]
        return None

    def venue(self, nas: Nas, nas_identifier: bytes | None) -> Venue | None:
        """Return the NAS's own venue; of one for any, that which lists this NAS-Identifier, else the only one there is.

        What a NAS says of itself chooses among the venues for which its secret was given out, and no others.
        """
        if nas.venue_id is not None:
            return self._venues.get(nas.venue_id)
        if not nas.any_venue:
            return None
        if nas_identifier is not None:
            venue = self._venue_of_identifier.get(nas_identifier.lower())
            if venue is not None:
                return venue
        return next(iter(self._venues.values())) if len(self._venues) == 1 and self._complete else None

    def nearest_ssid(self, ssid: Ssid) -> Ssid | None:
        """Return this SSID if any keypool has it, wherever its keys are valid; else one that reads alike, or None."""
        ssids = [keypool.ssid for keypool in self.keypools.values()]
        if ssid in ssids:
            return ssid
        letters = _letters(ssid)
        return next((each for each in ssids if letters and _letters(each) == letters), None)

    def keypool_sets(self) -> Iterator[tuple[Venue | None, Ssid]]:
        """Yield the venues and SSIDs that keys can be asked for at: first those with keypools of their own."""
        for keypool in self.keypools.values():
            if keypool.scope is Scope.LOCAL:
                for venue_id in keypool.venue_ids:
                    yield self._venues.get(venue_id), keypool.ssid
        for keypool in self.keypools.values():
            if keypool.scope is Scope.GLOBAL:
                yield None, keypool.ssid

    def keypools_of(self, venue: Venue | None, ssid: Ssid) -> tuple[int, ...]:
        """Return the ids of the keypools whose keys are valid on this SSID at this venue, its own before global ones.

        No venue (nobody knows where the NAS stands): global keypools only.
        """
        venue_id = None if venue is None else venue.id
        place = venue_id, ssid.value
        found = self._keypools_of.get(place)
        if found is None:
            same = [keypool for keypool in self.keypools.values() if keypool.ssid == ssid]
            own = [keypool.id for keypool in same if keypool.scope is Scope.LOCAL and venue_id in keypool.venue_ids]
            found = *own, *(keypool.id for keypool in same if keypool.scope is Scope.GLOBAL)
            if found:  # only what exists: SSIDs come off the air, and strangers' must not pile up
                self._keypools_of[place] = found
        return found


def _letters(ssid: Ssid) -> str:
    return "".join(filter(str.isalnum, ssid.value.decode("utf-8", "replace").casefold()))
