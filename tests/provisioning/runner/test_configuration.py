"""The tables [sync.NAME] of latchkey.toml: what they become, and one line for each mistake."""

import re
import tempfile
import tomllib
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import BaseModel

from provisioning.errors import ConnectorRefused
from provisioning.platforms import PLATFORMS, SECRETS, Refused, Request
from provisioning.runner.configuration import read_connectors
from provisioning.runner.tables import EVERYWHERE, NEEDS, SHARED, USES, ConnectorTable
from provisioning.sync import Limits, SaidNas
from provisioning.transport import Limits as TransportLimits
from tests.provisioning.transport.site import Site, make_certificate, one, reply

EXAMPLE = Path(__file__).parents[3] / "latchkey.example.toml"
SECRET = "hunter2-and-more"
ELEVEN = """
[sync.hudson]
platform = "eleven"
url = "https://api.example.net/v2"
token_file = "hudson.token"
"""
# What the issue that asked for it prints: relied on.
CONTRACT = """
[sync.hudson]                         # any name
platform = "eleven"                   # vault, eleven, storedge, leap, encloud, ruckus-one
url = "https://api.example.net/v2"    # the base; paths are appended as the document prints them
username = "sync@example.net"         # vault, encloud, leap (Basic)
password_file = "hudson.password"
token_file = "hudson.token"           # eleven, storedge: sent as `Authorization: Bearer`
sites = ["S1"]                        # TeamId/SiteId, facility ids, VenueIDs, customer ids: what to read
ssid = "Hudson House"                 # the keypool, where the platform names none
timezone = "America/New_York"         # where the platform names none
every = "5m"
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def write(folder):
    def write(text, **files):
        """Write latchkey.toml, and files whose names have - for _ and . for __."""
        for name, content in files.items():
            path = folder / name.replace("__", ".").replace("_", "-")
            path.write_text(content)
            path.chmod(0o600)
        path = folder / "latchkey.toml"
        path.write_text(text)
        return path

    return write


def read_one(path, environ=None):
    (table,) = read_connectors(path, environ or {}).values()
    return table


def open_one(path, environ=None):
    return read_one(path, environ).open()


def lines_of(path, environ=None):
    with pytest.raises(ConnectorRefused) as caught:
        open_one(path, environ)
    assert str(caught.value) == "\n".join(caught.value.mistakes)
    return list(caught.value.mistakes)


# What is read.


def test_table_becomes_a_connector(write):
    path = write(CONTRACT, hudson__token="t0ken\n")
    table = read_one(path)
    assert (table.name, table.platform, table.every) == ("hudson", "eleven", timedelta(minutes=5))
    assert table.mistakes == ()
    configured = table.open()
    settings = configured.settings
    assert (settings.name, settings.platform, settings.url) == ("hudson", "eleven", "https://api.example.net/v2")
    assert (settings.sites, settings.ssid, settings.timezone) == (("S1",), "Hudson House", "America/New_York")
    assert settings.credentials.get("token") == "t0ken"
    assert configured.limits == Limits()
    assert configured.venues == {}
    assert type(configured.connector).__module__ == "provisioning.platforms.eleven.connector"


def test_what_a_platform_has_no_use_for_of_a_table_for_any_is_told(write):
    table = read_one(write(CONTRACT, hudson__token="t"))
    assert table.warnings == (
        "latchkey.toml: [sync.hudson] username is nothing that eleven has a use for",
        "latchkey.toml: [sync.hudson] password_file is nothing that eleven has a use for",
    )
    with pytest.raises(Refused, match="no password is configured"):
        table.open().settings.credentials.get("password")


def test_limits_and_venues_and_units_are_those_of_the_table(write):
    text = """
    [sync.storage]
    platform = "storedge"
    url = "http://127.0.0.1:8080"
    token = "t"
    sites = ["F1", 2]
    ssid = "Storage"
    [sync.storage.limits]
    ends_percent = 5
    ends_units = 6
    small_units = 7
    small_ends = 8
    moves_percent = 9.5
    missing_readings = 4
    missing_hours = 48
    [sync.storage.venues]
    F1 = "North"
    [sync.storage.units]
    L1 = "101"
    L2 = { unit = 102, building = "B", floor = 3, vlan = 12, venue = "F1" }
    """
    path = write(text)
    path.chmod(0o600)
    configured = open_one(path)
    assert configured.limits == Limits(
        stops_percent=5,
        stops_units=6,
        small_units=7,
        small_stops=8,
        moves_percent=9.5,
        missing_readings=4,
        missing_hours=48,
    )
    assert configured.venues == {"F1": "North"}
    assert configured.settings.sites == ("F1", "2")
    units = configured.settings.units
    assert (units["L1"].unit, units["L1"].vlan) == ("101", None)
    place = units["L2"]
    assert (place.unit, place.building, place.floor, place.vlan, place.venue) == ("102", "B", "3", 12, "F1")


def test_defaults_are_those_of_the_things_themselves():
    empty = ConnectorTable.model_fields
    limits, transport = empty["limits"].default, empty["transport"].default
    assert (limits.ends_percent, limits.ends_units, limits.small_ends) == (10, 25, 2)
    assert Limits().stops_percent == limits.ends_percent
    assert Limits().stops_units == limits.ends_units
    assert Limits().small_stops == limits.small_ends
    for name in ("small_units", "moves_percent", "missing_readings", "missing_hours"):
        assert getattr(Limits(), name) == getattr(limits, name)
    for name in ("connections", "connect_s", "read_s", "request_s", "patience_s"):
        assert getattr(TransportLimits(), name) == getattr(transport, name)
    assert TransportLimits().body_octets == transport.body_mb << 20


def test_every_platform_is_known_and_its_keys_are_those_of_the_table():
    assert set(USES) == set(PLATFORMS) == set(NEEDS)
    secrets = {name + form for name in SECRETS for form in ("_file", "_env")}
    known = set(ConnectorTable.model_fields)
    assert EVERYWHERE | set().union(*USES.values()) | secrets == known
    for platform, needs in NEEDS.items():
        assert set(needs) <= USES[platform]
    assert known >= SHARED


# The example.


def example():
    """Return the commented tables of the example, as a file."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    return "\n".join(line[1:] for line in lines if re.match(r"#[^ ]", line))


