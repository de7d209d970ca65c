"""Whatever is typed for a name or a value: one line and status 1, or usage; never a traceback, and nothing kept."""

import click
import pytest

import latchkey

GROUPS = ("operator", "venue", "unit", "pool", "plan", "nas")
BAD = ("\udcff", "a\x00b", "", " ", "x" * 300, "'; DROP TABLE keys; --", "%_\\", "-", "9" * 40, "id:" + "9" * 30)
SOUND = {
    "venue": {"which": "Hudson House", "name": "Hudson House"},
    "unit": {"venue": "Hudson House", "name": "4Z", "which": "4A", "into": "4B"},
    "pool": {"ssid": "Residents", "venue": "Elm"},
    "plan": {"which": "Basic", "to": "Gold", "name": "Basic"},
    "nas": {"address": "192.0.2.1"},
}


@pytest.fixture
def house(cli):
    for name in ("Hudson House", "Elm"):
        cli.ok("venue", "add", name)
    for name in ("4A", "4B"):
        cli.ok("unit", "add", "Hudson House", name)
    cli.ok("pool", "add", "Residents", "--venue", "Hudson House")
    for name in ("Basic", "Gold"):
        cli.ok("plan", "add", name)
    cli.ok("nas", "add", "192.0.2.1", "--venue", "Elm", "--secret", "a long enough secret")
    return cli


def commands():
    context = click.Context(latchkey.cli)
    for group in GROUPS:
        found = latchkey.cli.get_command(context, group)
        yield from ((group, name) for name in found.list_commands(context))


def lines(group, name):
    """Yield what is typed: each argument and each option with a value, one bad at a time."""
    context = click.Context(latchkey.cli)
    command = latchkey.cli.get_command(context, group).get_command(context, name)
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    sound = [SOUND.get(group, {}).get(each.name, "Elm") for each in arguments]
    for bad in BAD:
        for place in range(len(arguments)):
            yield [*(bad if number == place else text for number, text in enumerate(sound))]
        for option in command.params:
            valued = isinstance(option, click.Option) and not option.is_flag and option.nargs == 1
            if valued and option.name not in ("db", "secret_file"):
                yield [f"{option.opts[0]}={bad}", "--", *sound]


@pytest.mark.parametrize(("group", "name"), list(commands()))
def test_no_text_is_more_than_a_line(house, group, name):
    for line in lines(group, name):
        dry = ["--dry-run"] if name not in ("list", "show") else []
        result = house.run(group, name, *dry, *line)  # which fails with a traceback
        assert result.exit_code in (0, 1, 2), line
        if result.exit_code == 1:
            *_, last = result.stderr.splitlines()
            assert last.startswith("latchkey: "), line
    entries = house.ok("audit", "--all").count("\n")
    assert entries == 8
    assert house.ok("audit", "verify").startswith("8 entries")
