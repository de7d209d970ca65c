"""`key export` for access points, controllers and other servers."""

import io
import re

import pytest

from provisioning.sheets import DpskRows, SheetOptions, SheetReader

PHONE = "02:00:00:00:01:00"
CONTROLLERS = ["hostapd", "sae-passwords", "rlm_dpsk"]


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House", "--nas-identifier", "ap1")
    cli.ok("pool", "add", "Home", "--venue", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "12B", "--vlan", "112")
    key(cli, "Ann Lee", "sunny-Otter-41", "--unit", "12B", "--mac", PHONE)
    key(cli, "Bob Ray", "maple-Falcon-77")
    return cli


def key(cli, name, passphrase, *options, pool="Home"):
    arguments = ("key", "add", "--pool", pool, "--identity", name, "--passphrase-file", "-", *options)
    return cli.ok(*arguments, stdin=f"{passphrase}\n".encode()).split()[0]


def export(cli, form, *options):
    return cli.run("key", "export", "--format", form, "--show-secrets", *options)


def test_hostapd_gets_keys_with_the_vlan_of_their_unit_and_lines_of_registered_devices(house):
    result = export(house, "hostapd")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "keyid=1 vlanid=112 00:00:00:00:00:00 sunny-Otter-41",
            "keyid=2 00:00:00:00:00:00 maple-Falcon-77",
            f"keyid=1 vlanid=112 {PHONE} sunny-Otter-41",
        ],
    )
    assert result.stderr == "latchkey: hostapd needs dynamic_vlan=1 for vlanid=\n"


def test_sae_passwords_have_mac_vlan_and_id(house):
    result = export(house, "sae-passwords")
    assert result.stdout.splitlines() == [
        "sunny-Otter-41|vlanid=112|id=1",
        "maple-Falcon-77|id=2",
        f"sunny-Otter-41|mac={PHONE}|vlanid=112",
    ]
    assert "1 key has no known device" in result.stderr


def test_rlm_dpsk_gets_rows_that_key_import_reads_too(house):
    result = export(house, "rlm_dpsk")
    assert result.stdout == '"Ann Lee",sunny-Otter-41,,112\n"Bob Ray",maple-Falcon-77\n'
    rows = list(DpskRows(SheetReader(io.BytesIO(result.stdout.encode()), SheetOptions())))
    assert [(draft.identity, draft.passphrase.value, draft.vlan) for _, draft in rows] == [
        ("Ann Lee", b"sunny-Otter-41", 112),
        ("Bob Ray", b"maple-Falcon-77", None),
    ]


@pytest.mark.parametrize("form", CONTROLLERS)
def test_suspended_ended_future_and_removed_keys_are_in_no_file(house, form):
    for name, options in (
        ("ended", ("--starts", "2020-01-01", "--ends", "2020-12-31")),
        ("future", ("--starts", "2099-01-01")),
        ("suspended", ()),
        ("removed", ()),
    ):
        key(house, name, f"of-the-{name}", *options)
    house.ok("key", "suspend", "suspended")
    house.ok("key", "remove", "removed")
    result = export(house, form)
    assert "sunny-Otter-41" in result.stdout
    assert "of-the" not in result.stdout
    refused = house.refused("key", "export", "--format", form, "--show-secrets", "--all")
    assert refused.startswith(f"--all: the file of --format {form} cannot hold when a key is valid")


@pytest.mark.parametrize("form", CONTROLLERS)
def test_when_the_first_key_ends_is_said(house, form):
    key(house, "Cy", "guest-phrase-1", "--ends", "2099-06-01T10:00Z")
    key(house, "Di", "guest-phrase-2", "--ends", "2099-05-01T10:00Z")
    assert "2 keys end, the first 2099-05-01 10:00 UTC: write the file anew by then\n" in export(house, form).stderr


@pytest.mark.parametrize("form", CONTROLLERS)
def test_a_key_with_hours_or_certain_nases_is_left_out_by_name(house, form):
    house.ok("plan", "add", "Office", "--hours", "Mon-Fri 08:00-18:00")
    key(house, "Cy", "office-phrase-1", "--plan", "Office")
    house.ok("subscriber", "add", "Di")
    key(house, "Di", "lobby-phrase-1", "--subscriber", "Di")
    house.ok("whitelist", "add", "Di", "--nas", "lobby")
    result = export(house, form)
    assert result.exit_code == 1
    assert "sunny-Otter-41" in result.stdout
    assert "phrase" not in result.output.replace("passphrase", "")
    assert "latchkey: left out: key 3 (Cy): plan Office has hours, which the file cannot hold\n" in result.stderr
    assert "latchkey: left out: key 4 (Di): its subscriber's whitelist of NASes" in result.stderr


