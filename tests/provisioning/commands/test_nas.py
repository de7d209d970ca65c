"""`latchkey nas set` and `show`: another secret without a gap, another venue, another dialect."""

import json
from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def nas(cli):
    for name in ("Hudson House", "Elm"):
        cli.ok("venue", "add", name)
    cli.ok("nas", "add", "192.0.2.0/24", "--name", "aps", "--venue", "Elm", "--secret", "the former secret")
    return cli


def show(cli, which="aps"):
    return json.loads(cli.ok("nas", "show", which, "--show-secrets", "--json"))


def audited(cli):
    return len(cli.ok("audit", "--all").splitlines())


def test_only_what_is_said_changes(nas):
    before = show(nas)
    nas.ok("nas", "set", "aps", "--answers", "handshakes", "--profile", "hostapd", "--no-require-message-authenticator")
    changed = {"answers": "handshakes", "profile": "hostapd", "require_message_authenticator": False}
    assert show(nas) == before | changed
    nas.ok("nas", "set", "192.0.2.0/24", "--name", "house-aps", "--venue", "Hudson House")
    assert show(nas, "house-aps") == before | changed | {"name": "house-aps", "venue": "Hudson House"}
    nas.ok("nas", "set", "house-aps", "--any-venue", "--address", "198.51.100.7")
    after = show(nas, "198.51.100.7")
    assert (after["venue"], after["any_venue"], after["network"]) == (None, True, "198.51.100.7/32")
    nas.ok("nas", "set", "house-aps", "--venue", "Elm")
    assert (show(nas, "house-aps")["venue"], show(nas, "house-aps")["any_venue"]) == ("Elm", False)


def test_a_new_secret_leaves_the_former_one_in_force_for_a_while(nas):
    began = datetime.now(UTC).replace(microsecond=0)
    result = nas.run("nas", "set", "aps", "--secret-file", "-", "--grace", "2h", stdin=b"the new secret 12\n")
    assert result.exit_code == 0
    assert "the former secret is taken until " in result.stderr
    shown = show(nas)
    assert (shown["secret"], shown["former_secret"]) == ("the new secret 12", "the former secret")
    until = datetime.fromisoformat(shown["former_secret_until"])
    assert began + timedelta(hours=2) <= until <= datetime.now(UTC) + timedelta(hours=2)
    nas.ok("undo")
    assert show(nas)["secret"] == "the former secret"
    assert "former_secret" not in show(nas)


def test_without_grace_the_former_one_is_taken_no_more(nas):
    nas.ok("nas", "set", "aps", "--secret", "the new secret 12", "--grace", "5m")
    nas.ok("nas", "set", "aps", "--secret", "the third secret 1")
    shown = show(nas)
    assert shown["secret"] == "the third secret 1"
    assert shown["former_secret_until"] is None
    assert "former_secret" not in shown


def test_one_is_made_and_printed_once(nas):
    secret = nas.ok("nas", "set", "aps", "--new-secret", "--grace", "24h").strip()
    assert len(secret) == 24
    assert show(nas)["secret"] == secret
    for command in (["nas", "list"], ["nas", "show", "aps"], ["audit", "--changes"], ["audit", "--json"]):
        said = nas.ok(*command)
        assert secret not in said
        assert "the former secret" not in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--secret", "the new secret 12", "--grace", "4m"], "a grace of 4m is outside 5m to 24h"),
        (["--secret", "the new secret 12", "--grace", "25h"], "a grace of 25h is outside 5m to 24h"),
        (["--secret", "the new secret 12", "--grace", "soon"], "is not a span of time"),
        (["--grace", "2h"], "grace is for a former secret, and no new one was given"),
        (["--secret", "the former secret", "--grace", "2h"], "grace is for a former secret"),
        (["--secret", "short"], "a shared secret of 5 octets is guessed from one recorded request"),
        (["--secret", ""], "the shared secret is empty"),
        (["--address", "192.0.2.9/24"], "has bits set beyond its prefix"),
        (["--address", "198.51.100.0/24"], "there is a NAS 198.51.100.0/24 already"),
        (["--venue", "Elmm"], "no venue 'Elmm': did you mean 'Elm'?"),
        (["--name", "\n"], "NAS name is empty"),
        (["--unknown-devices", "offer", "--profile", "ruckus-dpsk"], "do not try several keys"),
        (["--unknown-devices", "offer", "--profile", "hostapd", "--answers", "handshakes"], "handshakes only"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(nas, options, said):
    nas.ok("nas", "add", "198.51.100.0/24", "--venue", "Elm", "--secret", "a long enough secret")
    before, entries = show(nas), audited(nas)
    assert said in nas.refused("nas", "set", "aps", *options)
    assert (show(nas), audited(nas)) == (before, entries)


def test_nobody_is_kept_waiting_while_a_secret_is_typed(nas, monkeypatch):
    """What can be wrong is found before, and no lock is held."""
    typed = []

    def read(*_arguments, **_options):
        nas.ok("venue", "set", "Elm", "--external-id", f"E-{len(typed)}")  # another administrator
        typed.append(True)
        return b"a typed secret 12"

    monkeypatch.setattr("provisioning.commands.places.nas.read_secret", read)
    assert "no venue 'Elmm'" in nas.refused("nas", "set", "aps", "--secret-file", "-", "--venue", "Elmm")
    assert "already" in nas.refused("nas", "add", "192.0.2.0/24", "--secret-file", "-", "--venue", "Elm")
    assert not typed
    nas.ok("nas", "set", "aps", "--secret-file", "-")
    nas.ok("nas", "add", "192.0.2.9", "--secret-file", "-", "--venue", "Elm")
    assert [show(nas, which)["secret"] for which in ("aps", "192.0.2.9")] == ["a typed secret 12"] * 2


def test_nothing_said_is_usage(nas):
    assert nas.run("nas", "set", "aps").exit_code == 2
    assert nas.run("nas", "set", "aps", "--venue", "Elm", "--any-venue").exit_code == 2
    assert nas.run("nas", "set", "aps", "--new-secret", "--secret", "x").exit_code == 2


def test_lists_are_filtered(nas):
    nas.ok("nas", "add", "198.51.100.0/24", "--any-venue", "--profile", "hostapd", "--secret", "a long enough secret")

    def names(*options):
        return [each["name"] for each in json.loads(nas.ok("nas", "list", "--json", *options))]

    assert names("--venue", "Elm") == ["aps"]
    assert names("--profile", "hostapd") == ["198.51.100.0/24"]
    assert names("--answers", "both", "--limit", "1", "--offset", "1") == ["198.51.100.0/24"]
    assert names("--search", "APS") == ["aps"]


def test_one_is_switched_off_and_on_again(nas):
    assert show(nas)["enabled"] is True
    nas.ok("nas", "set", "aps", "--disabled")
    assert show(nas)["enabled"] is False
    assert next(iter(json.loads(nas.ok("nas", "list", "--json"))))["enabled"] is False
    assert "no" in nas.ok("nas", "list").splitlines()[1].split()
    nas.ok("undo")
    assert show(nas)["enabled"] is True
    nas.ok("nas", "set", "aps", "--disabled")
    nas.ok("nas", "set", "aps", "--enabled")
    assert show(nas)["enabled"] is True
