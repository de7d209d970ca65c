"""`init`, `venue`, `unit`, `pool`, `plan`, `nas`, as an operator types them."""

import json

import pytest


def test_init_makes_the_database_and_its_key(path, cli):
    assert sorted(each.name for each in path.parent.iterdir()) == ["latchkey.db", "latchkey.key"]
    assert path.with_suffix(".key").stat().st_mode & 0o777 == 0o600
    assert cli.refused("init") == f"{path} exists already"


def test_init_takes_a_key_that_is_there(path, cli, monkeypatch):
    path.unlink()
    assert cli.ok("init") == f"created {path}\n"
    path.unlink()
    path.with_suffix(".key").unlink()
    monkeypatch.setenv("LATCHKEY_MASTER_KEY", "ab" * 32)
    assert cli.ok("init") == f"created {path}\n"
    assert cli.ok("venue", "list") == ""
    monkeypatch.delenv("LATCHKEY_MASTER_KEY")
    assert cli.refused("venue", "list").startswith("no master key at")
    monkeypatch.setenv("LATCHKEY_MASTER_KEY", "cd" * 32)
    assert "not the one" in cli.refused("venue", "list")
    monkeypatch.setenv("LATCHKEY_MASTER_KEY", "cd")
    assert cli.refused("venue", "list") == "master key in LATCHKEY_MASTER_KEY must be 64 hex digits"


def test_without_a_database_init_is_named(path, cli):
    path.unlink()
    path.with_suffix(".key").unlink()
    said = cli.refused("venue", "list")
    assert said == f"no database at {path}: run `latchkey init`, or name yours with --db or LATCHKEY_DB"
    path.write_text("identity,psk\n" * 100)
    path.with_suffix(".key").write_text("ab" * 32)
    path.with_suffix(".key").chmod(0o600)
    assert cli.refused("venue", "list") == f"{path} is not a Latchkey database"


def test_venues(cli):
    assert cli.ok("venue", "add", "Hudson House", "--nas-identifier", "ap1", "--nas-identifier", "ap2") == "1\n"
    added = json.loads(cli.ok("venue", "add", "Café: Résidents", "--wireless-only-vlan-offset", "1000", "--json"))
    expected = {"id": 2, "name": "Café: Résidents", "nas_identifiers": [], "wireless_only_vlan_offset": 1000}
    assert expected.items() <= added.items()
    assert cli.ok("venue", "list") == (
        "ID  NAME             NAS IDENTIFIERS\n1   Hudson House     ap1, ap2\n2   Café: Résidents  -\n"
    )
    listed = json.loads(cli.ok("venue", "list", "--json"))
    assert [each["nas_identifiers"] for each in listed] == [["ap1", "ap2"], []]
    shown = json.loads(cli.ok("venue", "show", "Hudson House", "--json"))
    assert listed[0].items() <= shown.items()
    assert "ap1, ap2" in cli.ok("venue", "show", "Hudson House")
    assert cli.refused("venue", "add", "Hudson House") == "there is a venue 'Hudson House' already"
    assert cli.refused("venue", "add", " ") == "venue name is empty"
    assert cli.refused("venue", "show", "x") == "no venue 'x' (there is Café: Résidents, Hudson House)"


def test_units(cli):
    assert cli.refused("unit", "add", "Hudson House", "4B") == (
        "no venue 'Hudson House': there is none yet, `latchkey venue add` makes one"
    )
    cli.ok("venue", "add", "Hudson House")
    cli.ok("venue", "add", "Other")
    assert cli.ok("unit", "add", "Hudson House", "4B", "--building", "West", "--floor", "4", "--vlan", "104") == "1\n"
    cli.ok("unit", "add", "Other", "4B")
    assert "already" in cli.refused("unit", "add", "Other", "4B")
    assert cli.refused("unit", "add", "Other", "4C", "--vlan", "4095") == "unit '4C': VLAN must be 1 to 4094, got 4095"
    listed = json.loads(cli.ok("unit", "list", "--venue", "Hudson House", "--json"))
    expected = {"id": 1, "venue": "Hudson House", "name": "4B", "building": "West", "floor": "4", "vlan": 104}
    assert [expected.items() <= each.items() for each in listed] == [True]
    assert cli.ok("unit", "list").count("\n") == 3


