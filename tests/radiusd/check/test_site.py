"""Each check of what the database says: found where it is wrong, silent where it is right."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from crypto import Ssid
from provisioning import Keypool, KeyStatus, Nas, Scope, Venue
from radiusd import Config
from radiusd.check import site as checks
from radiusd.check.finding import Level, run
from radiusd.check.site import CHECKS, Site

EVERYWHERE = Config(listen=("0.0.0.0:1812",))


def venue(id_=1, name="Maison", identifiers=("ap1",)):
    return Venue(id=id_, name=name, nas_identifiers=identifiers)


def nas(id_=1, network="192.0.2.0/24", **other):
    values = {"name": f"nas {id_}", "secret": b"x" * 16, "venue_id": None, "profile": "auto"} | other
    values.setdefault("any_venue", values["venue_id"] is None)
    return Nas(id=id_, network=ip_network(network), require_message_authenticator=True, **values)


def pool(id_=1, ssid=b"Hudson House", scope=Scope.LOCAL, venue_ids=(1,)):
    return Keypool(id=id_, ssid=Ssid(ssid), scope=scope, venue_ids=venue_ids)


SOUND = Site(
    venues=(venue(),),
    nases=(nas(), nas(2, "127.0.0.1")),
    keypools=(pool(),),
    key_counts={1: 7},
    config=EVERYWHERE,
)


ANNEXE = venue(2, "Annexe", ("ap2",))
GLOBAL = pool(scope=Scope.GLOBAL, venue_ids=())


def found(check, site):
    """Return level and text of what one check, or all of them, say."""
    return [(each.level, each.text) for each in run((check,) if check else CHECKS, site)]


def test_sound_site_has_no_finding():
    assert found(None, SOUND) == []


def test_every_check_is_in_the_table_and_in_a_test():
    public = {name for name, each in vars(checks).items() if callable(each) and each in CHECKS}
    assert public == {check.__name__ for check in CHECKS}
    assert {case[0] for case in CASES} == set(CHECKS)


CASES = [
    (checks.no_keys, {"keypools": (), "key_counts": {}}, Level.ERROR, "there is no keypool"),
    (checks.no_keys, {"key_counts": {}}, Level.ERROR, "there are no keys"),
    (
        checks.profiles_unknown,
        {"nases": (nas(profile="of-tomorrow"),)},
        Level.WARNING,
        "NAS nas 1 has profile of-tomorrow,",
    ),
    (checks.no_keys, {"key_counts": {1: 0}}, Level.ERROR, "there are no keys"),
    (
        checks.empty_keypools,
        {"keypools": (pool(), pool(2, b"Guests"))},
        Level.WARNING,
        "keypool Guests (Maison) has no keys",
    ),
    (
        checks.keypools_nowhere,
        {"keypools": (pool(venue_ids=()),)},
        Level.ERROR,
        "keypool Hudson House belongs to no venue, so none of its 7 keys",
    ),
    (checks.no_nas, {"nases": ()}, Level.ERROR, "no access point may ask"),
    (
        checks.venues_unreachable,
        {"venues": (venue(identifiers=()), ANNEXE), "nases": (nas(), nas(2, "127.0.0.1", venue_id=2))},
        Level.ERROR,
        "no request can be of venue Maison: no NAS belongs to it, and it has no NAS-Identifier",
    ),
    (
        checks.venues_unreachable,
        {"nases": (nas(venue_id=2),)},
        Level.ERROR,
        "no request can be of venue Maison: each NAS belongs to another venue",
    ),
    (
        checks.listens_where_no_nas_is,
        {"config": Config(), "starting": True},
        Level.ERROR,
        "it listens on 127.0.0.1:1812 only, which NAS nas 1 cannot reach",
    ),
    (
        checks.listens_where_no_nas_is,
        {
            "config": Config(listen=("192.0.2.9:1812",)),
            "nases": (nas(network="2001:db8::/32"), nas(2)),
            "starting": True,
        },
        Level.ERROR,
        "it listens on no IPv6 address that NAS nas 1 could reach",
    ),
    (
        checks.listens_where_no_nas_is,
        {"config": Config()},
        Level.WARNING,
        "it listens on 127.0.0.1:1812 only, which NAS nas 1 cannot reach",
    ),
    (
        checks.listens_where_no_nas_is,
        {"config": Config(listen=("192.0.2.9:1812",)), "nases": (nas(network="2001:db8::/32"), nas(2))},
        Level.WARNING,
        "it listens on no IPv6 address that NAS nas 1 could reach",
    ),
    (checks.no_nas_on_loopback, {"nases": (nas(),)}, Level.ADVICE, "no NAS is this machine itself"),
    (
        checks.nases_open_to_all,
        {"nases": (nas(network="0.0.0.0/0"),)},
        Level.WARNING,
        "NAS nas 1 is 0.0.0.0/0: whoever knows its secret may ask",
    ),
    (checks.damaged_rows, {"damaged": (("keys", 17),)}, Level.ERROR, "row 17 of keys cannot be opened"),
    (
        checks.nases_of_any_venue,
        {"venues": (venue(), ANNEXE), "nases": (nas(), nas(2, "127.0.0.1", venue_id=2))},
        Level.ADVICE,
        "NAS nas 1 may ask about every venue",
    ),
    (
        checks.keys_in_clear,
        {"nases": (nas(profile="cisco"),)},
        Level.WARNING,
        "access points of profile cisco (NAS nas 1) take keys in clear",
    ),
    (
        checks.short_secrets,
        {"nases": (nas(secret=b"testing123"),)},
        Level.WARNING,
        "the shared secret of NAS nas 1 has 10 octets",
    ),
]


@pytest.mark.parametrize(("check", "change", "level", "text"), CASES)
def test_what_is_wrong_is_found_with_its_remedy(check, change, level, text):
    site = replace(SOUND, **change)
    ((said, words),) = found(check, site)
    assert said is level
    assert words.startswith(text)
    assert all(each.remedy for each in run((check,), site))
    assert b"testing123".decode() not in words


@pytest.mark.parametrize(
    ("check", "change"),
    [
        (checks.venues_unreachable, {"venues": (venue(identifiers=()),), "nases": (nas(venue_id=1),)}),
        (checks.venues_unreachable, {"venues": (venue(identifiers=()),), "keypools": (GLOBAL,)}),
        (checks.venues_unreachable, {"venues": (venue(identifiers=()),), "nases": ()}),
        (checks.venues_unreachable, {"venues": (venue(identifiers=()),)}),  # any venue, and there is one
        (checks.nases_of_any_venue, {"venues": (venue(), ANNEXE), "nases": (nas(venue_id=1),)}),
        (checks.keys_in_clear, {"nases": (nas(profile="cisco", network="127.0.0.1"), nas(2, profile="hostapd"))}),
        (checks.keypools_nowhere, {"keypools": (GLOBAL,)}),
        (checks.empty_keypools, {"key_counts": {}}),
        (checks.listens_where_no_nas_is, {"config": Config(), "nases": (nas(network="127.0.0.0/8"),)}),
        (checks.listens_where_no_nas_is, {"config": Config(listen=("[::]:1812",))}),
        (checks.listens_where_no_nas_is, {"config": Config(listen=("localhost:1812",))}),
        (checks.listens_where_no_nas_is, {"config": Config(listen=("127.0.0.1:1812", "192.0.2.9:1812"))}),
        (checks.no_nas_on_loopback, {"nases": (nas(network="0.0.0.0/0"),)}),
        (checks.no_nas_on_loopback, {"nases": (nas(network="::1"),)}),
    ],
)  # fmt: skip
def test_what_is_right_is_not(check, change):
    assert found(check, replace(SOUND, **change)) == []


def test_many_damaged_rows_are_counted():
    lines = found(checks.damaged_rows, replace(SOUND, damaged=tuple(("keys", number) for number in range(1, 101))))
    assert len(lines) == 21
    assert lines[-1] == (Level.ERROR, "80 more rows cannot be opened")


@pytest.mark.parametrize("column", ["passphrase", "pmk"])
def test_every_secret_of_a_key_is_opened(house, column):
    ids = [house.add_key(Ssid(b"Hudson House"), b"passphrase %d" % number) for number in range(3)]
    with house.store._db.writing():
        house.store._db.execute(f"UPDATE keys SET {column} = zeroblob(60) WHERE id = ?", (ids[1],))  # noqa: S608
    site = Site.read(house.store, EVERYWHERE)
    assert site.damaged == (("keys", ids[1]),)
    (finding,) = run((checks.damaged_rows,), site)
    assert f"`latchkey key remove id:{ids[1]}`" in finding.remedy
    house.store.keys.set_status(ids[1], KeyStatus.REMOVED, now=house.now)
    assert Site.read(house.store, EVERYWHERE).damaged == ()


def test_check_that_cannot_be_made_says_so():
    def broken(_):
        raise PermissionError(13, "Permission denied")
        yield

    (finding,) = run((broken,), SOUND)
    assert (finding.check, finding.level, finding.text) == (
        "broken",
        Level.WARNING,
        "could not be checked: Permission denied",
    )
