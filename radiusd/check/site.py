"""Checks of what the database says: keys, keypools, venues, and who may ask. Pure: no file, no socket, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from provisioning import Keypool, Nas, Scope, Store, Venue, how_to_mend

from ..addresses import parse_address
from ..config import Config
from ..vendors import DIALECTS, PROFILES
from .finding import Check, Found, Level

DEFAULT: Final = Config()
_SHORT: Final = 16  # octets of a shared secret: RFC 2865 section 3 prefers at least so many
_NAMED: Final = 20  # damaged rows
_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What exists, and where it is to be served."""

    venues: tuple[Venue, ...] = ()
    nases: tuple[Nas, ...] = ()
    keypools: tuple[Keypool, ...] = ()
    key_counts: Mapping[int, int] = field(default_factory=dict)  # by keypool id, removed keys aside
    damaged: tuple[tuple[str, int], ...] = ()  # table and id of rows that cannot be opened
    config: Config = DEFAULT
    starting: bool = False  # it is served with `config`; else a server may run with other options than are known here

    @classmethod
    def read(cls, store: Store, config: Config, *, starting: bool = False) -> "Site":
        """Return what a store has; every sealed value is opened, 3 us each."""
        damaged: dict[tuple[str, int], None] = {}  # each once, in order

        def report(table: str, id_: int) -> None:
            damaged[table, id_] = None

        store.integrity.unopened(report)
        return cls(
            venues=store.venues.all(report),
            nases=store.nases.all(report),
            keypools=store.keypools.all(report),
            key_counts=store.keys.counts(),
            damaged=tuple(damaged),
            config=config,
            starting=starting,
        )

    def keys_of(self, pool: Keypool) -> int:
        """Return how many keys a keypool has."""
        return self.key_counts.get(pool.id, 0)

    def where(self, pool: Keypool) -> str:
        """Return a keypool in words."""
        if pool.scope is Scope.GLOBAL:
            return f"{pool.ssid} (everywhere)"
        names = {venue.id: venue.name for venue in self.venues}
        return f"{pool.ssid} ({', '.join(names.get(id_, str(id_)) for id_ in pool.venue_ids) or 'nowhere'})"


def no_keys(site: Site) -> Found:
    """Nobody can be let in."""
    if not site.keypools:
        yield Level.ERROR, "there is no keypool", "latchkey pool add SSID --venue VENUE, then latchkey key add"
    elif not any(map(site.keys_of, site.keypools)):
        yield (
            Level.ERROR,
            "there are no keys, so every device is refused",
            "latchkey key add, or latchkey key import FILE",
        )


def empty_keypools(site: Site) -> Found:
    """Some keypools have keys, others are forgotten."""
    if any(map(site.keys_of, site.keypools)):
        for pool in site.keypools:
            if not site.keys_of(pool):
                yield (
                    Level.WARNING,
                    f"keypool {site.where(pool)} has no keys, so every device there is refused",
                    f"latchkey key add --pool {pool.id}, or latchkey key import FILE --pool {pool.id}",
                )


def keypools_nowhere(site: Site) -> Found:
    """A local keypool of no venue is never looked into."""
    for pool in site.keypools:
        if pool.scope is Scope.LOCAL and not pool.venue_ids:
            yield (
                Level.ERROR,
                f"keypool {pool.ssid} belongs to no venue, so none of its {site.keys_of(pool)} keys is ever tried",
                f"latchkey pool attach {pool.id} VENUE",
            )


def no_nas(site: Site) -> Found:
    """Nobody may ask."""
    if not site.nases:
        yield (
            Level.ERROR,
            "no access point may ask, so every request is discarded",
            "latchkey nas add ADDRESS --venue VENUE",
        )


def venues_unreachable(site: Site) -> Found:
    """Requests belong to a venue by their NAS's entry, or by the NAS-Identifier that they carry."""
    if not site.nases:
        return
    local = {id_ for pool in site.keypools for id_ in pool.venue_ids}
    of_nases = {nas.venue_id for nas in site.nases}
    any_venue = any(nas.any_venue for nas in site.nases)
    for venue in site.venues:
        told = venue.nas_identifiers or len(site.venues) == 1
        if venue.id in local and venue.id not in of_nases and not (told and any_venue):
            why = "each NAS belongs to another venue" if told else "no NAS belongs to it, and it has no NAS-Identifier"
            yield (
                Level.ERROR,
                f"no request can be of venue {venue.name}: {why}",
                f"latchkey nas add ADDRESS --venue '{venue.name}'",
            )