def test_a_whitelist_of_devices_ties_the_key_to_them(house):
    house.ok("subscriber", "add", "Di")
    key(house, "Di", "tied-phrase-1", "--subscriber", "Di")
    house.ok("whitelist", "add", "Di", "--mac", "02:00:00:00:09:00")
    assert [line for line in export(house, "hostapd").stdout.splitlines() if "tied" in line] == [
        "keyid=3 02:00:00:00:09:00 tied-phrase-1"
    ]
    assert [line for line in export(house, "sae-passwords").stdout.splitlines() if "tied" in line] == [
        "tied-phrase-1|mac=02:00:00:00:09:00"
    ]
    assert export(house, "rlm_dpsk").stdout.splitlines()[-1] == "Di,tied-phrase-1,020000000900"


def test_a_passphrase_that_would_be_taken_apart_is_left_out_and_never_shown_on_stderr(house):
    key(house, "Cy", "secret|id=Weasel")
    result = export(house, "sae-passwords")
    assert (result.exit_code, result.stdout.count("Weasel")) == (1, 0)
    assert "left out: key 3 (Cy): hostapd would take a part of its passphrase for an option" in result.stderr
    assert "Weasel" not in result.stderr
    assert "keyid=3 00:00:00:00:00:00 secret|id=Weasel\n" in export(house, "hostapd").stdout


def test_many_keys_that_are_left_out_are_not_all_named(house):
    for number in range(23):
        key(house, f"pmk {number}", f"{number:064x}")
    result = export(house, "rlm_dpsk")
    assert result.exit_code == 1
    assert result.stderr.count("left out: key") == 20
    assert result.stderr.count("more keys are left out, which are not named here") == 1


def test_a_former_passphrase_works_in_its_grace_period(house):
    house.ok("key", "reset", "Bob Ray", "--passphrase-file", "-", "--grace", "1h", stdin=b"new-Falcon-78\n")
    assert [line for line in export(house, "hostapd").stdout.splitlines() if "Falcon" in line] == [
        "keyid=2 00:00:00:00:00:00 new-Falcon-78",
        "keyid=2 00:00:00:00:00:00 maple-Falcon-77",
    ]
    assert export(house, "rlm_dpsk").stdout.count('"Bob Ray"') == 2
    assert "maple-Falcon-77" not in export(house, "sae-passwords").stdout


def test_a_venue_has_its_own_keys_and_those_of_the_global_keypool(house):
    house.ok("venue", "add", "East Wing", "--nas-identifier", "ap2")
    for place, name in ((("--venue", "East Wing"), "Eve"), (("--global",), "Staff")):
        pool = house.ok("pool", "add", "Home", *place).strip()
        key(house, name, f"phrase-of-{name}", pool=pool)

    def names(*options):
        return re.findall(r"phrase-of-(\w+)|(sunny)", export(house, "hostapd", *options).stdout)

    assert names("--pool", "Home", "--venue", "Hudson House") == [("", "sunny"), ("Staff", ""), ("", "sunny")]
    assert names("--pool", "Home", "--venue", "East Wing") == [("Eve", ""), ("Staff", "")]
    assert names("--pool", "1") == [("", "sunny"), ("", "sunny")]
    assert "several keypools" in house.refused("key", "export", "--format", "hostapd", "--show-secrets")


@pytest.mark.parametrize("form", CONTROLLERS)
def test_a_file_is_its_owners_alone_new_and_only_with_show_secrets(house, tmp_path, form):
    out = tmp_path / "out"
    assert "--show-secrets" in house.refused("key", "export", "--format", form, str(out))
    assert not out.exists()
    house.ok("key", "export", "--format", form, "--show-secrets", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_text("utf-8") == export(house, form).stdout
    refused = house.run("key", "export", "--format", form, "--show-secrets", str(out))
    assert (refused.exit_code, refused.stderr) == (1, f"latchkey: cannot write {out}: File exists\n")


@pytest.mark.parametrize(("form", "vendor"), [("cnmaestro", "Cambium"), ("smartzone", "Ruckus")])
def test_a_format_that_no_vendor_documents_is_refused_by_name(house, tmp_path, form, vendor):
    out = tmp_path / "out"
    for options in ((), ("--show-secrets",)):
        said = house.refused("key", "export", "--format", form, *options, str(out))
        assert said.startswith(f"--format {form}: no document of {vendor}'s that could be found states the columns")
    assert not out.exists()


def test_the_help_says_what_is_in_a_file_and_names_each_format(house):
    said = " ".join(house.ok("key", "export", "--help").split())
    assert "Never in it are suspended, ended and future keys" in said
    assert all(f"{name}:" in said for name in CONTROLLERS)
    assert "cnmaestro and smartzone: refused" in said
