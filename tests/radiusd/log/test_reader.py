"""`latchkey log`: what was decided, read back from the files alone."""

import contextlib
import json
import re
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress, Ssid
from provisioning import InvalidValue, KeyDraft, NotFound, Passphrase, create_store, open_store
from provisioning.lifecycle import keys
from radiusd import LogError
from radiusd.log.cli import log, parse_since
from radiusd.log.file import former_path
from radiusd.log.reader import Position, Wanted, follow, read_back

ALL = Wanted()


def line(number, **fields):
    fields = {"who": "Ann", "device": "02:00:00:00:00:01", "ssid": "x", "venue": "Maison", "nas": "ap"} | fields
    event = fields.pop("event", "accept")
    text = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    at = f"2026-10-31T08:{number // 60:02d}:{number % 60:02d}.000Z"
    return f"{at} INFO {event} {text} number={number}"


def write(path, numbers, mode="a", **fields):
    with path.open(mode) as file:
        file.writelines(line(number, **fields) + "\n" for number in numbers)


def numbers(lines):
    return [int(each.fields["number"]) for each in lines]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latchkey.db-log"


class TestReadingBack:
    def test_both_files_in_order(self, path):
        write(former_path(path), range(1000))
        write(path, range(1000, 1500))
        assert numbers(read_back(path, ALL, None)[0]) == list(range(1500))
        assert numbers(read_back(path, ALL, 20)[0]) == list(range(1480, 1500))
        assert numbers(read_back(path, ALL, 600)[0]) == list(range(900, 1500))
        assert read_back(path, ALL, 0)[0] == []

    def test_without_a_file_there_is_nothing(self, path):
        assert read_back(path, ALL, None) == ([], Position())
        write(former_path(path), range(3))
        assert numbers(read_back(path, ALL, None)[0]) == [0, 1, 2]

    def test_torn_and_foreign_lines_are_between_the_others(self, path):
        write(path, [1])
        with path.open("ab") as file:
            file.write(b"\n\xff\0 torn\n" + b"x" * 200_000 + b"\n2026-10-31T08:15:02.123Z INFO acc")
        lines, position = read_back(path, ALL, None)
        assert numbers(lines[:1]) == [1]
        assert lines[1].text == "\\xff\0 torn"
        assert position.offset == path.read_bytes().rindex(b"\n") + 1

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({"venue": "Maison"}, [0, 2, 3, 4]),
            ({"venue": "Hudson House"}, [1]),
            ({"ssid": "Café: Résidents"}, [2]),
            ({"ssid": "\udcff"}, [3]),
            ({"ssid": "\\xff"}, [3]),
            ({"device": "02:00:00:00:00:09"}, [4]),
            ({"outcomes": ("reject", "discard")}, [1]),
            ({"nas": "ap"}, [0, 1, 2, 3, 4]),
            ({"nas": "other"}, []),
            ({"since": datetime(2026, 10, 31, 8, 0, 3, tzinfo=UTC)}, [3, 4]),
            ({"venue": "Maison", "device": "02:00:00:00:00:01"}, [0, 2, 3]),
        ],
    )
    def test_filters(self, path, wanted, found):
        write(path, [0])
        write(path, [1], venue='"Hudson House"', event="reject")
        write(path, [2], ssid='"Café: Résidents"')
        write(path, [3], ssid='"\\xff"')
        write(path, [4], device="02:00:00:00:00:09")
        with path.open("a") as file:
            file.write("a foreign line\n")
        assert numbers(read_back(path, Wanted(**wanted), None)[0]) == found

    @given(st.binary())
    def test_any_file_can_be_read(self, tmp_path_factory, octets):
        path = tmp_path_factory.getbasetemp() / "any-log"
        path.write_bytes(octets)
        lines, position = read_back(path, ALL, None)
        whole = octets[: position.offset]
        assert len(lines) == len([text for text in whole.split(b"\n") if text])


