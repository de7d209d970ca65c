"""`latchkey why`: an operator whose resident cannot connect reads what is in the way, and what to do."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from crypto import MacAddress, Ssid
from latchkey import cli
from provisioning import KeyDraft, KeyStatus, MasterKey, Passphrase, Store
from radiusd.log.file import decisions_path
from radiusd.log.why import Told, find_suspects

NOW = datetime.now(UTC)
PHONE, STRANGER = "02:00:00:00:00:01", "02:00:00:00:00:77"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A venue in New York with Ann's key in flat 4C, her phone, and what the server has decided."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "latchkey.db"
    key = MasterKey.generate()
    key.write(tmp_path / "latchkey.key")
    with Store.create(path, key) as store:
        venue = store.venues.add("Building 4", time_zone="America/New_York")
        unit = store.units.add(venue.id, "4C")
        pool = store.keypools.add(Ssid(b"CityLiving"), venue_ids=(venue.id,))
        store.keys.add(
            pool.id,
            KeyDraft(
                identity="Ann Lee",
                passphrase=Passphrase(b"correct-horse-1"),
                unit_id=unit.id,
                devices=(MacAddress.parse(PHONE),),
            ),
        )
        yield store


def write(*lines):
    """Let the server have decided this, some minutes ago each."""
    from pathlib import Path

    path = decisions_path(Path("latchkey.db"))
    with path.open("a") as file:
        for minutes, text in lines:
            at = NOW - timedelta(minutes=minutes)
            file.write(f"{at:%Y-%m-%dT%H:%M:%S}.000Z INFO {text}\n")


WHERE = 'nas=b4-ap1 venue="Building 4" ssid=CityLiving'


def run(*arguments):
    result = CliRunner().invoke(cli, ["why", *arguments], obj=None)
    assert result.exception is None, result.output
    return result.stdout.splitlines()


@pytest.mark.parametrize("who", ["Ann Lee", "ann lee", "4C", "4c", "1", PHONE, "0200.0000.0001"])
def test_a_suspended_key_comes_first_with_what_to_do(site, who):
    site.keys.set_status(1, KeyStatus.SUSPENDED, now=NOW, reason="late with the rent")
    first = run(who)[0]
    assert first.startswith("1. key 1 (Ann Lee): suspended: late with the rent, since ")
    assert first.endswith("`latchkey key resume` or `latchkey subscriber resume` lets it work again")
    assert (" EST" in first) or (" EDT" in first)


def test_who_was_refused_for_an_unknown_passphrase_there_is_named(site):
    write(
        (50, f'reject reason="unknown passphrase" {WHERE} device={STRANGER} keys=1 ms=0.10 dialect=hostapd'),
        (20, f'reject reason="unknown passphrase" {WHERE} device={STRANGER} keys=1 ms=0.10 dialect=hostapd'),
        (10, f'reject reason="unknown passphrase" {WHERE} device=02:00:00:00:00:88 keys=1 ms=0.10 dialect=hostapd'),
        (5, f"accept who=Bob key=9 {WHERE} device=02:00:00:00:00:88 how=search keys=1 ms=0.1 vlan=3 dialect=hostapd"),
    )
    told = run("Ann Lee")
    assert "2. probably this device, refused there for a passphrase that nobody has" in told
    assert "no access point has asked about them in the last 24 h" in told[0]
    assert any(line.startswith(f"  {STRANGER}  2 times, last ") for line in told)
    assert not any("00:88" in line for line in told)
    (view,) = map(json.loads, run("Ann Lee", "--json"))
    assert [(each["device"], each["count"]) for each in view["suspects"]] == [(STRANGER, 2)]
    assert view["keys"][0]["devices"][0]["mac"] == PHONE


def test_the_last_decision_about_her_phone_is_explained(site):
    write((10, f'reject reason="expired 2026-01-01 12:00 UTC" who="Ann Lee" key=1 {WHERE} device={PHONE} keys=1'))
    told = run("4C")
    assert f"1. {PHONE} was refused at " in told[0]
    assert told[0].endswith("expired 2026-01-01 12:00 UTC: the key's time is over: `latchkey key extend` prolongs it")
    write((1, f"accept who=Ann key=1 {WHERE} device={PHONE} how=known keys=1 ms=0.1 vlan=3 dialect=hostapd"))
    assert "was let in at" in run("4C")[0]


def test_an_address_that_nobody_knows(site):
    told = run("06:11:22:33:44:55")
    assert told[0] == "1. 06:11:22:33:44:55 is known with no key"
    assert "made up" in told[1]


def test_a_name_that_nobody_has_offers_the_nearest(site):
    result = CliRunner().invoke(cli, ["why", "Ann Le"])
    assert result.exit_code == 1
    assert "did you mean 'Ann Lee'?" in result.stderr


def test_suspects_are_few_and_the_latest():
    def refused(number, minutes, outcome="reject", reason="unknown passphrase"):
        at = NOW - timedelta(minutes=minutes)
        return Told(at, outcome, f"02:00:00:00:01:{number:02x}", "ap", "x", reason, None, None)

    decisions = [refused(number, number) for number in range(1, 9)] + [refused(2, 0, "accept", None)]
    found = find_suspects(decisions, lambda mac: mac.value[-1] == 1)
    assert [each.device[-2:] for each in found] == ["03", "04", "05"]
