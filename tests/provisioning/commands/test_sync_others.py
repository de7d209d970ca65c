"""`latchkey sync` with platforms of which not people are read: routers of enCloud, and RUCKUS One, which is told."""

import json
from datetime import UTC, datetime

import pytest

from pcaps.platforms.building import Building
from tests.platforms.encloud import API_KEY, EMAIL, PASSWORD, EnCloud
from tests.platforms.ruckus_one import CLIENT_ID, CLIENT_SECRET, TENANT, RuckusOne


def utc_now():
    return datetime.now(UTC)


def write(path, text):
    path.write_text(text)
    path.chmod(0o600)


class Site:
    """A configuration in a folder, and the command line."""

    def __init__(self, cli, folder):
        self.cli = cli
        self.config = folder / "latchkey.toml"

    def run(self, command, *arguments):
        return self.cli.run("sync", command, *arguments, "--config", str(self.config))

    def ok(self, command, *arguments):
        result = self.run(command, *arguments)
        assert result.exit_code == 0, result.stderr
        return result.stdout


@pytest.fixture
def routers(cli, tmp_path):
    with EnCloud([Building.make(1)], clock=utc_now) as platform:
        site = Site(cli, tmp_path)
        site.platform = platform
        site.first, *site.others = platform.routers
        write(tmp_path / "router.secret", "a secret of a router\n")
        write(
            site.config,
            f"""
            [sync.routers]
            platform = "encloud"
            url = "{platform.url}"
            username = "{EMAIL}"
            password = "{PASSWORD}"
            api_key = "{API_KEY}"
            sites = ["S1"]
            [sync.routers.nas.{site.first}]
            address = "192.0.2.7"
            secret_file = "router.secret"
            """,
        )
        yield site


def nases(cli):
    return {nas["name"]: nas["enabled"] for nas in json.loads(cli.ok("nas", "list", "--json"))}


def test_routers_become_nases_and_those_not_configured_are_drift(routers):
    assert routers.run("run").exit_code == 1
    told = routers.ok("accept", "routers-1")
    assert "1 NAS" in told
    assert list(nases(routers.cli).values()) == [True]
    listed = routers.cli.ok("nas", "list", "--json", "--show-secrets")
    assert "a secret of a router" in listed
    drift = json.loads(routers.ok("drift", "--json"))
    assert [(line["side"], line["id"]) for line in drift] == [("there only", each) for each in sorted(routers.others)]
    assert {line["cleared_by"] for line in drift} == {"its address and secret in [sync.routers.nas]"}
    assert "a secret of a router" not in json.dumps(drift) + told


def test_an_expired_router_is_switched_off_once_a_person_has_accepted(routers):
    routers.run("run")
    routers.ok("accept", "routers-1")
    routers.platform.set_state(routers.first, "Expired")
    drift = json.loads(routers.ok("drift", "--json"))
    assert "state enabled here, disabled (Expired) there" in [line["what"] for line in drift]
    routers.ok("run")
    assert list(nases(routers.cli).values()) == [False]
    assert "no" in routers.cli.ok("nas", "list")
    routers.platform.set_state(routers.first, "Registered")
    routers.ok("run")
    assert list(nases(routers.cli).values()) == [True]


def test_what_the_configuration_says_anew_of_a_router_is_told_with_what_sets_it_right(routers):
    routers.run("run")
    routers.ok("accept", "routers-1")
    assert "nas set" not in routers.ok("run")
    text = routers.config.read_text().replace('"192.0.2.7"', '"192.0.2.77"\nprofile = "ruckus"')
    write(routers.config, text)
    write(routers.config.parent / "router.secret", "another secret of a router\n")
    (number,) = (str(nas["id"]) for nas in json.loads(routers.cli.ok("nas", "list", "--json")))
    told = routers.ok("run")
    assert "address: 192.0.2.7/32 here, 192.0.2.77/32 in the configuration" in told
    assert "profile: auto here, ruckus in the configuration" in told
    assert "secret: another one here than in the configuration" in told
    assert "another secret of a router" not in told
    routers.cli.ok("nas", "set", number, "--address", "192.0.2.77/32", "--profile", "ruckus")
    routers.cli.ok("nas", "set", number, "--secret-file", str(routers.config.parent / "router.secret"))
    assert "nas set" not in routers.ok("run")


def test_a_controller_is_told_of_keys_by_the_same_plans(cli, tmp_path):
    building = Building.make(1)
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", building.ssid, "--venue", "Hudson House")
    secrets = ["first passphrase", "second passphrase"]
    for number, secret in enumerate(secrets):
        cli.ok("key", "add", "--identity", f"resident-{number}", "--passphrase", secret)
    with RuckusOne([building], clock=utc_now) as platform:
        site = Site(cli, tmp_path)
        write(
            site.config,
            f"""
            [sync.ruckus]
            platform = "ruckus-one"
            url = "{platform.url}"
            tenant = "{TENANT}"
            client_id = "{CLIENT_ID}"
            client_secret = "{CLIENT_SECRET}"
            """,
        )
        checked = site.run("check")
        assert checked.exit_code == 0, checked.stderr
        told = [site.run("run")]
        assert told[0].exit_code == 1
        told.append(site.run("plan", "ruckus-1"))
        assert "to add (2)" in told[-1].stdout
        told.append(site.run("plan", "ruckus-1", "--json"))
        told.append(site.run("accept", "ruckus-1"))
        assert told[-1].exit_code == 0, told[-1].stderr
        assert "added 2 keys" in told[-1].stdout
        assert len(platform.pool(building.ssid).passphrases) == 2
        assert site.ok("run") == "ruckus: no change\n"
        cli.ok("key", "add", "--identity", "resident-2", "--passphrase", "third passphrase")
        drift = json.loads(site.ok("drift", "--json"))
        assert [line["cleared_by"] for line in drift] == ["latchkey sync run ruckus"]
        told.append(site.run("run"))
        assert len(platform.pool(building.ssid).passphrases) == 3
        for secret in (*secrets, "third passphrase", CLIENT_SECRET):
            assert not any(secret in each.output for each in (*told, checked))
            assert secret not in json.dumps(drift)
        assert json.loads(site.ok("status", "ruckus", "--json"))["state"] == "done"
        erased = cli.run("subscriber", "erase", "--key", "resident-2", "--yes")
        assert "connector ruckus: the next synchronisation takes their keys off" in erased.stderr
        assert site.ok("run") == "ruckus: ended 1 key\n"
        left = {each["passphrase"] for each in platform.pool(building.ssid).passphrases.values()}
        assert left == set(secrets)
        forgotten = cli.ok("sync", "disown", "ruckus", "--all")
        assert "2 of the passphrases that were put there are no longer kept in step" in forgotten
        assert "go on working at the controller until somebody removes them there" in forgotten
        assert "ruckus-one" in cli.ok("sync", "--help")