def test_a_keypool_goes_to_the_only_venue_or_everywhere(cli):
    assert cli.ok("pool", "add", "No venue yet") == "1\n"
    cli.ok("venue", "add", "Hudson House")
    assert cli.ok("pool", "add", "Hudson House") == "2\n"
    cli.ok("venue", "add", "Other")
    said = cli.refused("pool", "add", "Guest")
    assert "--venue" in said
    assert "--global" in said
    assert cli.ok("pool", "add", "Guest", "--global") == "3\n"
    assert cli.ok("pool", "add", "Hudson House", "--venue", "Other") == "4\n"
    assert cli.run("pool", "add", "x", "--venue", "Other", "--global").exit_code == 2
    assert cli.refused("pool", "add", "x", "--venue", "Third").startswith("no venue 'Third'")
    assert "has keypool 4 there already" in cli.refused("pool", "add", "Hudson House", "--venue", "Other")
    listed = json.loads(cli.ok("pool", "list", "--json"))
    assert [(each["ssid"], each["scope"], each["venue_ids"]) for each in listed] == [
        ("No venue yet", "global", []),
        ("Hudson House", "local", [1]),
        ("Guest", "global", []),
        ("Hudson House", "local", [2]),
    ]
    assert cli.ok("pool", "list").splitlines()[2].split() == ["2", "Hudson", "House", "local", "Hudson", "House", "0"]
    cli.ok("pool", "attach", "2", "Other")
    assert json.loads(cli.ok("pool", "list", "--json"))[1]["venues"] == "Hudson House, Other"


@pytest.mark.parametrize("ssid", ["xy", "x" * 32, "Café: Résidents", "\udcff\udc80"])
def test_any_ssid_can_have_a_keypool(cli, ssid):
    added = json.loads(cli.ok("pool", "add", ssid, "--json"))
    assert bytes.fromhex(added["ssid_hex"]) == ssid.encode("utf-8", "surrogateescape")
    assert cli.ok("key", "add", "--pool", ssid, "--passphrase", "sunny-Otter-41") == "1\n"
    assert json.loads(cli.ok("pool", "list", "--json"))[0]["keys"] == 1


@pytest.mark.parametrize("ssid", ["", "x" * 33, "é" * 17])
def test_other_lengths_are_no_ssid(cli, ssid):
    assert cli.refused("pool", "add", ssid).startswith("SSID must be 1 to 32 octets, got ")


def test_plans(cli):
    assert cli.ok("plan", "add", "Basic", "--download", "50000", "--devices", "4", "--wireless-only") == "1\n"
    said = cli.refused("plan", "add", "None", "--download", "0")
    assert said == "plan 'None': download must be 1 to 4294967295, got 0"
    (listed,) = json.loads(cli.ok("plan", "list", "--json"))
    assert (listed["download_kbps"], listed["upload_kbps"], listed["wireless_only"]) == (50000, None, True)
    assert json.loads(cli.ok("plan", "show", "Basic", "--json")) == listed
    assert cli.refused("plan", "show", "Gold") == "no plan 'Gold' (there is Basic)"


def test_quotas_and_vlan_pool_of_a_plan(cli):
    sizes = ["--download-quota", "20G", "--upload-quota", "500M", "--total-quota", "4294967296"]
    cli.ok("plan", "add", "Quota", *sizes, "--vlan-pool", "residents")
    (listed,) = json.loads(cli.ok("plan", "list", "--json"))
    assert [listed[f"{name}_quota_octets"] for name in ("download", "upload", "total")] == [
        20_000_000_000,
        500_000_000,
        2**32,
    ]
    assert listed["vlan_pool"] == "residents"
    assert "20000000000" in cli.ok("plan", "show", "Quota")
    assert cli.refused("plan", "add", "Bad", "--total-quota", "") == "plan 'Bad': --total-quota is empty"
    for size in ("20GB", "-1", "1.5G", "20 G", "G", "٣", "9" * 21):
        said = cli.refused("plan", "add", "Bad", "--total-quota", size)
        assert said == f"plan 'Bad': {size!r} is not a number of octets, such as 500M or 20G"
    assert cli.refused("plan", "add", "Bad", "--upload-quota", "0").startswith(
        "plan 'Bad': upload quota must be 1 to 92233720368547"
    )
    assert cli.refused("plan", "add", "Bad", "--upload-quota", "9223373T").endswith("octets, got 9223373000000000000")
    assert cli.refused("plan", "add", "Bad", "--vlan-pool", "\n") == "plan 'Bad': VLAN pool is empty"
    assert cli.refused("plan", "add", "Bad", "--vlan-pool", "é" * 124) == (
        "plan 'Bad': VLAN pool has 248 octets, more than 247"
    )
    assert len(json.loads(cli.ok("plan", "list", "--json"))) == 1