def listens_where_no_nas_is(site: Site) -> Found:
    """Access points on the network cannot reach 127.0.0.1, nor an address of the other IP version."""
    hosts = [host for host in map(_host, site.config.listen) if host is not None]
    if not site.nases or len(hosts) < len(site.config.listen):
        return  # a name, or every address
    level = Level.ERROR if site.starting else Level.WARNING
    unseen = "" if site.starting else " (options of serve are not seen here: latchkey serve --check takes them)"
    outside = [nas for nas in site.nases if not _is_local(nas)]
    if outside and all(host.is_loopback for host in hosts):
        yield (
            level,
            f"it listens on {', '.join(site.config.listen)} only, which {_listed(outside)} cannot reach",
            f"serve --listen 0.0.0.0:1812, or listen in latchkey.toml{unseen}",
        )
        return
    for version in (4, 6):
        without = [nas for nas in outside if nas.network.version == version]
        if without and not any(host.version == version and not host.is_loopback for host in hosts):
            yield (
                level,
                f"it listens on no IPv{version} address that {_listed(without)} could reach",
                f"serve --listen {'0.0.0.0' if version == 4 else '[::]'}:1812, or listen in latchkey.toml{unseen}",  # noqa: S104
            )


def no_nas_on_loopback(site: Site) -> Found:
    """`latchkey send` and radclient on this machine get silence otherwise, and one looks in the wrong place."""
    if site.nases and not any(map(_covers_local, site.nases)):
        yield (
            Level.ADVICE,
            "no NAS is this machine itself, so tests from here (latchkey send, radclient) get no answer",
            "latchkey nas add 127.0.0.1 --name local",
        )


def nases_of_any_venue(site: Site) -> Found:
    """An access point off the wall, with its secret, then asks about every venue, and not its own alone."""
    if len(site.venues) > 1:
        for nas in site.nases:
            if nas.any_venue:
                yield (
                    Level.ADVICE,
                    f"NAS {nas.name} may ask about every venue: who gets its secret gets at all of them",
                    "an entry and a secret for each venue: latchkey nas add ADDRESS --venue VENUE",
                )


def nases_open_to_all(site: Site) -> Found:
    """An entry for every address leaves nothing but the secret between the keys and the world."""
    for nas in site.nases:
        if nas.network.prefixlen == 0:
            yield (
                Level.WARNING,
                f"NAS {nas.name} is {nas.network}: whoever knows its secret may ask, from anywhere",
                f"latchkey nas add NETWORK with the access points' networks, then latchkey nas remove {nas.network}",
            )


def short_secrets(site: Site) -> Found:
    """One signed request on the wire is enough to try secrets against, offline."""
    for nas in site.nases:
        if len(nas.secret) < _SHORT:
            yield (
                Level.WARNING,
                f"the shared secret of NAS {nas.name} has {len(nas.secret)} octets: it can be guessed from one packet",
                f"a random one of {_SHORT} or more, there and in the access points",
            )


def damaged_rows(site: Site) -> Found:
    """What cannot be opened is shut out: a key, or all of a NAS."""
    for table, id_ in site.damaged[:_NAMED]:
        yield (
            Level.ERROR,
            f"row {id_} of {table} cannot be opened, so that the server leaves it out",
            f"`latchkey restore FILE`, from a backup; else {how_to_mend(table, id_)}"
            if table in ("keys", "nases")
            else how_to_mend(table, id_),
        )
    if len(site.damaged) > _NAMED:
        yield (
            Level.ERROR,
            f"{len(site.damaged) - _NAMED} more rows cannot be opened",
            "`latchkey restore FILE`, from a backup",
        )


def keys_in_clear(site: Site) -> Found:
    """Some vendors' answers hold the passphrase or PMK unencrypted."""
    for nas in site.nases:
        dialect = DIALECTS.get(nas.profile)
        if dialect is not None and dialect.answers_in_clear and not _is_local(nas):
            yield (
                Level.WARNING,
                f"access points of profile {nas.profile} (NAS {nas.name}) take keys in clear: the network shows them",
                "a management network or tunnel of its own between them and this server",
            )


def profiles_unknown(site: Site) -> Found:
    """The store keeps any name; one that this version does not know is answered as auto."""
    for nas in site.nases:
        if nas.profile not in PROFILES:
            yield (
                Level.WARNING,
                f"NAS {nas.name} has profile {nas.profile}, which this version does not know: it is answered as auto",
                f"latchkey nas remove {nas.id}, then latchkey nas add with one of {', '.join(PROFILES)}",
            )


CHECKS: Final[tuple[Check[Site], ...]] = (
    no_keys,
    empty_keypools,
    keypools_nowhere,
    no_nas,
    venues_unreachable,
    listens_where_no_nas_is,
    no_nas_on_loopback,
    nases_of_any_venue,
    nases_open_to_all,
    short_secrets,
    keys_in_clear,
    damaged_rows,
    profiles_unknown,
)


def _host(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of ADDRESS:PORT, None where it is every address, or a name."""
    try:
        host = ip_address(parse_address(text)[0])
    except ValueError:
        return None
    return None if host.is_unspecified else host


def _is_local(nas: Nas) -> bool:
    return any(nas.network.version == each.version and nas.network.subnet_of(each) for each in _LOOPBACK)  # type: ignore[arg-type]


def _covers_local(nas: Nas) -> bool:
    return any(nas.network.version == each.version and nas.network.overlaps(each) for each in _LOOPBACK)


def _listed(nases: Iterable[Nas]) -> str:
    names = [nas.name for nas in nases]
    return f"NAS {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
