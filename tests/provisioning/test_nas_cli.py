"""`latchkey nas`: whose keys a NAS may ask for and how, and its shared secret."""

import json

import pytest


def listed(cli):
    return json.loads(cli.ok("nas", "list", "--show-secrets", "--json"))


class TestVenue:
    def test_the_only_one_needs_no_name(self, cli):
        cli.ok("venue", "add", "Hudson House")
        assert cli.ok("nas", "add", "192.0.2.0/24", "--secret", "a long enough secret") == "1\n"
        assert [(each["venue"], each["any_venue"]) for each in listed(cli)] == [("Hudson House", False)]

    def test_of_several_one_is_named_or_all_are_meant(self, cli):
        for name in ("Hudson House", "Other House"):
            cli.ok("venue", "add", name)
        said = cli.refused("nas", "add", "192.0.2.0/24", "--secret", "a long enough secret")
        assert said == "there are 2 venues: say --venue VENUE, or --any-venue where it may ask for keys of all"
        assert listed(cli) == []
        cli.ok("nas", "add", "192.0.2.0/24", "--secret", "a long enough secret", "--venue", "Other House")
        cli.ok("nas", "add", "198.51.100.0/24", "--secret", "a long enough secret", "--any-venue")
        assert [(each["venue"], each["any_venue"]) for each in listed(cli)] == [("Other House", False), (None, True)]
        table = cli.ok("nas", "list")
        assert "ANY VENUE" in table
        assert "ANSWERS" in table

    def test_before_the_first_one_it_works_and_is_said(self, cli):
        """Scripts add the NAS first."""
        result = cli.run("nas", "add", "192.0.2.0/24", "--secret", "a long enough secret")
        assert (result.exit_code, result.stdout) == (0, "1\n")
        assert result.stderr == (
            "latchkey: warning: there is no venue yet: this NAS will belong to the first one that is added"
            " (--any-venue: to all)\n"
        )
        cli.ok("venue", "add", "Hudson House")
        cli.ok("venue", "add", "Other House")
        assert [each["venue"] for each in listed(cli)] == ["Hudson House"]

    def test_one_and_all_exclude_each_other(self, cli):
        cli.ok("venue", "add", "Hudson House")
        result = cli.run("nas", "add", "192.0.2.1", "--venue", "Hudson House", "--any-venue")
        assert result.exit_code == 2
        assert "--venue and --any-venue exclude each other" in result.stderr


def test_what_it_may_ask(cli):
    for number, answers in enumerate(([], ["--answers", "handshakes"], ["--answers", "lookups"])):
        cli.ok("nas", "add", f"192.0.2.{number}", "--secret", "a long enough secret", *answers)
    assert [each["answers"] for each in listed(cli)] == ["both", "handshakes", "lookups"]
    assert cli.run("nas", "add", "192.0.2.9", "--answers", "neither").exit_code == 2
    said = cli.refused("nas", "add", "192.0.2.9", "--answers", "handshakes", "--unknown-devices", "offer")
    assert said == "keys are offered to lookups, and this NAS may ask with handshakes only"
    help_text = " ".join(cli.ok("nas", "add", "--help").split())
    assert "gets no key in clear unless --profile names the dialect that has it so" in help_text


class TestSecret:
    @pytest.mark.parametrize("octets", [1, 7])
    def test_short_ones_are_refused_unless_forced(self, cli, octets):
        cli.ok("venue", "add", "Hudson House")
        said = cli.refused("nas", "add", "192.0.2.1", "--secret", "x" * octets)
        assert said == (
            f"a shared secret of {octets} octets is guessed from one recorded request: give 16 or more, or none,"
            " and one is made (--force takes it all the same)"
        )
        result = cli.run("nas", "add", "192.0.2.1", "--secret", "x" * octets, "--force")
        assert (result.exit_code, result.stdout) == (0, "1\n")
        assert f"warning: a shared secret of {octets} octets can be guessed" in result.stderr

    @pytest.mark.parametrize(("octets", "warned"), [(8, True), (15, True), (16, False)])
    def test_the_next_ones_are_warned_of(self, cli, octets, warned):
        cli.ok("venue", "add", "Hudson House")
        result = cli.run("nas", "add", "192.0.2.1", "--secret", "x" * octets)
        assert (result.exit_code, result.stdout) == (0, "1\n")
        assert ("warning" in result.stderr) is warned

    def test_octets_count_and_not_characters(self, cli):
        cli.ok("venue", "add", "Hudson House")
        cli.ok("nas", "add", "192.0.2.1", "--secret", "éééé")

    def test_with_none_one_is_made_and_printed_once(self, cli):
        cli.ok("venue", "add", "Hudson House")
        id_, secret = cli.ok("nas", "add", "192.0.2.1").splitlines()
        assert (id_, len(secret)) == ("1", 24)
        made = json.loads(cli.ok("nas", "add", "192.0.2.2", "--json"))
        assert made["secret"] != secret
        assert [each["secret"] for each in listed(cli)] == [secret, made["secret"]]
        assert secret not in cli.ok("nas", "list") + cli.ok("nas", "list", "--json")

    def test_one_that_was_given_is_not_printed(self, cli):
        cli.ok("venue", "add", "Hudson House")
        assert "enough" not in cli.ok("nas", "add", "192.0.2.1", "--secret", "a long enough secret", "--json")