def test_nases(cli, tmp_path):
    cli.ok("venue", "add", "Hudson House")
    secret = tmp_path / "secret"
    secret.write_bytes(b"from-a-file\r\nsecond line\n")
    assert cli.ok("nas", "add", "127.0.0.1", "--secret", "testing123") == "1\n"
    cli.ok("nas", "add", "10.0.0.0/8", "--secret-file", str(secret), "--name", "all", "--venue", "Hudson House")
    cli.ok("nas", "add", "2001:db8::/32", "--secret-file", "-", "--profile", "hostapd", stdin=b"from-stdin")
    cli.ok("nas", "add", "10.0.0.1", "--secret", "Zoë", "--force", "--no-require-message-authenticator")
    shown = cli.ok("nas", "list", "--json")
    assert "testing123" not in shown + cli.ok("nas", "list")
    listed = json.loads(cli.ok("nas", "list", "--show-secrets", "--json"))
    assert [(each["network"], each["secret"]) for each in listed] == [
        ("127.0.0.1/32", "testing123"),
        ("10.0.0.0/8", "from-a-file"),
        ("2001:db8::/32", "from-stdin"),
        ("10.0.0.1/32", "Zoë"),
    ]
    assert [each["require_message_authenticator"] for each in listed] == [True, True, True, False]
    assert (listed[1]["name"], listed[1]["venue"], listed[2]["profile"]) == ("all", "Hudson House", "hostapd")
    assert "testing123" in cli.ok("nas", "list", "--show-secrets")
    for which in ("127.0.0.1", "all", "3"):
        assert cli.ok("nas", "remove", which) == ""
    assert [each["network"] for each in json.loads(cli.ok("nas", "list", "--json"))] == ["10.0.0.1/32"]
    assert cli.refused("nas", "remove", "127.0.0.1") == "no NAS '127.0.0.1': `latchkey nas list` shows them"


def test_nases_that_are_refused(cli, tmp_path):
    assert "did you mean 10.0.0.0/24?" in cli.refused("nas", "add", "10.0.0.5/24", "--secret", "s")
    for address in ("300.0.0.1", "host.example", "", "10.0.0.0/33", "fe80::1%eth0/x"):
        assert "is not an IPv4 or IPv6 address" in cli.refused("nas", "add", address, "--secret", "s")
    assert cli.refused("nas", "add", "10.0.0.1", "--secret", "") == "the shared secret is empty"
    assert cli.refused("nas", "add", "10.0.0.1", "--secret-file", "-", stdin=b"\n") == "the shared secret is empty"
    missing = tmp_path / "missing"
    said = cli.refused("nas", "add", "10.0.0.1", "--secret-file", str(missing))
    assert said == f"cannot read {missing}: No such file or directory"
    assert "longer than a secret" in cli.refused("nas", "add", "10.0.0.1", "--secret-file", "-", stdin=b"x" * 5000)
    cli.ok("nas", "add", "10.0.0.1", "--secret", "testing123", "--name", "same")
    cli.ok("nas", "add", "10.0.0.2", "--secret", "testing123", "--name", "same")
    assert cli.refused("nas", "remove", "same") == "several NASes 'same': ids 1, 2"
    for arguments in (["--secret", "s", "--secret-file", "-"], ["--secret", "s", "--profile", "magic"]):
        result = cli.run("nas", "add", "10.0.0.3", *arguments)
        assert result.exit_code == 2
        assert "Usage:" in result.stderr