def test_every_table_of_the_example_opens(write, folder):
    path = write(example())
    text = path.read_text()
    make_certificate(folder, "vault-ca")
    for name in re.findall(r'(?<!ca)_file = "([^"]+)"', text):
        (folder / name).write_text(SECRET)
        (folder / name).chmod(0o600)
    tables = read_connectors(path, {"STOREDGE_TOKEN": "t"})
    assert {table.platform for table in tables.values()} == set(PLATFORMS)
    for table in tables.values():
        assert table.mistakes == table.warnings == ()
        table.open()


def test_example_names_every_key_of_every_table():
    tables = tomllib.loads(example())["sync"].values()
    named = {key for table in tables for key in table}
    forms = {key for name in SECRETS for key in (name, f"{name}_file", f"{name}_env")}
    assert set(ConnectorTable.model_fields) - forms == named - forms
    assert {re.sub("_file$|_env$", "", key) for key in named & forms} == set(SECRETS)
    for key in ("limits", "transport"):
        (table,) = (table[key] for table in tables if key in table)
        model = ConnectorTable.model_fields[key].default
        assert isinstance(model, BaseModel)
        assert table == model.model_dump()  # with their defaults


def test_server_reads_the_example_with_its_tables(tmp_path):
    from radiusd import Config
    from radiusd.config import parse_config

    assert parse_config(example(), "x") == Config()


