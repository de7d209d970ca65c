"""The `latchkey` command: joins the packages' command groups, and imports one only when it is called.

Rule: `latchkey --help` imports click and nothing else of weight. Each package's base error becomes one line on stderr
and exit status 1, here and nowhere else.
"""

import gc
import importlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

# What `latchkey --help` shows, by purpose. name: (module, attribute, what it does)
SECTIONS: Final[dict[str, dict[str, tuple[str, str, str]]]] = {
    "First steps": {
        "demo": ("pcaps.demo", "demo", "Everything at once on loopback, in a temporary folder."),
        "init": (
            "provisioning.commands.upkeep.setup",
            "init",
            "Make the database, and its master key where there is none.",
        ),
        "upgrade": (
            "provisioning.commands.upkeep.setup",
            "upgrade",
            "Bring the database of an older version up to date.",
        ),
        "rekey": ("provisioning.commands.upkeep.rekey", "rekey", "Give the database another master key."),
        "completion": (__name__, "completion", "Let the Tab key complete commands, venues, keys and NASes."),
    },
    "Properties and keys": {
        "operator": (
            "provisioning.commands.places.operator",
            "operator",
            "Who runs the network: its name and time zone.",
        ),
        "venue": (
            "provisioning.commands.places.venue",
            "venue",
            "Properties, and the access points that name themselves.",
        ),
        "unit": ("provisioning.commands.places.unit", "unit", "Flats, rooms and storage units of a venue."),
        "pool": ("provisioning.commands.places.pool", "pool", "Keypools: one SSID and the keys valid on it."),
        "plan": ("provisioning.commands.places.plan", "plan", "Service plans: bandwidth, quotas, wireless-only."),
        "subscriber": (
            "provisioning.commands.people.subscriber",
            "subscriber",
            "People: accounts, subscriptions, moving house, closing and erasing.",
        ),
        "key": (
            "provisioning.commands.keys.key",
            "key",
            "Keys: add, import, list, suspend, reset, move, remove, restore, export and more.",
        ),
        "device": ("provisioning.commands.keys.device", "device", "Devices: register, name and forget them."),
        "whitelist": (
            "provisioning.commands.people.whitelist",
            "whitelist",
            "The devices and access points that somebody may use, and no others.",
        ),
        "card": (
            "provisioning.commands.keys.card",
            "card",
            "Scratch cards: keys made beforehand, in batches, and printed.",
        ),
    },
    "Platforms": {
        "sync": (
            "provisioning.commands.sync.group",
            "sync",
            "Keep properties as VAULT, Eleven, storEDGE, LEAP, enCloud or Ruckus One have them.",
        ),
    },
    "What was done": {
        "audit": ("provisioning.commands.upkeep.audit", "audit", "Who changed what, and whether that was altered."),
        "undo": ("provisioning.commands.upkeep.audit", "undo", "Take back the last change."),
    },
    "The server": {
        "nas": ("provisioning.commands.places.nas", "nas", "Access points and controllers that may ask."),
        "serve": ("radiusd.cli", "serve", "Answer access points."),
        "backup": (
            "provisioning.commands.upkeep.backup",
            "backup",
            "Copy the database to one file, checked, while it is used.",
        ),
        "restore": (
            "provisioning.commands.upkeep.backup",
            "restore",
            "Put a backup in the database's place, while it is used.",
        ),
        "check": ("radiusd.check.cli", "check", "What would keep this site from working, and the remedy."),
        "why": ("radiusd.log.why_cli", "why", "Why somebody cannot connect: by name, unit, key or device."),
        "log": ("radiusd.log.cli", "log", "What the server has decided, and decides now."),
    },
    "Captures and tests": {
        "identify": ("pcaps.identify_cli", "identify", "Say whose handshakes are in a capture."),
        "convert": ("pcaps.identify_cli", "convert", "Write a capture's handshakes for hashcat."),
        "packet": (
            "pcaps.packet_cli",
            "packet",
            "Make a handshake: as a record, a capture or a vendor's Access-Request.",
        ),
        "send": ("pcaps.send_cli", "send", "Play a captured handshake to a RADIUS server, and check its answer."),
        "bench": ("benchmarks.cli", "bench", "Measure this machine."),
    },
}
COMMANDS: Final = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
# The base of what each package raises about the world outside; a package that was not imported raised nothing.
BASE_ERRORS: Final = (
    ("crypto.errors", "CryptoError"),
    ("provisioning.errors", "ProvisioningError"),
    ("radiusd.errors", "RadiusError"),
    ("pcaps.errors", "CaptureError"),
)


