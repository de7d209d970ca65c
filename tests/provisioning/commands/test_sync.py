"""`latchkey sync`, from the command line to a platform that answers over HTTP."""

import json
import re
import shlex
import stat
from dataclasses import replace
from datetime import timedelta
from email.utils import formatdate

import pytest

from pcaps.platforms.building import Building
from provisioning.store import open_store
from provisioning.sync import Kind
from tests.platforms.eleven import PASSPHRASE_GIVEN, TOKEN, Eleven
from tests.provisioning.commands.hudson import Hudson, utc_now
from tests.provisioning.transport.site import make_certificate

UNITS = 20


@pytest.fixture
def hudson(cli, tmp_path):
    building = Building.make(UNITS, at=utc_now(), occupied=1.0)
    with Eleven([building], clock=utc_now) as platform:
        yield Hudson(cli, tmp_path, platform, building)


def test_the_first_synchronisation_waits_for_a_person(hudson):
    result = hudson.run("run")
    assert result.exit_code == 1
    assert "latchkey: hudson: held: the first synchronisation of hudson" in result.stderr
    assert "latchkey sync accept hudson-1" in result.stdout
    assert hudson.keys() == {}
    plan = hudson.ok("plan", "hudson-1")
    assert "plan hudson-1 (eleven), made " in plan
    assert "Hudson House (S1)" in plan
    assert "to add (" in plan
    accepted = hudson.ok("accept", "hudson-1", "--reason", "opening day", "--as", "Ann")
    assert "added 1 venue, 1 SSID" in accepted
    assert f"{UNITS} keys" in accepted
    assert len(hudson.keys()) == UNITS
    audit = [
        json.loads(line)
        for line in hudson.cli.ok("audit", "--json", "--all", "--action", "sync.apply").split("\n")
        if line
    ]
    last = json.loads(hudson.cli.ok("audit", "--json", "--all", "--action", "sync.accept"))
    assert (last["author"], last["subject"], last["reason"]) == ("Ann", "hudson-1", "opening day")
    assert hudson.cli.ok("audit", "verify")
    assert {(entry["author"], entry["person"]) for entry in audit} == {("Ann", True)}
    assert all("opening day" in entry["reason"] for entry in audit)
    assert hudson.ok("run") == "hudson: no change\n"


def test_a_run_says_what_it_did_and_is_no_person_in_the_audit(hudson):
    hudson.settle()
    hudson.leave(1)
    today = hudson.building.day(utc_now())
    hudson.building.move_in(next(iter(hudson.building.units)), hudson.building.newcomer(), today)
    dry = hudson.ok("run", "--dry-run")
    assert dry.startswith("hudson: would add ")
    assert len(hudson.keys()) == UNITS
    assert hudson.ok("run").startswith("hudson: added 1 subscriber and 1 key")
    last = json.loads(hudson.cli.ok("audit", "--json", "--limit", "1"))
    assert (last["author"], last["origin"], last["person"]) == ("sync:hudson", "sync", False)
    assert list(hudson.keys().values()).count("valid") == UNITS


def test_undo_and_audit_say_how_many_keys_one_change_of_a_plan_ended(hudson):
    hudson.settle()
    hudson.leave(6)
    assert hudson.run("run").exit_code == 1
    hudson.ok("accept", hudson.status()["held_plan"])
    assert list(hudson.keys().values()).count("valid") == UNITS - 6
    entry = hudson.cli.ok("audit", "--limit", "1")
    assert "sync.apply  ended 6 keys (" in entry
    assert " and 3 more)" in entry
    told = json.loads(hudson.cli.ok("audit", "--limit", "1", "--json"))
    assert (told["plan"], told["counts"]) == ("hudson-2", {"key": 6})
    said = hudson.cli.ok("undo")
    assert " of plan hudson-2, which ended 6 keys (" in said
    assert "other change" not in said
    assert list(hudson.keys().values()).count("valid") == UNITS


def test_undo_says_what_else_of_a_plan_stands(hudson):
    hudson.settle()
    said = hudson.cli.ok("undo")
    assert f" of plan hudson-1, which added {UNITS} keys" in said
    assert "other changes of it stand: `latchkey audit --about hudson-1` shows them" in said