# Mistakes.


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('platform = "elevn"', "platform 'elevn' is not known; there is vault, eleven, storedge"),
        ("platform = 11", "platform must be text"),
        ('url = "http://api.example.net/v2"', "url is plain http, which is for this machine alone"),
        (f'url = "https://sync:{SECRET}@api.example.net"', "url has a user name in it: set username and password_file"),
        (f'url = "https://api.example.net/?t={SECRET}"', "url has a query or fragment"),
        ('url = "api.example.net"', 'url must be like "https://api.example.net/v2"'),
        ("site = ['S1']", "site is not known; allowed here: platform, url, every, ca_file, token, token_file, token_"),
        ('sites = "S1"', "sites must be a list"),
        ("sites = ['S1', true]", "sites.1 must be text"),
        ("sites = ['']", "sites.0 is empty"),
        ('timezone = "America/New_Yrok"', "timezone: 'America/New_Yrok' is not an IANA time zone: did you mean"),
        ('every = "soon"', "every: 'soon' is not a span of time"),
        ('every = "40d"', "every: '40d' is longer than 31 days"),
        ("every = 5", "every must be text"),
        (f'ssid = "{"x" * 33}"', "ssid is longer than 32 octets"),
        (f'token = "{SECRET}"', "token and token_file exclude each other"),
        (f'token = ["{SECRET}"]', "token must be text"),
        ('tenant = "x"', "tenant is nothing that eleven has a use for"),
        ("batches = ['x']", "batches is nothing that eleven has a use for"),
        ("limits = 5", "limits must be a table"),
        ("limits.ends_percent = 101", "limits.ends_percent must be less than or equal to 100"),
        ("limits.ends_percent = nan", "limits.ends_percent must be a finite number"),
        ("limits.ends_units = 2.5", "limits.ends_units must be a whole number"),
        ("limits.end_units = 2", "limits.end_units is not known; allowed here: ends_percent, ends_units, small_units"),
        ("limits.missing_readings = 0", "limits.missing_readings must be greater than or equal to 1"),
        ("transport.connections = 0", "transport.connections must be greater than or equal to 1"),
        ("venues.S1 = 1", "venues.S1 must be text"),
    ],
)
def test_each_mistake_is_one_line_that_names_table_and_key(write, text, line):
    key = text.partition(" ")[0]
    kept = [each for each in ELEVEN.splitlines() if not each.startswith(f"{key} ")]
    path = write("\n".join([*kept, text]), hudson__token="t")
    path.chmod(0o600)
    (said,) = lines_of(path)
    assert said.startswith(f"latchkey.toml: [sync.hudson] {line}")
    assert SECRET not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("platform", "lines"),
    [
        ("vault", ["username", "password_file or password_env or password"]),
        ("eleven", ["token_file or token_env or token"]),
        ("storedge", ["token_file or token_env or token", "sites", "ssid"]),
        ("leap", ["ssid", "timezone", "username", "password_file or password_env or password"]),
        ("encloud", ["username", "password_file or password_env or password", "api_key_file", "sites"]),
        ("ruckus-one", ["tenant", "client_id", "client_secret_file or client_secret_env or client_secret"]),
    ],
)
def test_what_a_platform_needs_is_missing(write, platform, lines):
    said = lines_of(write(f'[sync.x]\nplatform = "{platform}"\nurl = "https://x.example"\n'))
    assert len(said) == len(lines)
    for line, key in zip(said, lines, strict=True):
        assert re.match(rf"latchkey.toml: \[sync\.x\] {key}\b.* is missing, which {platform} needs$", line), line


def test_table_without_platform_and_url(write):
    assert lines_of(write("[sync.x]\n")) == [
        "latchkey.toml: [sync.x] platform is missing",
        "latchkey.toml: [sync.x] url is missing",
    ]


def test_units_and_routers_have_mistakes_of_their_own(write):
    text = """
    [sync.x]
    platform = "storedge"
    url = "https://x.example"
    token_env = "T"
    sites = ["F1"]
    ssid = "S"
    [sync.x.units]
    L1 = { unit = "1", vlan = 4095 }
    L2 = { building = "B" }
    L3 = { unit = "1", florr = 1 }
    L4 = 1.5
    """
    assert lines_of(write(text), {"T": "t"}) == [
        "latchkey.toml: [sync.x] units.L1.vlan must be less than or equal to 4094",
        "latchkey.toml: [sync.x] units.L2.unit is missing",
        "latchkey.toml: [sync.x] units.L3.florr is not known; allowed here: unit, building, floor, vlan, venue",
        "latchkey.toml: [sync.x] units.L4.unit must be text",
    ]