class Steps:
    """Sleeps by doing the next thing, and ends it all after the last."""

    def __init__(self, *steps):
        self.steps = list(steps)

    def __call__(self, _seconds):
        if not self.steps:
            raise InterruptedError
        self.steps.pop(0)()

    def follow(self, path, position):
        found = []
        with contextlib.suppress(InterruptedError):
            for each in follow(path, position, self):
                found.append(each)  # noqa: PERF402 (what came before the end is kept)
        assert not self.steps
        return found


def nothing():
    pass


class TestFollowing:
    def test_what_is_written_later_and_once_only(self, path):
        write(path, range(3))
        _, position = read_back(path, ALL, None)
        steps = Steps(lambda: write(path, [3]), nothing, lambda: write(path, [4, 5]))
        assert numbers(steps.follow(path, position)) == [3, 4, 5]

    def test_line_on_its_way_comes_whole(self, path):
        text = line(1) + "\n"
        path.write_text(text[:30])
        _, position = read_back(path, ALL, None)

        def complete():
            with path.open("a") as file:
                file.write(text[30:])

        assert numbers(Steps(nothing, complete).follow(path, position)) == [1]

    def test_over_a_rotation_with_what_a_late_process_still_writes_to_the_former_file(self, path):
        write(path, [1])
        _, position = read_back(path, ALL, None)

        def rotate():
            path.rename(former_path(path))
            write(path, [5])

        steps = Steps(
            lambda: write(path, [2]), rotate, lambda: write(former_path(path), [3]), *[nothing] * 5,
            lambda: write(path, [6]),
        )  # fmt: skip
        assert numbers(steps.follow(path, position)) == [2, 3, 5, 6]

    def test_rotation_between_reading_back_and_following(self, path):
        write(path, [1])
        _, position = read_back(path, ALL, None)
        write(path, [2])
        path.rename(former_path(path))
        write(path, [3])
        assert numbers(Steps(*[nothing] * 9).follow(path, position)) == [2, 3]

    def test_file_that_comes_later_goes_and_is_cut(self, path):
        _, position = read_back(path, ALL, None)
        steps = Steps(
            nothing,
            lambda: write(path, [1, 2]),
            nothing,
            path.unlink,
            *[nothing] * 6,
            lambda: write(path, [3, 4]),
            nothing,
            lambda: write(path, [5], mode="w"),
        )
        assert numbers(steps.follow(path, position)) == [1, 2, 3, 4, 5]