def test_too_many_at_once_are_held_the_same_by_a_dry_run(hudson):
    hudson.settle()
    hudson.leave(UNITS // 2)
    dry = hudson.run("run", "--dry-run")
    assert dry.exit_code == 1
    assert "keys of 10 of 20 units at S1 would stop" in dry.stderr
    real = hudson.run("run")
    assert real.exit_code == 1
    assert real.stderr == dry.stderr
    again = hudson.run("run", "--dry-run")
    assert again.exit_code == 1
    assert "until plan hudson-2 is accepted or released: keys of 10 of 20 units" in again.stderr
    assert again.stderr == hudson.run("run").stderr
    assert list(hudson.keys().values()).count("valid") == UNITS
    status = hudson.status()
    assert (status["state"], status["held_plan"]) == ("held", "hudson-2")
    assert status["held_because"] == ["keys of 10 of 20 units at S1 would stop, more than 10 %"]
    hudson.ok("accept", "hudson-2")
    assert list(hudson.keys().values()).count("valid") == UNITS // 2
    assert hudson.status()["state"] == "done"


def test_release_lets_the_next_run_judge_anew(hudson):
    hudson.settle()
    hudson.leave(UNITS // 2)
    assert hudson.run("run").exit_code == 1
    assert hudson.ok("release", "hudson") == "hudson is not held any more; plan hudson-2 is not carried out\n"
    assert hudson.refused("release", "hudson") == "hudson is not held"
    assert json.loads(hudson.cli.ok("audit", "--json", "--limit", "1"))["action"] == "sync.release"
    assert (hudson.status()["state"], hudson.status()["held_plan"]) == ("planned", None)
    assert hudson.run("run").exit_code == 1
    assert hudson.status()["held_plan"] == "hudson-3"


def test_a_plan_is_a_file_without_secrets_that_can_be_accepted(cli, tmp_path):
    building = Building.make(4, at=utc_now(), occupied=1.0, passphrases=True)
    with Eleven([building], clock=utc_now, site_type=PASSPHRASE_GIVEN) as platform:
        hudson = Hudson(cli, tmp_path, platform, building)
        file = tmp_path / "plan.json"
        result = hudson.run("plan", "hudson", "--out", str(file))
        assert result.exit_code == 0, result.stderr
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        text = file.read_text()
        assert json.loads(text)["id"] == "hudson-1"
        for told in (text, hudson.ok("plan", "hudson-1"), hudson.ok("plan", "hudson-1", "--json")):
            for tenancy in building.tenancies.values():
                assert tenancy.passphrase not in told
        assert "exists already" in hudson.refused("plan", "hudson", "--out", str(file))
        other = tmp_path / "other.json"
        other.write_text(text.replace("Okafor", "Nobody"))
        assert "is not hudson-1 as it is kept here" in hudson.refused("accept", str(other))
        other.write_text("{}")
        assert "is no plan: it has no id" in hudson.refused("accept", str(other))
        file.write_text(f" {text}\n")
        hudson.ok("accept", str(file))
        with hudson.store() as store:
            taken = {key.passphrase.value.decode() for key in store.keys.get_many(range(1, 9))}
        assert taken == {tenancy.passphrase for tenancy in building.tenancies.values()}


def test_a_plan_whose_basis_moved_is_made_anew(hudson):
    hudson.settle()
    hudson.leave(UNITS // 2)
    hudson.run("run")
    hudson.cli.ok("key", "suspend", f"id:{json.loads(hudson.cli.ok('key', 'list', '--json'))[0]['id']}")
    result = hudson.run("accept", "hudson-2")
    assert result.exit_code == 1
    assert "read plan hudson-3 instead" in result.stderr
    assert list(hudson.keys().values()).count("valid") == UNITS - 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("run", "elm"), "has no [sync.elm]; there is hudson"),
        (("plan", "elm"), "has no [sync.elm]; there is hudson"),
        (("accept", "hudson-7"), "no plan 7"),
        (("accept", "nonsense"), "is no plan's id, such as hudson-3, and no file of a plan"),
        (("release", "hudson"), "no connector 'hudson' was run on this database"),
        (("status", "elm"), "no connector 'elm'; there is hudson"),
        (("adopt", "elm", "venue", "S1", "Hudson House"), "has no [sync.elm]"),
        (("adopt", "hudson", "venue", "S1", "Elm"), "no venue 'Elm'"),
    ],
)
def test_refusals_are_one_clear_line(hudson, command, said):
    assert said in hudson.refused(*command)


