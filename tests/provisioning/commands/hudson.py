"""A building whose platform answers over HTTP, a configuration that names it, and the command line."""

import json
from datetime import UTC, datetime, timedelta

from provisioning.store import open_store
from tests.platforms.eleven import TOKEN


def utc_now():
    return datetime.now(UTC)


class Hudson:
    """A building, its platform, a configuration that names it, and the command line."""

    def __init__(self, cli, folder, platform, building):
        self.cli = cli
        self.folder = folder
        self.platform = platform
        self.building = building
        self.config = folder / "latchkey.toml"
        (folder / "hudson.token").write_text(TOKEN + "\n")
        (folder / "hudson.token").chmod(0o600)
        self.configure()

    def configure(self, more="", **values):
        told = {
            "platform": "eleven",
            "url": self.platform.url,
            "token_file": "hudson.token",
            "timezone": self.building.time_zone,
            **values,
        }
        lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in told.items())
        self.config.write_text(f"[sync.hudson]\n{lines}\n{more}\n")

    def run(self, command, *arguments):
        return self.cli.run("sync", command, *arguments, *self._config(command))

    def _config(self, command):
        return () if command in ("release", "disown") else ("--config", str(self.config))

    def ok(self, command, *arguments):
        result = self.run(command, *arguments)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def refused(self, command, *arguments):
        return self.cli.refused("sync", command, *arguments, *self._config(command))

    def store(self):
        return open_store(self.cli.path, {}, readonly=True)

    def status(self):
        return json.loads(self.ok("status", "hudson", "--json"))

    def keys(self):
        """Return the states of the keys by the resident's id."""
        return {key["platform_id"]: key["state"] for key in json.loads(self.cli.ok("key", "list", "--json"))}

    def settle(self):
        """Accept the first synchronisation."""
        assert self.run("run").exit_code == 1
        self.ok("accept", self.status()["held_plan"])
        return self

    def key_id(self, tenancy):
        return f"{self.building.venue_id}/{tenancy.id}"

    def leave(self, count):
        """Let so many people have moved out yesterday."""
        today = self.building.day(utc_now())
        for tenancy in list(self.building.tenancies.values())[:count]:
            self.building.move_out(tenancy.id, today - timedelta(days=1))
