"""What is printed of a plan and a run, for a person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from provisioning.commands.sync.wording import MOST_LINES, headline, render_plan, render_step, what_next
from provisioning.runner.run import Outcome, RunReport
from provisioning.store import open_store
from provisioning.store.sync import OFFERED
from provisioning.sync import WHOLE, Action, Fault, Field, Kind, Plan, Step

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def step(action, id_="R1", *, kind=Kind.KEY, venue="S1", label="Ann Lee, unit 101", **more):
    return Step(action=action, kind=kind, id=id_, venue=venue, label=label, **more)


def plan(*steps, holds=(), **more):
    values = {"faults": (), "waiting": (), **more}
    return Plan(
        id="hudson-3",
        connector="hudson",
        platform="eleven",
        made_at=NOW,
        basis="",
        steps=steps,
        holds=holds,
        **values,
    )


def test_a_change_is_told_from_what_to_what():
    change = step(
        Action.CHANGE, fields=(Field("ends", None, "2026-12-31"), Field("VLAN", "10", None)), reason="changed"
    )
    assert render_step(change) == "key R1  Ann Lee, unit 101: ends none -> 2026-12-31, VLAN 10 -> none  (changed)"


def test_an_addition_is_told_with_what_it_is_to_be():
    added = step(Action.ADD, fields=(Field("starts", None, "2026-11-01"),), reason="new at the platform")
    assert render_step(added) == "key R1  Ann Lee, unit 101: starts 2026-11-01  (new at the platform)"


def test_a_plan_has_its_holds_on_top_then_venues_then_what_waits_and_faults():
    made = plan(
        step(Action.END, "R9", venue="S2", reason="moved out"),
        step(Action.ADD, "R1"),
        step(Action.ADD, "P1", kind=Kind.PLAN, venue=WHOLE, label="Fast"),
        holds=("too many",),
        waiting=(step(Action.END, "R7", reason="moved out"),),
        faults=(Fault("eleven", "S1", Kind.KEY, "R8", "ends", "no date"),),
        is_complete=False,
    )
    assert list(render_plan(made, {"S1": "Hudson House"})) == [
        "plan hudson-3 (eleven), made 2026-11-21 12:00 UTC",
        "the platform was read in part: nobody is taken off where something is missing",
        "a person has to accept it:",
        "  too many",
        "",
        "everywhere",
        "  to add (1)",
        "    service plan P1  Fast",
        "",
        "Hudson House (S1)",
        "  to add (1)",
        "    key R1  Ann Lee, unit 101",
        "",
        "S2",
        "  to end (1)",
        "    key R9  Ann Lee, unit 101  (moved out)",
        "",
        "waits until the platform can be read completely (1)",
        "  key R7  Ann Lee, unit 101  (moved out)",
        "",
        "to know (1)",
        "  eleven, S1, key R8, ends: no date",
    ]


def test_who_loses_something_is_always_named_and_units_do_not_hide_keys():
    count = MOST_LINES + 5
    steps = [step(Action.ADD, f"U{n}", kind=Kind.UNIT, label=f"U{n}") for n in range(count)]
    steps += [step(Action.ADD, f"R{n}") for n in range(count)]
    steps += [step(Action.END, f"E{n}") for n in range(count)]
    lines = list(render_plan(plan(*steps), {}))
    assert sum(line.startswith("    key E") for line in lines) == count
    assert sum(line.startswith("    key R") for line in lines) == MOST_LINES
    assert "    and 5 more units (--all shows them)" in lines
    assert "    and 5 more keys (--all shows them)" in lines
    everything = list(render_plan(plan(*steps), {}, everything=True))
    assert sum(line.startswith("    ") for line in everything) == 3 * count


def test_a_plan_of_nothing_says_so():
    assert list(render_plan(plan(), {}))[-1] == "nothing would change"


def test_a_dry_run_that_would_be_held_says_how_to_go_on():
    report = RunReport(connector="hudson", outcome=Outcome.HELD, plan=plan(holds=("too many",)), text="too many")
    assert headline(report, dry_run=True) == "hudson: held: too many"
    assert list(what_next(report)) == ["`latchkey sync plan hudson` makes the plan to read and accept"]


def test_nothing_moves_the_terminals_cursor(cli, path, tmp_path):
    made = plan(step(Action.ADD, "R\x1b[2J", label="A\x1b]0;x\x07"), holds=("at S\x1b[1A",), is_complete=True)
    with open_store(path, {}) as store:
        store.sync.lead("hudson", "eleven", "here", NOW, timedelta(minutes=5))
        store.sync.finish(
            "hudson", now=NOW, complete=True, error="a\x1b[2Jn error", details={"faults": ["a\x1b[2Jfault"]}
        )
        number = store.sync.next_plan()
        store.sync.save_plan(number, replace(made, id=f"hudson-{number}"), OFFERED, {"holds": []})
    config = ("--config", str(tmp_path / "none.toml"))
    for arguments in (("plan", f"hudson-{number}"), ("status", "hudson")):
        told = cli.ok("sync", *arguments, *config)
        assert "hudson" in told
        assert all(line.isprintable() for line in told.splitlines())
