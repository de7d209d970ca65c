"""latchkey.toml, its example, and what a reload changes."""

import logging
import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest

from crypto import Ssid
from radiusd import Config, ConfigError, Settings
from radiusd.config import SearchLimits, default_path, differences, load_config, merge_live, parse_config
from radiusd.server.process import Reloader

EXAMPLE = Path(__file__).parents[2] / "latchkey.example.toml"
SSID = Ssid(b"Hudson House")


def keys_of(section):
    return {
        each.name: keys_of(getattr(section, each.name)) if is_dataclass(getattr(section, each.name)) else None
        for each in fields(section)
    }


def keys_in(table):
    return {key: keys_in(value) if isinstance(value, dict) else None for key, value in table.items()}


def test_example_names_every_key_with_its_default():
    text = EXAMPLE.read_text("utf-8")
    assert parse_config(text, "example") == Config()
    assert keys_in(tomllib.loads(text)) == keys_of(Config())


def test_what_the_file_leaves_out_is_as_it_was():
    config = parse_config("workers = 2\n[searches]\nwaiting = 7\n[cooldown]\nlasts_s = 30\nwithin_s = 1.5\n", "x")
    assert config.workers == 2
    assert config.searches == replace(SearchLimits(), waiting=7)
    assert (config.cooldown.lasts_s, config.cooldown.within_s) == (30.0, 1.5)
    assert isinstance(config.cooldown.lasts_s, float)
    assert parse_config("", "x") == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "worker = 2",
            "x.toml: worker is not known; allowed here: listen, acct, workers, metrics, receive_buffer, searches",
        ),
        (
            "[searches]\nwating = 2",
            "x.toml: searches.wating is not known; allowed here: threads, waiting, waiting_each",
        ),
        ("[searching]", "x.toml: searching is not known"),
        ("workers = 0", "x.toml: workers must be a whole number from 1 to 256, not 0"),
        ("workers = 257", "x.toml: workers must be a whole number from 1 to 256, not 257"),
        ('workers = "2"', "x.toml: workers must be a whole number from 1 to 256, not '2'"),
        ("workers = 2.0", "x.toml: workers must be a whole number from 1 to 256, not 2.0"),
        ("workers = true", "x.toml: workers must be a whole number from 1 to 256, not True"),
        ("searches = 3", "x.toml: searches must be a table, [searches]"),
        ("[cooldown]\nlasts_s = nan", "x.toml: cooldown.lasts_s must be a number from 0.0 to 86400.0, not nan"),
        ("[cooldown]\nlasts_s = inf", "x.toml: cooldown.lasts_s must be a number from 0.0 to 86400.0, not inf"),
        ("[duplicates]\nlifetime_s = 4", "x.toml: duplicates.lifetime_s must be a number from 5.0 to 30.0, not 4"),
        ('listen = "127.0.0.1:1812"', 'x.toml: listen must be a list of "ADDRESS:PORT", not'),
        ("listen = []", 'x.toml: listen must be a list of "ADDRESS:PORT", not []'),
        ("listen = [1812]", 'x.toml: listen must be a list of "ADDRESS:PORT", not [1812]'),
        ("acct = [1813]", 'x.toml: acct must be a list of "ADDRESS:PORT", not [1813]'),
        ('acct = ["nowhere"]', "x.toml: acct: 'nowhere' is not ADDRESS:PORT"),
        ('listen = ["nowhere"]', "x.toml: listen: 'nowhere' is not ADDRESS:PORT"),
        ('[log]\nformat = "xml"', "x.toml: log.format must be one of text, json, not 'xml'"),
        ("[log]\nformat = 1", "x.toml: log.format must be one of text, json, not 1"),
        ('metrics = "9812"', "x.toml: metrics: '9812' is not ADDRESS:PORT"),
        ("metrics = 9812", 'x.toml: metrics must be "ADDRESS:PORT", not 9812'),
        ("workers = ", "x.toml: Invalid value (at end of document)"),
    ],
)
def test_mistake_is_one_line_that_names_file_key_and_what_is_allowed(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "x.toml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none\.toml: No such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"cannot read .*: Is a directory"):
        load_config(tmp_path)
    (tmp_path / "latin1.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin1\.toml: octet 5 is not UTF-8"):
        load_config(tmp_path / "latin1.toml")


class TestSettings:
    def test_file_of_the_folder_counts_if_it_is_there(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert default_path() is None
        assert Settings(default_path()).load() == Config()
        Path("latchkey.toml").write_text("workers = 3")
        assert Settings(default_path()).load().workers == 3

    def test_command_line_wins(self, tmp_path):
        path = tmp_path / "a.toml"
        path.write_text('workers = 3\nlisten = ["192.0.2.1:1812"]\n[searches]\nwaiting = 9')
        config = Settings(path, {"listen": ["[::1]:0"], "workers": 2}).load()
        assert (config.workers, config.listen, config.searches.waiting) == (2, ("[::1]:0",), 9)

        assert (config.log.format, config.metrics) == ("text", "")
        assert Settings(path, {"metrics": "[::1]:9812"}).load().metrics == "[::1]:9812"
        config = Settings(path, {"log": {"format": "json"}}).load()
        assert (config.log.format, config.searches.waiting) == ("json", 9)

    @pytest.mark.parametrize("overrides", [{"listen": ["nowhere"]}, {"metrics": "9812"}, {"workers": 999}])
    def test_command_line_is_checked_as_the_file_is(self, overrides):
        with pytest.raises(ConfigError, match=f"the command line: {next(iter(overrides))}"):
            Settings(None, overrides).load()

    def test_file_that_was_named_must_be_there(self, tmp_path):
        with pytest.raises(ConfigError):
            Settings(tmp_path / "none.toml").load()

    def test_accounting_is_off_unless_said(self, tmp_path):
        path = tmp_path / "a.toml"
        path.write_text("acct = []")
        assert Settings(path).load().acct == ()
        path.write_text('acct = ["192.0.2.1:1813", "[::1]:1813"]')
        assert Settings(path).load().acct == ("192.0.2.1:1813", "[::1]:1813")
        assert Settings(path, {"acct": ["[::1]:0"]}).load().acct == ("[::1]:0",)


class TestReload:
    OLD = "workers = 2\n[searches]\nthreads = 3\nwaiting = 5\n[cooldown]\nfailures = 3\n"
    NEW = "workers = 4\n[searches]\nthreads = 4\nwaiting = 6\n[cooldown]\nfailures = 3\n"

    def test_differences_are_told_apart_and_only_live_ones_are_taken_over(self):
        old, new = parse_config(self.OLD, "x"), parse_config(self.NEW, "x")
        assert differences(old, new) == (("searches.waiting",), ("workers", "searches.threads"))
        merged = merge_live(old, new)
        assert merged == replace(old, searches=replace(old.searches, waiting=6))

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "latchkey.toml"
        path.write_text(self.OLD)
        return path

    def test_reload_says_what_it_did(self, path, lines):
        reloader = Reloader(Settings(path))
        path.write_text(self.NEW)
        assert reloader.reload()
        assert lines() == [
            "reload: workers, searches.threads will change at the next start",
            "reload: changed searches.waiting",
        ]
        assert (reloader.config.searches.waiting, reloader.config.workers) == (6, 2)

    def test_broken_file_changes_nothing(self, path, lines):
        reloader = Reloader(Settings(path))
        before = reloader.config
        for text in ("workers = ", "worker = 1"):
            path.write_text(text)
            assert not reloader.reload()
        path.unlink()
        assert not reloader.reload()
        assert reloader.config == before
        assert all(line.startswith("reload refused, the configuration stays as it was: ") for line in lines())
        assert len(lines()) == 3

    def test_one_of_several_says_nothing(self, path, caplog):
        caplog.set_level(logging.INFO, logger="radiusd")
        reloader = Reloader(Settings(path))
        path.write_text(self.NEW)
        assert reloader.reload(quiet=True)
        path.write_text("?")
        assert not reloader.reload(quiet=True)
        assert not caplog.records
        assert reloader.config.searches.waiting == 6


def test_engine_takes_limits_over(house, handshake, lines):
    house.add_key(SSID, b"right-passphrase")
    house.start()
    limits = "[cooldown]\nfailures = 2\n[keys]\ncached = 16\n[status]\nburst = 1\n[duplicates]\nlifetime_s = 5"
    house.engine.configure(parse_config(limits, "x"))
    for _ in range(3):
        assert house.ask(handshake(b"wrong-passphrase")) is None
    assert 'reason="cooling down after 2 failures"' in lines()[-1]
    question = house.question(handshake(b"wrong-passphrase"))
    first = house.send(question.datagram)
    assert house.send(question.datagram) == first
    count = len(lines())
    house.clock.seconds += 6
    house.send(question.datagram)
    assert len(lines()) == count + 1  # its answer was kept no longer than that