class TestCommand:
    @pytest.fixture
    def run(self, path):
        def run(*arguments):
            database = path.with_name("latchkey.db")
            return CliRunner().invoke(log, ["--db", str(database), *arguments], catch_exceptions=False)

        return run

    def test_twenty_lines_plain_when_piped(self, path, run):
        write(path, range(30))
        result = run()
        assert result.exit_code == 0
        assert result.stdout == "".join(line(number) + "\n" for number in range(10, 30))
        assert not path.with_name("latchkey.db").exists()

    def test_json_has_types(self, path, run):
        write(path, [1], keys=7, ms="0.50", ssid='"a b"')
        view = json.loads(run("--json", "-n", "1").stdout)
        assert (view["event"], view["keys"], view["ms"], view["ssid"]) == ("accept", 7, 0.5, "a b")

    def test_filters_take_what_people_write(self, path, run):
        write(path, [1], device="02:00:00:00:00:0a", event="reject")
        write(path, [2])
        for device in ("02000000000A", "02-00-00-00-00-0a", "0200.0000.000a"):
            assert "number=1\n" in run("--device", device).stdout
        assert "number=1\n" in run("--outcome", "reject", "--since", "2026-10-31").stdout
        assert run("--since", "10m").stdout == ""
        assert "number=2\n" in run("--since", "36500d").stdout

    @pytest.mark.parametrize("part", ["02:00:00:0a", "000a", "A1-b2", "0:0a:a1:"])
    def test_part_of_an_address_will_do(self, path, run, part):
        write(path, [1], device="02:00:00:0a:a1:b2")
        write(path, [2])
        assert run("--device", part).stdout == line(1, device="02:00:00:0a:a1:b2") + "\n"

    @pytest.mark.parametrize("text", ["zz", "4", "", "02000000000a1"])
    def test_what_is_no_part_of_an_address_is_an_error(self, path, run, text):
        write(path, [1])
        with pytest.raises(InvalidValue, match="nor two or more hex digits"):
            run("--device", text)

    @pytest.mark.parametrize("text", ["last week", "10x", "2026-13-01", "1w2d", ""])
    def test_since_names_what_it_takes(self, path, run, text):
        write(path, [1])
        with pytest.raises(InvalidValue, match="use 10m, 2h, 3d, 1w, today, yesterday, 2026-10-31 or 2026-10-31T12:00"):
            run("--since", text)

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_terminal_has_the_time_of_the_wall_and_its_zone_and_since_means_the_same(
        self, path, run, zone, monkeypatch
    ):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            write(path, [1])
            local = datetime(2026, 10, 31, 8, 0, 1, tzinfo=UTC).astimezone(ZoneInfo(zone))
            assert run("--since", f"{local:%Y-%m-%dT%H:%M:%S}").stdout
            assert run("--since", f"{local + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}").stdout == ""
            assert run("--since", "2026-10-31T08:00:01Z").stdout == line(1) + "\n"
            monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda _: True)
            day, decision = click.unstyle(run().stdout).splitlines()
            assert day.startswith(f"{local:%Y-%m-%d} {local:%Z}")
            assert (f"(UTC{local:%z})" in day) == (zone != "UTC")
            assert decision.startswith(f"{local:%H:%M:%S}.000 accept")
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_yesterday_and_today_begin_at_midnight_here(self):
        now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        today = now.astimezone().replace(hour=0)
        assert parse_since("today", now) == today
        assert parse_since("yesterday", now) < today
        assert parse_since("1w", now) == now - timedelta(days=7)

    def test_terminal_gets_columns(self, path, run, monkeypatch):
        write(path, [1], ssid='"Café"', event="reject", reason='"unknown passphrase"')
        with path.open("a") as file:
            file.write("torn \x1b[2J\n")
        monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda _: True)
        monkeypatch.delenv("NO_COLOR", raising=False)
        day, reject, torn = run().stdout.splitlines()
        assert "2026-10-31 UTC" in click.unstyle(day)
        assert click.unstyle(reject).startswith(
            '08:00:01.000 reject  02:00:00:00:00:01 "Café"               "unknown passphrase"     who=Ann venue=Maison'
        )
        assert "\x1b[31mreject" in reject
        assert torn == "torn \\x1b[2J"
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in run().stdout

    @pytest.mark.parametrize("arguments", [["--device", "nothing"], ["--since", "soon"], ["--since", "999999999d"]])
    def test_mistakes_are_named(self, path, run, arguments):
        from provisioning import InvalidValue

        write(path, [1])
        with pytest.raises(InvalidValue):
            run(*arguments)

    def test_no_log_is_an_error_that_says_who_writes_one(self, run):
        with pytest.raises(LogError, match="latchkey serve"):
            run()