def test_a_connector_that_fails_costs_itself(hudson):
    hudson.configure('[sync.elm]\nplatform = "eleven"\nurl = "http://127.0.0.1:9/v2"\ntoken_file = "none.token"\n')
    result = hudson.run("run")
    assert result.exit_code == 1
    assert "elm: not synchronised: " in result.stderr
    assert "none.token" in result.stderr
    assert "hudson: held" in result.stderr
    hudson.ok("accept", "hudson-1")
    result = hudson.run("run")
    assert result.exit_code == 1
    assert result.stdout == "hudson: no change\n"
    assert hudson.ok("run", "hudson") == "hudson: no change\n"


def test_refused_credentials_are_told_and_shown_by_status(hudson):
    (hudson.folder / "hudson.token").write_text("another token\n")
    result = hudson.run("run")
    assert result.exit_code == 1
    assert "not synchronised" in result.stderr
    assert "another token" not in result.output
    status = hudson.status()
    assert status["state"] == "failed"
    assert status["last_complete"] is None
    check = hudson.run("check")
    assert check.exit_code == 1
    assert "another token" not in check.output


def test_a_failure_after_a_partial_reading_is_one(hudson):
    hudson.settle()
    hudson.platform.faults.add("wrong_type", times=100, path="/resident")
    assert "the platform was read in part" in hudson.ok("run")
    status = hudson.status()
    assert (status["state"], status["fault_count"] > 0) == ("partial", True)
    hudson.platform.faults.clear()
    (hudson.folder / "hudson.token").write_text("another token\n")
    assert hudson.run("run").exit_code == 1
    status = hudson.status()
    assert (status["state"], status["fault_count"]) == ("failed", 0)
    assert status["error"]
    (hudson.folder / "hudson.token").write_text(TOKEN)
    hudson.ok("run")
    assert (hudson.status()["state"], hudson.status()["error"]) == ("done", None)


def test_status_of_what_was_never_run(hudson):
    status = hudson.status()
    assert (status["state"], status["platform"], status["last_run"]) == ("never run", "eleven", None)
    assert "never run" in hudson.ok("status")


def test_check_reads_one_real_page(hudson):
    told = hudson.ok("check")
    assert told.startswith("hudson (eleven): answers\n  ")
    view = json.loads(hudson.ok("check", "--json"))[0]
    assert view["works"] is True
    assert view["found"]


def test_check_tells_what_the_table_says_without_effect(hudson):
    hudson.configure(username="sync@example.net")
    said = hudson.run("check").stderr
    assert said == "  latchkey.toml: [sync.hudson] username is nothing that eleven has a use for\n"
    assert json.loads(hudson.ok("check", "--json"))[0]["warnings"] == [said.strip()]


def test_check_says_that_credentials_are_refused_and_not_only_a_status(hudson):
    (hudson.folder / "hudson.token").write_text("another token\n")
    assert ": HTTP 403: the user name, password or token is refused, or may not do this" in hudson.run("check").stderr


def test_drift_shows_each_side_and_what_clears_it(hudson):
    hudson.settle()
    assert hudson.ok("drift") == ""
    keys = json.loads(hudson.cli.ok("key", "list", "--json"))
    hudson.cli.ok("key", "remove", f"id:{keys[0]['id']}")
    hudson.cli.ok("key", "suspend", f"id:{keys[1]['id']}")
    hudson.leave(0)
    today = hudson.building.day(utc_now())
    left = next(each for each in hudson.building.tenancies.values() if hudson.key_id(each) == keys[2]["platform_id"])
    hudson.building.move_out(left.id, today - timedelta(days=1))
    hudson.building.move_in(left.unit, hudson.building.newcomer(), today)
    lines = {(line["side"], line["id"]): line for line in json.loads(hudson.ok("drift", "hudson", "--json"))}
    removed = lines["different", keys[0]["platform_id"]]
    assert (removed["what"], removed["cleared_by"]) == (
        "removed here by a person",
        f"latchkey key restore id:{keys[0]['id']}",
    )
    assert lines["different", keys[1]["platform_id"]]["cleared_by"] == f"latchkey key resume id:{keys[1]['id']}"
    assert lines["different", keys[2]["platform_id"]]["cleared_by"] == "latchkey sync run hudson"
    assert any(side == "there only" for side, _ in lines)
    hudson.cli.ok("key", "restore", f"id:{keys[0]['id']}")
    hudson.cli.ok("key", "resume", f"id:{keys[1]['id']}")
    hudson.ok("run")
    assert hudson.ok("drift") == ""


