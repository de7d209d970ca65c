"""`key import` and `key export` on sheets, as the office of a building has them."""

import json
import sqlite3

import pytest

from provisioning import open_store

MESSY = (
    "Bewohner;Haus;Etage;Wohnung;WLAN-Passwort;MAC-Adresse;VLAN;Tarif;Einzug;Auszug;Kundennr.;Bemerkung\r\n"
    '"Müller, Jörg";Nord;2;4B;sunny-Otter-41;02:00:00:00:01:00;104;Gold;15.01.2026;31.12.2026;K1;"zahlt\r\nspät"\r\n'
    "Ann Lee;Nord;1;1A;maple-Falcon-77;;;;20.02.2026;;K2;\r\n"
    ";;;;;;;;;;;\r\n"
)
MAP = ("--map", "Kundennr.=external_id")


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House", "--nas-identifier", "ap1", "--time-zone", "Europe/Berlin")
    cli.ok("pool", "add", "Home")
    cli.ok("plan", "add", "Gold")
    return cli


def keys(cli):
    return json.loads(cli.ok("key", "list", "--json", "--show-secrets"))


def units(cli):
    return [(unit["building"], unit["name"], unit["floor"]) for unit in json.loads(cli.ok("unit", "list", "--json"))]


def write(tmp_path, text, encoding="utf-8-sig", name="residents.csv"):
    file = tmp_path / name
    file.write_bytes(text.encode(encoding))
    return str(file)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "utf-8"])
def test_a_messy_sheet_is_imported_with_its_units_plans_and_dates(house, tmp_path, encoding):
    file = write(tmp_path, MESSY, encoding)
    assert house.ok("key", "import", file, "--create-units", *MAP) == "imported 2, refused 0, new units 2\n"
    first, second = keys(house)
    assert (first["identity"], first["passphrase"], first["unit"], first["vlan"], first["plan"]) == (
        *("Müller, Jörg", "sunny-Otter-41", "4B"),
        *(104, "Gold"),
    )
    assert (first["starts"], first["ends"]) == ("2026-01-14T23:00:00Z", "2026-12-31T22:59:59Z")
    assert (second["identity"], second["unit"], second["plan"], second["ends"]) == ("Ann Lee", "1A", None, None)
    assert units(house) == [("Nord", "4B", "2"), ("Nord", "1A", "1")]


def test_units_that_are_made_get_the_first_vlans_that_are_free(house, tmp_path):
    venue = json.loads(house.ok("venue", "list", "--json"))[0]["name"]
    house.ok("venue", "set", venue, "--vlans-wired", "200-299")
    house.ok("unit", "add", venue, "9Z", "--vlan", "201")
    house.ok("key", "import", write(tmp_path, MESSY), "--create-units", "--auto-vlans", *MAP)
    made = json.loads(house.ok("unit", "list", "--json"))
    assert sorted((unit["name"], unit["vlan"]) for unit in made) == [("1A", 202), ("4B", 200), ("9Z", 201)]


def test_what_is_imported_is_one_change_to_undo(house, tmp_path):
    file = write(tmp_path, MESSY)
    house.ok("key", "import", file, "--create-units", *MAP, "--reason", "first list", "--as", "Kim")
    (entry,) = [json.loads(line) for line in house.ok("audit", "--json", "--author", "Kim").splitlines()]
    assert (entry["action"], entry["reason"]) == ("key.import", "first list")
    assert (entry["kind"], entry["subject"]) == ("pool", "Home")
    house.ok("undo", "--as", "Kim")
    assert (keys(house), units(house)) == ([], [])
    assert "maple-Falcon-77" not in house.ok("audit", "--json", "--all", "--changes")