def test_wrong_table_costs_itself(write):
    path = write(ELEVEN + '[sync.other]\nplatform = "x"\nurl = "https://x.example"\n', hudson__token="t")
    tables = read_connectors(path, {})
    assert tables["hudson"].open().name == "hudson"
    assert tables["other"].mistakes
    with pytest.raises(ConnectorRefused):
        tables["other"].open()
    with pytest.raises(ConnectorRefused):
        tables["other"].connect()


@pytest.mark.parametrize(
    ("octets", "line"),
    [
        (b"[sync.x", r"latchkey.toml: Expected"),
        (b"\xff", r"latchkey.toml: octet 0 is not UTF-8"),
        (b"sync = 5", r"latchkey.toml: sync must be tables, \[sync.NAME\]"),
        (None, r"cannot read .*latchkey.toml: No such file or directory"),
    ],
)
def test_file_that_cannot_be_read(folder, octets, line):
    path = folder / "latchkey.toml"
    if octets is not None:
        path.write_bytes(octets)
    with pytest.raises(ConnectorRefused, match=line):
        read_connectors(path)


def test_file_without_tables_has_no_connectors(write):
    assert read_connectors(write("workers = 2\n")) == {}


@pytest.mark.parametrize("name", ['"a/b"', '" a"', '"a\\u0000b"', f'"{"x" * 65}"', '""'])
def test_name_that_is_none(write, name):
    (line,) = lines_of(write(f'[sync.{name}]\nplatform = "eleven"\n'))
    assert "a name has 1 to 64 printable characters" in line


def test_table_that_is_none(write):
    assert lines_of(write("[sync]\nx = 5\n")) == ["latchkey.toml: [sync.x] must be a table"]


# Secrets.


def test_secret_is_read_again_when_it_is_renewed(write, folder):
    credentials = open_one(write(ELEVEN, hudson__token="one\r\n")).settings.credentials
    assert credentials.get("token") == "one"
    (folder / "hudson.token").write_text("two\n")
    assert credentials.get("token") == "two"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "token_file is empty"),
        ("\n", "token_file is empty"),
        (f"{SECRET}\n{SECRET}\n", "token_file has more than one line, or a control character in it"),
        (f"{SECRET}\x00", "token_file has more than one line, or a control character in it"),
        ("x" * 70_000, "token_file: {folder}/hudson.token is larger than a secret is"),
        (b"hunter2\xff", "token_file: {folder}/hudson.token is not UTF-8"),
    ],
)
def test_secret_that_is_none(write, folder, content, line):
    path = write(ELEVEN, hudson__token="")
    (folder / "hudson.token").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert lines_of(path) == [f"latchkey.toml: [sync.hudson] {line.format(folder=folder)}"]


def test_secret_that_is_not_there(write, folder):
    assert lines_of(write(ELEVEN)) == [
        f"latchkey.toml: [sync.hudson] token_file: cannot read {folder}/hudson.token: No such file or directory"
    ]
    path = write(ELEVEN.replace('token_file = "hudson.token"', 'token_env = "HUDSON"'))
    assert lines_of(path) == ["latchkey.toml: [sync.hudson] token_env: the environment has no HUDSON"]
    assert open_one(path, {"HUDSON": "t"}).settings.credentials.get("token") == "t"