def test_drift_tells_of_another_passphrase_and_shows_none(cli, tmp_path):
    building = Building.make(4, at=utc_now(), occupied=1.0, passphrases=True)
    with Eleven([building], clock=utc_now, site_type=PASSPHRASE_GIVEN) as platform:
        hudson = Hudson(cli, tmp_path, platform, building).settle()
        key = json.loads(cli.ok("key", "list", "--json"))[0]
        cli.ok("key", "reset", f"id:{key['id']}", "--passphrase", "chosen by a person")
        told = hudson.ok("drift", "--json")
        assert [line["what"] for line in json.loads(told)] == ["another passphrase here than there"]
        assert "chosen by a person" not in told
        assert not any(each.passphrase in told for each in building.tenancies.values())
        hudson.ok("run")
        shown = json.loads(cli.ok("key", "show", f"id:{key['id']}", "--show-secrets", "--json"))
        assert shown["passphrase"] == "chosen by a person"  # nobody's changes by a synchronisation


def test_a_venue_that_people_made_can_be_the_platforms(hudson):
    hudson.cli.ok("venue", "add", "Hudson House")
    held = hudson.run("run")
    assert "there is a venue Hudson House already" in held.stdout
    assert hudson.ok("adopt", "hudson", "venue", "S1", "Hudson House") == "venue Hudson House is S1 of hudson\n"
    assert "is S1 of hudson already" in hudson.refused("adopt", "hudson", "venue", "S2", "Hudson House")
    hudson.ok("plan", "hudson")
    hudson.ok("accept", hudson.status()["held_plan"])
    assert len(hudson.keys()) == UNITS
    assert len(json.loads(hudson.cli.ok("venue", "list", "--json"))) == 1
    assert hudson.cli.ok("sync", "disown", "hudson", "venue", "S1") == "venue S1 is none of hudson any more\n"
    assert "has no venue 'S1'" in hudson.cli.refused("sync", "disown", "hudson", "venue", "S1")


def test_a_unit_is_the_platforms_or_peoples(hudson):
    hudson.settle()
    with hudson.store() as store:
        platform_id, record = next(iter(store.sync.records("hudson", Kind.UNIT).items()))
    hudson.ok("disown", "hudson", "unit", platform_id)
    assert [line["id"] for line in json.loads(hudson.ok("drift", "--json")) if line["kind"] == "unit"] == [platform_id]
    hudson.ok("adopt", "hudson", "unit", platform_id, f"id:{record}")
    assert hudson.ok("drift") == ""
    assert "is " + platform_id in hudson.refused("adopt", "hudson", "unit", "S1/Z", f"id:{record}")


def test_a_conflict_over_a_unit_says_the_command_that_solves_it(hudson):
    hudson.settle()
    with hudson.store() as store:
        platform_id = next(iter(store.sync.records("hudson", Kind.UNIT)))
    hudson.ok("disown", "hudson", "unit", platform_id)
    line = next(line for line in hudson.ok("run").splitlines() if "which people made" in line)
    command = shlex.split(re.search(r"latchkey (sync adopt [^;]*)", line)[1])
    hudson.cli.ok(*command)
    assert "which people made" not in hudson.ok("run")