class TestNames:
    """What people call things: their flat, their name, and what they misspell."""

    ANN, BOB, OLD = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"

    @pytest.fixture
    def run(self, path):
        database = path.with_name("latchkey.db")
        with create_store(database, {}) as store:
            venue = store.venues.add("Maison").id
            store.nases.add(ip_network("192.0.2.0/24"), b"testing123", name="ap")
            unit = store.units.add(venue, "4C").id
            store.units.add(venue, "4D")
            pool = store.keypools.add(Ssid(b"Hudson House"), venue_ids=[venue]).id
            for identity, unit_id, device in (
                ("Ann Lee", unit, self.ANN),
                ("Bob", unit, self.BOB),
                ("Cy", None, self.OLD),
            ):
                draft = KeyDraft(
                    identity=identity,
                    passphrase=Passphrase(f"the passphrase of {identity}".encode()),
                    unit_id=unit_id,
                    devices=(MacAddress.parse(device),),
                )
                store.keys.add(pool, draft)
        write(path, [1], device=self.ANN, who='"Ann Lee"', key=1)
        write(path, [2], device=self.BOB, who="Bob", key=2, event="reject")
        write(path, [3], device=self.ANN, who=None, event="reject", reason='"unknown passphrase"')
        write(path, [4], device=self.OLD, who="Cy", key=3)
        write(path, [5], device=self.ANN, who="Cy", key=3)  # a phone that changed hands
        write(path, [6], who="Gone", key=99)

        def run(*arguments):
            result = CliRunner().invoke(log, ["--db", str(database), *arguments], catch_exceptions=False)
            return [int(number) for number in re.findall(r"number=(\d+)", result.stdout)], result.stderr

        return run

    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            (["--who", "Ann Lee"], [1, 3]),
            (["--key", "2"], [2]),
            (["--key", "id:3"], [4, 5]),
            (["--key", "Bob"], [2]),
            (["--unit", "4C"], [1, 2, 3]),
            (["--unit", "4C", "--venue", "Maison", "--outcome", "reject"], [2, 3]),
            (["--unit", "4C", "--who", "Bob"], [2]),
            (["--who", "Gone"], [6]),
            (["--who", "Cy", "--ssid", "Hudson House"], []),
        ],
    )
    def test_lines_of_a_person_a_key_and_a_flat(self, run, arguments, found):
        numbers, said = run(*arguments)
        assert numbers == found
        assert said == "" if found else said.startswith("latchkey: nothing of that in ")

    def test_a_key_is_found_with_its_former_passphrase_too(self, run, path):
        with open_store(path.with_name("latchkey.db"), {}) as store:
            now = datetime.now(UTC)
            keys.reset(store, 2, Passphrase(b"another passphrase"), now=now, grace=timedelta(hours=1))
        write(path, [7], who="Bob", key=4)
        assert run("--key", "Bob")[0] == run("--key", "2")[0] == [2, 7]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--venue", "Maisson"], "no venue 'Maisson'.*Maison"),
            (["--ssid", "Hudson Hose"], "no keypool for SSID 'Hudson Hose'.*Hudson House"),
            (["--nas", "app"], "no NAS 'app'"),
            (["--nas", "192.0.2.0/24"], "the log names NAS 192.0.2.0/24 'ap'"),
            (["--who", "Ann Leigh"], "no key 'Ann Leigh'"),
            (["--key", "Ann"], "no key 'Ann'"),
            (["--unit", "4E"], "no unit '4E'"),
            (["--unit", "4D"], "unit '4D' has no key"),
            (["--unit", "4C", "--venue", "Nowhere"], "no venue 'Nowhere'"),
        ],
    )
    def test_name_that_is_nobodys_is_an_error(self, run, arguments, says):
        with pytest.raises(NotFound, match=says):
            run(*arguments)

    def test_without_the_database_it_filters_all_the_same_and_says_so(self, run, path):
        path.with_name("latchkey.key").unlink()
        for arguments, found in (
            (["--who", "Ann Lee"], [1]),
            (["--key", "3"], [4, 5]),
            (["--key", "Bob"], [2]),
            (["--venue", "Maisson"], []),
        ):
            numbers, stderr = run(*arguments)
            assert numbers == found
            assert "names are taken as they are" in stderr
        with pytest.raises(LogError, match="which keys a unit has is in the database"):
            run("--unit", "4C")

    def test_reading_a_log_opens_no_database(self, run, path):
        path.with_name("latchkey.key").unlink()
        assert run("-n", "1", "--nas", "ap") == ([6], "")
