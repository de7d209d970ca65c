"""`latchkey plan`: limits, hours, and going from one to another."""

import json

import pytest


@pytest.fixture
def plans(cli):
    cli.ok("venue", "add", "Hudson House")
    cli.ok("pool", "add", "Residents")
    cli.ok("plan", "add", "Basic", "--download", "50000")
    cli.ok("plan", "add", "Gold", "--download", "500000")
    return cli


def plan(cli, which):
    return json.loads(cli.ok("plan", "show", which, "--json"))


def audited(cli):
    return len(cli.ok("audit", "--all").splitlines())


def test_only_what_is_said_changes_and_empty_is_unlimited(plans):
    before = plan(plans, "Basic")
    plans.ok("plan", "set", "Basic", "--upload", "5000", "--hours", "Mon-Fri 08:00-22:00, Sat 10:00-14:00")
    after = plan(plans, "Basic")
    assert after == before | {"upload_kbps": 5000, "hours": "Mon-Fri 08:00-22:00, Sat 10:00-14:00"}
    plans.ok("plan", "set", "Basic", "--upload", "", "--hours", "")
    assert plan(plans, "Basic") == before
    plans.ok("plan", "set", "Basic", "--name", "Bronze", "--wireless-only", "--total-quota", "20G")
    assert (plan(plans, "Bronze")["wireless_only"], plan(plans, "Bronze")["total_quota_octets"]) == (True, 20 * 10**9)


def test_two_plans_do_not_fall_together_in_their_service_plan_id(plans):
    result = plans.run("plan", "add", "ba sic")
    assert result.exit_code == 1
    assert "plan 'ba sic' and 'Basic' would both be " in result.stderr


def test_a_device_limit_says_that_it_is_not_in_force(plans):
    for command in (["add", "Family"], ["set", "Basic"]):
        result = plans.run("plan", *command, "--devices", "4")
        assert result.exit_code == 0
        assert "not in force yet" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--devices", "0"], "devices must be 1 to 10000, got 0"),
        (["--devices", "10001"], "devices must be 1 to 10000, got 10001"),
        (["--download", "0"], "download must be 1 to 4294967295, got 0"),
        (["--upload", "4294967296"], "upload must be 1 to 4294967295"),
        (["--hours", "Mon 25:00-26:00"], "no time of day"),
        (["--hours", "Mon 22:00-22:00"], "end when they begin"),
        (["--hours", "Funday 10:00-11:00"], "is no day"),
        (["--hours", "Mon"], "end with days that have no time"),
        (["--total-quota", "20X"], "is not a number of octets"),
        (["--external-id", "\x00"], "external id has a character that is not printable"),
        (["--name", "Gold"], "there is a plan 'Gold' already"),
        (["--name", "\udcff"], "plan name has a character that is not printable"),
    ],
)
def test_a_number_out_of_range_is_refused_and_not_set_right(plans, options, said):
    """4.34: VAULT corrects in silence."""
    before, entries = plan(plans, "Basic"), audited(plans)
    line = plans.refused("plan", "set", "Basic", *options)
    assert line.startswith("plan 'Basic': ")
    assert said in line
    assert (plan(plans, "Basic"), audited(plans)) == (before, entries)


def test_all_who_have_one_get_another(plans):
    for who in ("Ann", "Bob"):
        plans.ok("key", "add", "--identity", who, "--plan", "Basic")
    plans.ok("key", "add", "--identity", "Eve")
    assert plans.ok("plan", "migrate", "Basic", "Gold") == "migrated 2\n"
    assert [key["plan"] for key in json.loads(plans.ok("key", "list", "--json"))] == ["Gold", "Gold", None]
    assert "name another one" in plans.refused("plan", "migrate", "Gold", "Gold")
    plans.ok("undo")
    assert [key["plan"] for key in json.loads(plans.ok("key", "list", "--json"))] == ["Basic", "Basic", None]


def test_one_that_keys_have_stays_unless_they_get_another(plans):
    plans.ok("key", "add", "--identity", "Ann", "--plan", "Basic")
    plans.ok("key", "add", "--identity", "Old", "--plan", "Basic")
    plans.ok("key", "remove", "Old")
    assert plans.refused("plan", "remove", "Basic") == "plan 'Basic' is that of 1 key: say --move-to PLAN"
    assert "name another one" in plans.refused("plan", "remove", "Basic", "--move-to", "Basic")
    plans.ok("plan", "remove", "Basic", "--move-to", "Gold")
    assert json.loads(plans.ok("key", "show", "Ann", "--json"))["plan"] == "Gold"
    assert plans.refused("plan", "show", "Basic").startswith("no plan 'Basic': it was removed ")
    plans.ok("plan", "add", "Empty")
    plans.ok("plan", "remove", "Empty")


def test_an_operator_has_500_at_most(path, master_key):
    """4.34."""
    from provisioning import Store
    from provisioning.lifecycle.plans import add_plan

    with Store.create(path, master_key) as store:
        with store.change("plan.many"):
            for number in range(500):
                add_plan(store, f"Plan {number}")
        with pytest.raises(Exception, match="there are 500 plans already, and an operator may have 500"):
            add_plan(store, "one more")


def test_it_is_found_by_every_id_it_has(plans):
    plans.ok("plan", "set", "Basic", "--external-id", "P-1")
    for text in ("P-1", "id:1", "LATCHKEY._V3SERVICEPLAN_.BASIC"):
        assert plan(plans, text)["name"] == "Basic"