def test_who_is_erased_is_in_no_plan_and_no_record_of_a_platform(hudson):
    hudson.settle()
    hudson.leave(UNITS // 2)
    assert hudson.run("run").exit_code == 1
    left = list(hudson.building.tenancies.values())[4]  # whose id is no other's beginning
    with hudson.store() as store:
        before = store.sync.records("hudson", Kind.KEY), store.sync.records("hudson", Kind.SUBSCRIBER)
        assert left.person.name in str(store.sync.plan(2))
    result = hudson.cli.run("subscriber", "erase", left.person.name, "--yes")
    assert result.exit_code == 0, result.stderr
    assert "the platform of connector hudson: erase them there first" in result.stderr
    with hudson.store() as store:
        keys, people = store.sync.records("hudson", Kind.KEY), store.sync.records("hudson", Kind.SUBSCRIBER)
        assert set(before[0]) - set(keys) == {hudson.key_id(left)}
        assert len(set(before[1]) - set(people)) == 1
        assert store.sync.connector("hudson").details == {}
    octets = b"".join(each.read_bytes() for each in hudson.folder.glob("latchkey.db*"))
    assert hudson.key_id(left).encode() not in octets
    assert "plan 2 is not kept any more: make a new one" in hudson.refused("plan", "hudson-2")
    assert "plan 2 is not kept any more" in hudson.refused("accept", "hudson-2")
    hudson.ok("plan", "hudson")
    hudson.ok("accept", "hudson-3")
    assert hudson.ok("run") == "hudson: no change\n"


def test_a_plan_that_cannot_be_opened_is_found_and_released(hudson):
    hudson.settle()
    hudson.leave(UNITS // 2)
    assert hudson.run("run").exit_code == 1
    with open_store(hudson.cli.path, {}) as store, store.sync.joining():
        (octets,) = store._db.row("SELECT contents FROM sync_plans WHERE id = 2")
        damaged = octets[:-1] + bytes([octets[-1] ^ 1])
        store._db.execute("UPDATE sync_plans SET contents = ? WHERE id = 2", (damaged,))
    found = hudson.cli.run("check").output
    assert "sync_plans" in found
    assert "latchkey sync release NAME" in found
    assert "cannot be decrypted" in hudson.refused("accept", "hudson-2")
    hudson.ok("release", "hudson")
    assert hudson.run("run").exit_code == 1
    hudson.ok("accept", hudson.status()["held_plan"])


def test_a_platform_that_is_left_leaves_its_keys_as_they_are(hudson):
    hudson.settle()
    assert hudson.run("disown", "hudson").exit_code == 2
    assert hudson.run("disown", "hudson", "unit").exit_code == 2
    assert hudson.ok("disown", "hudson", "--all").startswith("hudson is forgotten: ")
    assert list(hudson.keys().values()) == ["valid"] * UNITS
    assert hudson.status()["state"] == "never run"


class Late(Eleven):
    """Whose clock is behind."""

    def answer(self, request):
        reply = super().answer(request)
        date = formatdate((utc_now() - timedelta(minutes=7)).timestamp(), usegmt=True)
        return replace(reply, headers={**reply.headers, "Date": date})


def test_check_tells_of_a_clock_that_is_wrong(cli, tmp_path):
    building = Building.make(4, at=utc_now(), occupied=1.0)
    with Late([building], clock=utc_now) as platform:
        assert "its clock is 7 min behind this machine's" in Hudson(cli, tmp_path, platform, building).ok("check")


def test_check_tells_of_a_certificate_that_nobody_vouches_for(cli, tmp_path):
    building = Building.make(4, at=utc_now(), occupied=1.0)
    certificate = make_certificate(tmp_path, "platform")
    with Eleven([building], clock=utc_now, tls=certificate.server) as platform:
        hudson = Hudson(cli, tmp_path, platform, building)
        result = hudson.run("check")
        assert result.exit_code == 1
        assert "the certificate of 127.0.0.1 is signed by " in result.stderr
        hudson.configure(ca_file="platform.pem")
        assert hudson.ok("check").startswith("hudson (eleven): answers")


def test_while_another_process_synchronises_this_one_does_not(hudson):
    hudson.settle()
    with open_store(hudson.cli.path, {}) as store:
        store.sync.lead("hudson", "eleven", "another:17", utc_now(), timedelta(minutes=5))
    for command in (("run",), ("plan", "hudson"), ("accept", "hudson-1")):
        told = hudson.run(*command)
        assert told.exit_code == 1
        assert "hudson: not synchronised, as another process is at it: another" in told.stderr
    assert hudson.status()["leader"] == "another:17"


def test_a_window_that_is_set_by_hand_lasts_until_the_next_synchronisation_and_that_is_said(hudson):
    hudson.settle()
    with hudson.store() as store:
        record = next(iter(store.sync.records("hudson", Kind.KEY).values()))
    told = (
        f"latchkey: key {record} is kept as hudson has it: the next synchronisation sets its window again;"
        " suspend or remove it instead\n"
    )
    assert told in hudson.cli.run("key", "set", f"id:{record}", "--ends", "2089-01-01").stderr
    assert told in hudson.cli.run("key", "extend", f"id:{record}", "--ends", "2090-01-01").stderr
    assert told not in hudson.cli.run("key", "set", f"id:{record}", "--tag", "TV").stderr
    alone = hudson.cli.ok("key", "add", "--identity", "ours").split()[0]
    assert hudson.cli.run("key", "set", f"id:{alone}", "--ends", "2090-02-01").stderr == ""
