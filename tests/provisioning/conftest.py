"""Small real stores: a master key, a database in a temporary folder, a venue with a keypool."""

import pytest
from click.testing import CliRunner

import latchkey
from crypto import Ssid
from provisioning import MasterKey, Store


@pytest.fixture(scope="session")
def master_key():
    return MasterKey(bytes(range(32)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latchkey.db"


@pytest.fixture
def store(path, master_key):
    with Store.create(path, master_key) as opened:
        yield opened


@pytest.fixture
def venue(store):
    return store.venues.add("Hudson House", nas_identifiers=["hudson-house-ap1"])


@pytest.fixture
def pool(store, venue):
    return store.keypools.add(Ssid(b"Hudson House"), venue_ids=[venue.id])


class CommandLine:
    """The `latchkey` command on one database, without a process of its own."""

    def __init__(self, path):
        self.path = path
        self._runner = CliRunner()

    def run(self, *arguments, stdin=None):
        """Return the outcome, whatever it is."""
        result = self._runner.invoke(
            latchkey.cli, ["--db", str(self.path), *arguments], input=stdin, prog_name="latchkey"
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def ok(self, *arguments, stdin=None):
        """Return what a command that must succeed prints."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def refused(self, *arguments, stdin=None):
        """Return the one line that a command which must be refused writes on stderr."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 1
        assert result.stderr.startswith("latchkey: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("latchkey: ").strip()


@pytest.fixture
def cli(path, monkeypatch):
    """A fresh database, through `init`."""
    for variable in ("LATCHKEY_DB", "LATCHKEY_MASTER_KEY", "LATCHKEY_MASTER_KEY_FILE"):
        monkeypatch.delenv(variable, raising=False)
    line = CommandLine(path)
    line.ok("init")
    return line
