"""`latchkey pool`: where keypools are valid, and what goes with one."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from crypto import Ssid
from provisioning import MasterKey, Passphrase, Store
from provisioning.lifecycle.keys import reset


@pytest.fixture
def site(cli):
    for name in ("Hudson House", "Elm"):
        cli.ok("venue", "add", name)
    cli.ok("pool", "add", "Residents", "--venue", "Hudson House")
    return cli


def pool(cli, which="Residents", *options):
    return json.loads(cli.ok("pool", "show", which, *options, "--json"))


def audited(cli):
    return len(cli.ok("audit", "--all").splitlines())


def test_it_is_called_as_vault_calls_it(site):
    """4.16, 5.37: a local one has 8 random letters and digits, a global one the word."""
    shown = pool(site)
    operator, ssid, scope = shown["platform_id"].replace("._V3SSID.", " ").replace(".", " ").split()
    assert (operator, ssid, len(scope)) == ("LATCHKEY", "Residents", 8)
    assert pool(site, shown["platform_id"]) == shown
    site.ok("pool", "add", "Guest.WiFi", "--global")
    assert pool(site, "LATCHKEY._V3SSID.Guest.WiFi.global")["ssid"] == "Guest.WiFi"
    site.ok("pool", "add", "\udcff\udcfe", "--global")  # not UTF-8: nothing can be made of it
    assert pool(site, "\udcff\udcfe")["platform_id"] is None


@pytest.mark.parametrize("ssid", ["x", "a\x01b", "a\x7f"])
def test_a_new_one_has_2_to_32_octets_and_no_control_character(site, ssid):
    """4.17, 5.42."""
    assert site.refused("pool", "add", ssid, "--global").startswith("SSID ")


def test_one_of_a_single_octet_that_is_there_stays(site):
    with Store.open(site.path, MasterKey.load(site.path, {})) as store:
        store.keypools.add(Ssid(b"x"))
    site.ok("pool", "set", "x", "--display-order", "7")
    assert pool(site, "x")["display_order"] == 7
    site.ok("key", "add", "--pool", "x")


def test_venues_are_connected_and_disconnected(site):
    site.ok("pool", "connect", "Residents", "Elm")
    assert pool(site)["venues"] == "Hudson House, Elm"
    site.ok("pool", "attach", "Residents", "Elm")  # as it was called before
    site.ok("pool", "disconnect", "Residents", "Hudson House")
    assert pool(site)["venues"] == "Elm"
    said = site.refused("pool", "disconnect", "Residents", "Hudson House")
    assert said == "keypool Residents is not connected to venue 'Hudson House'"
    result = site.run("pool", "disconnect", "Residents", "Elm")
    assert result.exit_code == 0
    assert "is valid nowhere now" in result.stderr
    shown = pool(site)
    assert (shown["scope"], shown["venues"]) == ("local", None)  # 4.15
    site.ok("undo")
    assert pool(site)["venues"] == "Elm"


def test_a_global_one_is_neither_connected_nor_disconnected_nor_removed(site):
    """4.14."""
    site.ok("pool", "add", "Guest", "--global")
    entries = audited(site)
    said = "keypool Guest is global, valid at every venue: "
    assert site.refused("pool", "connect", "Guest", "Elm").startswith(said)
    assert site.refused("pool", "disconnect", "Guest", "Elm").startswith(said)
    assert site.refused("pool", "remove", "Guest").startswith(said)
    assert audited(site) == entries
    site.ok("pool", "remove", "Guest", "--global")


def test_one_is_not_connected_to_where_its_keys_would_meet_others(site):
    site.ok("pool", "add", "Residents", "--venue", "Elm")
    site.ok("key", "add", "--pool", "1", "--identity", "Ann", "--passphrase", "sunny-Otter-41")
    site.ok("key", "add", "--pool", "2", "--identity", "Bob", "--passphrase", "sunny-Otter-41")
    entries = audited(site)
    said = site.refused("pool", "connect", "1", "Elm")
    assert "already in use on this SSID" in said
    assert "Bob" not in said
    assert (pool(site, "1")["venues"], audited(site)) == ("Hudson House", entries)
    site.ok("key", "remove", "Bob")
    site.ok("pool", "connect", "1", "Elm")


def test_one_is_not_disconnected_from_where_its_keys_have_units(site):
    site.ok("pool", "connect", "Residents", "Elm")
    site.ok("unit", "add", "Elm", "4A")
    site.ok("key", "add", "--unit", "4A", "--identity", "Ann")
    said = site.refused("pool", "disconnect", "Residents", "Elm")
    assert said.startswith("keypool Residents has 1 key in units of venue 'Elm'")
    site.ok("key", "remove", "Ann")
    site.ok("pool", "disconnect", "Residents", "Elm")


@pytest.mark.parametrize("order", ["0", "101", "-3"])
def test_display_order_is_1_to_100(site, order):
    said = site.refused("pool", "set", "Residents", f"--display-order={order}")
    assert said == f"keypool Residents: display order must be 1 to 100, got {order}"
    site.ok("pool", "set", "Residents", "--display-order", "100")
    assert pool(site)["display_order"] == 100
    site.ok("pool", "set", "Residents", "--display-order", "")
    assert pool(site)["display_order"] is None


def test_an_operator_has_500_at_most(path, master_key):
    """4.17."""
    from provisioning.lifecycle.pools import add_pool

    with Store.create(path, master_key) as store:
        with store.change("pool.many"):
            for number in range(500):
                add_pool(store, Ssid(b"pool %d" % number))
        with pytest.raises(Exception, match="there are 500 keypools already, and an operator may have 500"):
            add_pool(store, Ssid(b"one more"))
        assert len(store.keypools.all()) == 500


class TestRemove:
    @pytest.fixture
    def full(self, site):
        site.ok("key", "add", "--identity", "Ann", "--mac", "02:00:00:00:00:01")
        site.ok("key", "add", "--identity", "Bob")
        site.ok("key", "add", "--identity", "Gone")
        site.ok("key", "remove", "Gone")
        return site

    def test_an_empty_one_just_goes(self, site):
        assert site.ok("pool", "remove", "Residents") == ""
        assert "it was removed" in site.refused("pool", "show", "Residents")

    def test_its_keys_go_with_it_only_if_their_number_is_said(self, full):
        entries = audited(full)
        said = "keypool Residents has 2 keys"
        assert full.refused("pool", "remove", "Residents") == f"{said}: say --with-keys 2 to remove them, too"
        assert full.refused("pool", "remove", "Residents", "--with-keys", "3").startswith(f"{said}, not 3: say")
        assert audited(full) == entries
        before = json.loads(full.ok("key", "list", "--json"))
        full.ok("pool", "remove", "Residents", "--with-keys", "2")
        assert json.loads(full.ok("key", "list", "--json")) == []
        assert json.loads(full.ok("key", "list", "--status", "removed", "--json")) == []
        full.ok("undo")
        assert json.loads(full.ok("key", "list", "--json")) == before
        assert json.loads(full.ok("key", "show", "Ann", "--json"))["devices"] == ["02:00:00:00:00:01"]

    def test_a_former_passphrase_goes_before_the_key_it_was_of(self, full):
        with Store.open(full.path, MasterKey.load(full.path, {})) as store:
            now = datetime.now(UTC)
            reset(store, 1, Passphrase(b"another-horse-2"), now=now, grace=timedelta(hours=1))
        counted = pool(full)["keys"]
        full.ok("pool", "remove", "Residents", "--with-keys", str(counted))
        assert full.ok("pool", "list") == ""
        full.ok("undo")
        assert pool(full)["keys"] == counted


def test_lists_are_filtered(site):
    site.ok("pool", "add", "Guest", "--global")
    site.ok("pool", "add", "Staff", "--venue", "Elm")

    def ssids(*options):
        return [each["ssid"] for each in json.loads(site.ok("pool", "list", "--json", *options))]

    assert ssids("--venue", "Elm") == ["Guest", "Staff"]
    assert ssids("--scope", "local", "--search", "res") == ["Residents"]