def test_db_is_taken_before_and_after_the_command(cli, path, tmp_path):
    cli.ok("venue", "add", "Hudson House")
    cli.path = tmp_path / "nothing.db"
    assert "nothing.db" in cli.refused("venue", "list")
    assert "Hudson House" in cli.ok("venue", "list", "--db", str(path))


def test_profiles_are_those_the_server_knows(cli):
    assert "[auto|aruba|cambium|" in cli.ok("nas", "add", "--help")
    for profile in ("auto", "ruckus-dpsk", "zyxel"):
        cli.ok("nas", "add", f"10.0.0.{len(profile)}", "--secret", "testing123", "--profile", profile)
    refused = cli.run("nas", "add", "10.0.0.1", "--secret", "testing123", "--profile", "magic")
    assert refused.exit_code == 2
    assert "'magic' is not one of 'auto', 'aruba'," in refused.stderr


def test_a_mistyped_name_is_answered_with_the_one_that_is_meant(cli):
    for number in range(1, 41):
        cli.ok("venue", "add", f"Building {number}")
    assert cli.refused("venue", "show", "Buildng 7").startswith("no venue 'Buildng 7': did you mean 'Building 7' or ")
    assert cli.refused("venue", "show", "BUILDING 12").startswith("no venue 'BUILDING 12': did you mean 'Building 12'")
    assert cli.refused("venue", "show", "Annex") == "no venue 'Annex': `latchkey venue list` shows all 40"
    cli.ok("unit", "add", "Building 1", "4B-West")
    cli.ok("pool", "add", "Residents", "--venue", "Building 1")
    assert cli.refused("key", "add", "--unit", "4B-Wst") == "no unit '4B-Wst' there: did you mean '4B-West'?"
    assert cli.refused("key", "add", "--pool", "residents") == (
        "no keypool for SSID 'residents': did you mean 'Residents'?"
    )
    cli.ok("plan", "add", "Basic")
    assert cli.refused("plan", "show", "Basci") == "no plan 'Basci': did you mean 'Basic'?"


def test_an_address_without_an_entry_is_told_the_network_it_belongs_to(cli):
    cli.ok("nas", "add", "192.0.2.0/24", "--secret", "a sound secret", "--name", "house-aps")
    cli.ok("nas", "add", "192.0.0.0/16", "--secret", "a sound secret", "--name", "all")
    said = cli.refused("nas", "remove", "192.0.2.7")
    assert said == "no NAS '192.0.2.7': it belongs to 192.0.2.0/24 (house-aps)"
    assert cli.refused("nas", "remove", "house-ap") == "no NAS 'house-ap': did you mean 'house-aps'?"
    assert cli.refused("nas", "remove", "2001:db8::1") == "no NAS '2001:db8::1': `latchkey nas list` shows them"


@pytest.mark.parametrize(
    "command",
    [
        ["venue", "show", "x"],
        ["unit", "add", "x", "4B"],
        ["unit", "list", "--venue", "x"],
        ["pool", "add", "x", "--venue", "x"],
        ["pool", "attach", "x", "Hudson House"],
        ["pool", "attach", "Hudson House", "x"],
        ["plan", "show", "x"],
        ["nas", "add", "10.0.0.1", "--secret", "a sound secret", "--venue", "x"],
        ["nas", "remove", "x"],
        ["key", "add", "--pool", "x"],
        ["key", "add", "--unit", "x"],
        ["key", "add", "--plan", "x"],
        ["key", "list", "--venue", "x"],
        ["key", "list", "--unit", "x"],
        ["key", "import", "x"],
        ["key", "export", "--pool", "x", "--show-secrets"],
        *(["key", command, "x"] for command in ("show", "reset", "suspend", "resume", "remove")),
    ],
)
def test_what_does_not_exist_is_one_line_and_status_1(cli, command):
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", "Hudson House")
    assert "'x'" in cli.refused(*command) or "read x" in cli.refused(*command)