@pytest.fixture
def open_folder():
    """A folder that others may enter, unlike tests' temporary ones."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_secret_that_others_can_read_is_refused_unless_a_folder_is_closed_to_them(open_folder, mode):
    path, token = open_folder / "latchkey.toml", open_folder / "hudson.token"
    path.write_text(ELEVEN)
    token.write_text("t")
    token.chmod(mode)
    assert lines_of(path) == [
        f"latchkey.toml: [sync.hudson] token_file: {token} can be read by others: chmod 600 {token}"
    ]
    token.chmod(0o600)
    open_one(path)
    token.chmod(mode)
    open_folder.chmod(0o700)
    open_one(path)


def test_secret_in_a_table_that_others_can_read_is_refused(open_folder):
    path = open_folder / "latchkey.toml"
    path.write_text(ELEVEN.replace('token_file = "hudson.token"', f'token = "{SECRET}"'))
    path.chmod(0o644)
    assert lines_of(path) == [
        f"latchkey.toml: [sync.hudson] token stands in a file that others can read: chmod 600 {path}"
    ]
    path.chmod(0o600)
    assert open_one(path).settings.credentials.get("token") == SECRET


def test_secrets_are_in_no_text(write):
    path = write(ELEVEN.replace('token_file = "hudson.token"', f'token = "{SECRET}"'))
    path.chmod(0o600)
    table = read_one(path, {"X": SECRET})
    configured = table.open()
    assert configured.settings.credentials.get("token") == SECRET
    assert SECRET not in repr(table) + str(table) + repr(configured) + repr(configured.settings)


def test_ca_file_that_is_none(write, folder):
    path = write(ELEVEN + 'ca_file = "ca.pem"\n', hudson__token="t")
    line = f"latchkey.toml: [sync.hudson] ca_file: cannot read {folder}/ca.pem: No such file or directory"
    assert lines_of(path) == [line]
    (folder / "ca.pem").write_text("no certificate")
    assert lines_of(path) == [f"latchkey.toml: [sync.hudson] ca_file: {folder}/ca.pem has no certificates in PEM form"]
    make_certificate(folder, "ca")
    open_one(path)


# What is made of it.


ROUTERS = """
[sync.routers]
platform = "encloud"
url = "https://x.example"
username = "u"
password_env = "S"
api_key_env = "S"
sites = ["C1"]
[sync.routers.nas."00:a0:eb:80:1b:98"]
address = "192.0.2.7"
secret_file = "router.secret"
name = "router 7"
"""


def test_router_becomes_a_nas_with_what_is_configured(write, store, venue):
    configured = open_one(write(ROUTERS, router__secret="a-shared-secret\n"), {"S": "s"})
    assert configured.nas_places == {"00A0EB801B98"}
    said = SaidNas(id="00A0EB801B98", venue="C1", name=None, enabled=True, state="Registered")
    nas = store.nases.get(configured.nases(store, said, venue.id))
    assert (nas.network, nas.secret, nas.name) == (ip_network("192.0.2.7"), b"a-shared-secret", "router 7")
    assert (nas.venue_id, nas.profile, nas.require_message_authenticator) == (venue.id, "auto", True)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('address = "192.0.2.7"', 'address = "192.0.2"', "nas.00:a0:eb:80:1b:98.address: "),
        ('secret_file = "router.secret"', "", "nas.00:a0:eb:80:1b:98.secret_file or secret_env or secret is missing"),
        ("router.secret", "other.secret", "nas.00:a0:eb:80:1b:98.secret_file: cannot read "),
        ("00:a0:eb:80:1b:98", "00-A0-EB-80-1B-98", None),
    ],
)
def test_router_with_a_mistake(write, old, new, line):
    path = write(ROUTERS.replace(old, new), router__secret="a-shared-secret")
    if line is None:
        open_one(path, {"S": "s"})
    else:
        (said,) = lines_of(path, {"S": "s"})
        assert said.startswith(f"latchkey.toml: [sync.routers] {line}")


def test_platform_is_asked_with_ca_file_and_the_table_s_limits(write, folder):
    certificate = make_certificate(folder, "ca")
    told = []
    with Site(lambda _: reply(200, b"x" * (2 << 20)), certificate.server) as site:
        text = ELEVEN.replace("https://api.example.net/v2", site.url + "/v2") + 'ca_file = "ca.pem"\n'
        with read_one(write(text)).connect(lambda what, counts: told.append((what, counts.answers))) as transport:
            assert transport.run(one(Request(path="/team", what="teams"))).status == 200
        assert site.targets == ["/v2/team"]
        with (
            read_one(write(text + "transport.body_mb = 1\n")).connect() as transport,
            pytest.raises(Exception, match="teams: the answer is larger than 1,048,576 octets"),
        ):
            transport.run(one(Request(path="/team", what="teams")))
    assert told == [("teams", 1)]