def test_units_and_plans_that_are_not_there_are_refused_by_line(house, tmp_path):
    file = write(tmp_path, MESSY.replace("Gold", "Silver"))
    result = house.run("key", "import", file, *MAP)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"latchkey: {file}: line 2: unit: there is none of that name: --create-units makes it",
        f"latchkey: {file}: line 4: unit: there is none of that name: --create-units makes it",
        f"latchkey: {file}: 2 lines refused; nothing imported, see {tmp_path}/residents.refused.csv",
    ]
    result = house.run("key", "import", file, *MAP, "--create-units", "--keep-going")
    assert (result.exit_code, result.stdout) == (0, "imported 1, refused 1, new units 1\n")
    assert f"{file}: line 2: plan: there is none of that name" in result.stderr
    refused = tmp_path / "residents.refused-2.csv"
    assert f"what was refused is in {refused}, to be mended and imported" in result.stderr
    assert refused.stat().st_mode & 0o777 == 0o600
    mended = refused.read_bytes().replace(b"Silver", b"Gold")
    house.ok("key", "import", "-", *MAP, "--create-units", stdin=mended)
    assert [key["identity"] for key in keys(house)] == ["Ann Lee", "Müller, Jörg"]


def test_a_dry_run_shows_the_first_rows_and_changes_nothing(house, tmp_path):
    file = write(tmp_path, MESSY)
    result = house.run("key", "import", file, "--create-units", *MAP, "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "would import 2, refused 0, new units 2\n")
    assert "column 'Bemerkung' left alone" in result.stderr
    heading, first, second = result.stderr.splitlines()[-3:]
    assert heading.split() == ["LINE", "WHAT", "IDENTITY", "UNIT", "PLAN", "VLAN", "STARTS", "ENDS", "DEVICES"]
    assert first.split()[:2] == ["2", "add"]
    assert "4B (new)" in first
    assert first.split()[-3:] == ["2026-01-15", "2026-12-31", "1"]
    assert "Ann Lee" in second
    assert "Otter" not in result.stderr
    assert (keys(house), units(house)) == ([], [])
    assert house.ok("audit", "--action", "key.import") == ""


ROSTER = "external_id;Name;Wohnung;Tarif;Auszug\r\nK1;Müller, Jörg;1A;;\r\nK2;Ann Lee-Ray;1A;Gold;31.12.2026\r\n"


def test_an_update_changes_adds_and_says_who_is_missing(house, tmp_path):
    house.ok("key", "import", write(tmp_path, MESSY), "--create-units", *MAP)
    house.ok("key", "add", "--identity", "Eve")
    roster = write(tmp_path, ROSTER + "K3;Kim;4B;;\r\n", name="roster.csv")
    refused = house.refused("key", "import", roster, "--update")
    assert refused.startswith(f"{roster}: line 4: a key to add needs a passphrase: there is no such column; nothing")
    roster = write(tmp_path, ROSTER, name="roster2.csv")
    before = keys(house)
    dry = house.run("key", "import", roster, "--update", "--dry-run")
    assert dry.stdout.splitlines() == [
        "would change id:1 'Müller, Jörg': unit 4B -> 1A, plan Gold -> none, ends 2026-12-31 -> none",
        "would change id:2 'Ann Lee-Ray': identity Ann Lee -> Ann Lee-Ray, plan none -> Gold, ends none -> 2026-12-31",
        "would add 0, would change 2, unchanged 0, missing 1, refused 0",
    ]
    assert keys(house) == before
    result = house.run("key", "import", roster, "--update")
    assert (result.exit_code, result.stdout) == (0, "added 0, changed 2, unchanged 0, missing 1, refused 0\n")
    assert f"latchkey: {roster}: not in it, and left as they are: id:3 'Eve'" in result.stderr
    first, second, eve = keys(house)
    assert (first["unit"], first["plan"], first["ends"], first["starts"]) == ("1A", None, None, "2026-01-14T23:00:00Z")
    assert (second["identity"], second["plan"]) == ("Ann Lee-Ray", "Gold")
    assert eve["state"] == "valid"
    again = json.loads(house.ok("key", "import", roster, "--update", "--json"))
    assert (again["imported"], again["changed"], again["unchanged"]) == (0, [], 2)
    assert [each["identity"] for each in again["missing"]] == ["Eve"]
    house.ok("undo")
    assert keys(house) == before


def test_an_update_gives_new_passphrases_devices_and_status(house, tmp_path):
    house.ok("key", "import", write(tmp_path, MESSY), "--create-units", *MAP)
    sheet = (
        "identity,psk,mac,status\r\n"
        'Ann Lee,"sunny-Otter-41",02:00:00:00:02:00 02:00:00:00:02:01,suspended\r\n'
        '"Müller, Jörg",new-Passphrase-1,,active\r\n'
    )
    house.ok("key", "import", write(tmp_path, sheet, name="new.csv"), "--update")  # one gets the other's former one
    first, second = keys(house)
    assert (first["passphrase"], second["passphrase"]) == ("new-Passphrase-1", "sunny-Otter-41")
    assert second["status"] == "suspended"
    shown = json.loads(house.ok("key", "show", "Ann Lee", "--json"))
    assert shown["devices"] == ["02:00:00:00:02:00", "02:00:00:00:02:01"]
    house.ok("undo")
    assert [key["passphrase"] for key in keys(house)] == ["sunny-Otter-41", "maple-Falcon-77"]
    assert json.loads(house.ok("key", "show", "Ann Lee", "--json"))["devices"] == []


def test_an_update_to_a_passphrase_in_use_is_refused_by_line(house, tmp_path):
    house.ok("key", "import", write(tmp_path, MESSY), "--create-units", *MAP)
    sheet = "identity,psk\r\nAnn Lee,sunny-Otter-41\r\nKim,new-Passphrase-1\r\n"
    file = write(tmp_path, sheet, name="new.csv")
    assert "line 2: passphrase already in use on this SSID" in house.refused("key", "import", file, "--update")
    result = house.run("key", "import", file, "--update", "--keep-going")
    assert result.stdout == "added 1, changed 0, unchanged 0, missing 1, refused 1\n"
    assert [(key["identity"], key["passphrase"]) for key in keys(house)][1:] == [
        ("Ann Lee", "maple-Falcon-77"),
        ("Kim", "new-Passphrase-1"),
    ]


def test_passphrases_are_made_where_there_are_none(house, tmp_path):
    file = write(tmp_path, "Name,Flat\r\nAnn,1A\r\nBob,1B\r\n")
    assert "no column is the passphrase" in house.refused("key", "import", file)
    house.ok("key", "import", file, "--generate", "--create-units")
    made = {key["passphrase"] for key in keys(house)}
    assert len(made) == 2
    result = house.run("key", "import", file, "--generate")
    assert "2 rows have the identities of keys already there: --update changes the key" in result.stderr
    house.ok("undo")
    assert {key["passphrase"] for key in keys(house)} == made


def test_what_is_exported_is_imported_elsewhere_as_the_same_keys(house, tmp_path, monkeypatch):
    house.ok("venue", "add", "East Wing", "--nas-identifier", "ap2", "--time-zone", "America/New_York")
    house.ok("pool", "add", "Staff", "--venue", "East Wing")
    house.ok("key", "import", write(tmp_path, MESSY), "--create-units", *MAP, "--pool", "Home")
    more = (
        "identity,psk,venue,pool,unit,starts,ends,subscriber,tag,status,vlan,floor\r\n"
        "'=1+1,'-maple-Falcon-78,East Wing,Staff,1,2026-01-01,2026-03-08 09:30,Lee,spare,suspended,7,-1\r\n"
        '\'tis,"quo""te, \'x",East Wing,Staff,,2026-11-01 01:30 EST,,,,,,\r\n'
    )
    house.ok("key", "import", write(tmp_path, more, name="more.csv"), "--create-units")
    out = tmp_path / "all.csv"
    house.ok("key", "export", str(out), "--format", "sheet", "--all", "--show-secrets", "--separator", "semicolon")
    assert out.stat().st_mode & 0o777 == 0o600
    text = out.read_bytes().decode("utf-8-sig")
    assert not any(cell.startswith(("=", "@")) for line in text.splitlines() for cell in line.split(";"))
    other = type(house)(tmp_path / "other" / "latchkey.db")
    (tmp_path / "other").mkdir()
    other.ok("init")
    other.ok("venue", "add", "Hudson House", "--time-zone", "Europe/Berlin")
    other.ok("venue", "add", "East Wing", "--time-zone", "America/New_York")
    other.ok("pool", "add", "Home", "--venue", "Hudson House")
    other.ok("pool", "add", "Staff", "--venue", "East Wing")
    other.ok("plan", "add", "Gold")
    assert other.ok("key", "import", str(out), "--create-units").startswith("imported 4, refused 0")
    shown = [[_plain(cli, key) for key in keys(cli)] for cli in (house, other)]
    assert shown[0] == shown[1]
    assert [key["identity"] for key in shown[0]] == ["Müller, Jörg", "Ann Lee", "=1+1", "'tis"]
    assert shown[0][2]["ends"] == "2026-03-08T13:30:00Z"
    assert shown[0][3]["starts"] == "2026-11-01T06:30:00Z"
    again = other.ok("key", "import", str(out), "--update")
    assert again == "added 0, changed 0, unchanged 4, missing 0, refused 0\n"


def _plain(cli, key):
    """Return what of a key is its own, and not its database's."""
    with open_store(cli.path, {}, readonly=True) as store:
        found = store.keys.get(key["id"])
        devices = sorted(
            str(device.mac) for device in store.devices.of_keys(first_key_id=found.id, last_key_id=found.id)
        )
    left_out = {"keypool_id", "status_at"}
    names = {"tag": found.tag, "external_id": found.external_id, "floor": found.unit and found.unit.floor}
    return {name: value for name, value in key.items() if name not in left_out} | names | {"devices": devices}


def test_the_former_export_is_as_it_was_and_says_that_it_is_not_defused(house):
    house.ok("key", "import", "-", "--force", stdin=b"=1+1,sunny-Otter-41\n")
    result = house.run("key", "export", "--show-secrets")
    assert result.stdout == "=1+1,sunny-Otter-41\n"
    assert "a spreadsheet would calculate it" in result.stderr
    sheet = house.ok("key", "export", "--format", "sheet", "--show-secrets")
    assert sheet.splitlines()[1].startswith("'=1+1,sunny-Otter-41,")


def test_an_external_id_is_of_one_key(house, tmp_path):
    house.ok("key", "import", write(tmp_path, MESSY), "--create-units", *MAP)
    sheet = "Name,psk,external_id\r\nKim,new-Passphrase-1,K1\r\nLee,new-Passphrase-2,K9\r\nMia,new-Passphrase-3,K9\r\n"
    result = house.run("key", "import", write(tmp_path, sheet, name="new.csv"))
    assert [line.partition(".csv: ")[2] for line in result.stderr.splitlines()][:2] == [
        "line 2: external_id: key 1 has it",
        "line 4: external_id: line 3 has it",
    ]


def test_a_unit_that_cannot_be_made_is_refused_without_its_name(house, tmp_path):
    sheet = "Name,psk,unit,building\r\nKim,new-Passphrase-1,4 B,North\r\nMia,new-Passphrase-3,sunny-Otter,N\r\n"
    sheet += "Lee,new-Passphrase-2,(sunny) -Otter,N\r\n"
    result = house.run("key", "import", write(tmp_path, sheet), "--create-units")
    assert result.exit_code == 1
    why = "unit: none can be made so: the venue is full, or the name is one's already but for its signs"
    assert f"line 4: {why}; nothing imported" in result.stderr
    assert "Otter" not in result.stderr
    assert (keys(house), units(house)) == ([], [])


def test_no_passphrase_is_in_the_database_or_its_log(house, tmp_path, path):
    house.ok("key", "import", write(tmp_path, MESSY), "--create-units", *MAP)
    house.ok("key", "import", write(tmp_path, "Name,psk\r\nAnn Lee,new-Passphrase-1\r\n", name="n.csv"), "--update")
    octets = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
    for secret in (b"sunny-Otter-41", b"maple-Falcon-77", b"new-Passphrase-1"):
        assert secret not in octets
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM keys").fetchone() == (2,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--encoding", "nosuch"], "--encoding 'nosuch' is not known: utf-8, utf-16, cp1252, cp850, ..."),
        (["--map", "Flat"], "--map 'Flat': say COLUMN=FIELD, as 'Flat no=unit'"),
        (["--pool", "Hom"], "no keypool for SSID 'Hom': did you mean 'Home'?"),
        (["--venue", "Hudson Hous"], "no venue 'Hudson Hous': did you mean 'Hudson House'?"),
    ],
)
def test_options_that_say_nothing_are_refused_in_a_line(house, tmp_path, arguments, said):
    assert house.refused("key", "import", write(tmp_path, MESSY), *arguments) == said