class Refused(click.ClickException):
    """One clear line on stderr, exit status 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"latchkey: {self.format_message()}", file=file or sys.stderr)


class Root(click.Group):
    """A group that knows its commands by name, and turns the packages' errors into one line."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        context = super().make_context(info_name, args, parent, **extra)
        context.meta["latchkey.profiles"] = _profiles
        context.meta["latchkey.erase_log"] = _erase_log
        return context

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 (the table is ours, and a test goes through it)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in COMMANDS:
            from provisioning import no_such_command  # heavy, but here nothing else is going to happen

            raise no_such_command(args[0], COMMANDS, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, _, text) in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, from the table: none is imported to be named."""
        named = [CompletionItem(name, help=text) for name, (_, _, text) in COMMANDS.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [item for item in named if item.value.startswith(incomplete)] + options

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except base_errors() as error:
            raise Refused(" ".join(str(error).split("\n"))) from error
        except BrokenPipeError:
            raise click.exceptions.Exit(_close_pipe()) from None


def base_errors() -> tuple[type[Exception], ...]:
    """Return the base errors of the packages imported so far; evaluated when one of them is on its way up."""
    return tuple(getattr(sys.modules[module], name) for module, name in BASE_ERRORS if module in sys.modules)


def _profiles() -> Mapping[str, bool]:
    """Return the profiles that the server knows, for `provisioning`, which may not ask it."""
    from radiusd import PROFILES

    return PROFILES


def _erase_log(database: Path, theirs: re.Pattern[bytes], only_count: bool) -> int:
    """Take lines out of the server's log, for `provisioning`, which may not know of it; return how many."""
    from radiusd.log.erase import erase_lines

    return erase_lines(database, theirs, only_count=only_count)


def _remember_db(context: click.Context, _parameter: click.Parameter, value: Path) -> None:
    context.meta["latchkey.db"] = value  # here rather than in `cli`, which the Tab key does not call


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"latchkey {version('latchkey-radius')}")
    except PackageNotFoundError:
        raise Refused("not installed, run from its source: no version") from None
    context.exit()


@click.command(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="New here? `latchkey demo` shows it at work, README.md and docs/ set it up step by step. Each command"
    " explains itself: `latchkey key --help`, `latchkey key add --help`.",
)
@click.option(
    "--db",
    type=click.Path(path_type=Path, readable=False),
    envvar="LATCHKEY_DB",
    default="latchkey.db",
    show_default="./latchkey.db, or LATCHKEY_DB",
    expose_value=False,
    callback=_remember_db,
    help="The database.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
def cli() -> None:
    """One SSID, a key for every door: an identity-PSK RADIUS server."""


class _BashComplete(BashComplete):
    """click's, but for values with blanks, which bash would take for two words where no quote is open."""

    name = "bash"
    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)",
        """[[ ${COMP_WORDS[COMP_CWORD]} == [\\"\\']* ]] || printf -v value %%q "$value"
            COMPREPLY+=("$value")""",
    )


add_completion_class(_BashComplete)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, venues, SSIDs, NASes, keys and plans.

    \b
    bash   eval "$(latchkey completion bash)"         in ~/.bashrc
    zsh    eval "$(latchkey completion zsh)"          in ~/.zshrc, after compinit
    fish   latchkey completion fish | source          in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 (one of the three above)
    click.echo(kind(cli, {}, "latchkey", "_LATCHKEY_COMPLETE").source(), nl=False)


def main() -> int:
    """Run the command line and return its exit status: 0 done, 1 refused, 2 usage, 130 interrupted, 141 broken pipe."""
    # A sixth of a short command's time: numpy's threads for linear algebra, of which there is none here, and looking
    # for garbage among what imports have made, at the end once more.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(50_000)
    status = _run()
    gc.freeze()
    return status


def _run() -> int:
    try:
        status = cli.main(prog_name="latchkey", standalone_mode=False)
        sys.stdout.flush()  # here a closed pipe can still be told from a failure
    except click.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return _close_pipe()
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        click.echo(f"latchkey: {error.strerror or error}{place}", err=True)
        return 1
    return status if isinstance(status, int) else 0


def _close_pipe() -> int:
    """Return the status of `latchkey key list | head`: what nobody reads any more must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


if __name__ == "__main__":
    sys.exit(main())
