"""`latchkey identify` and `latchkey convert`."""

import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioning import Unopened, db_option, json_option, open_database, progress_bar

from .errors import ExportError, OptionError

if TYPE_CHECKING:
    from .read.scan import Findings
    from .verdicts import Verdict

_capture_argument = click.argument("capture", metavar="CAPTURE", type=click.Path(path_type=Path, readable=False))
_ssid_option = click.option("--ssid", metavar="S", help="The SSID of networks that hide theirs.")
Progress = Callable[[str, int, int], None]


@click.command()
@_capture_argument
@_ssid_option
@click.option(
    "--passphrases",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Try these, one a line, instead of the store's keys.",
)
@json_option
@db_option
@click.pass_context
def identify(context: click.Context, capture: Path, ssid: str | None, passphrases: Path | None, as_json: bool) -> None:
    """Say whose handshakes are in a capture (- for stdin): pcap or pcapng, of the air, a wire, or RADIUS requests.

    How many matched is said on stderr at the end. With --json an object a line, and no such summary.

    \b
    Exit status 0: everything was tested, whether or not a key was found; also where no keypool has the SSID, which the
                   verdict then says.
                1: a handshake or a part of the file could not be read, or there is no handshake.
    """
    import json

    from .verdicts import complaints, faults, render_verdicts, summary, view_verdict

    with progress_bar() as progress:
        findings = _read(capture, ssid, progress)
        verdicts = _judge(context, findings, passphrases, progress)
    if as_json:
        for verdict in verdicts:
            view = view_verdict(verdict, with_passphrase=passphrases is not None)
            click.echo(json.dumps(view, ensure_ascii=False))
    else:
        terminal = sys.stdout.isatty()
        colour = terminal and not os.environ.get("NO_COLOR")
        for line in render_verdicts(verdicts, header=terminal, colour=colour):
            click.echo(line, color=colour)
        if verdicts:
            click.echo(summary(verdicts), err=True)
    _complain(context, [*complaints(findings), *faults(findings, verdicts)])


def _judge(
    context: click.Context, findings: "Findings", passphrases: Path | None, progress: Progress | None
) -> "tuple[Verdict, ...]":
    from .identify import identify_by_store, identify_by_words, without_key

    attempts = findings.attempts
    if passphrases is not None:
        from .words import Words

        with Words(passphrases) as words:
            verdicts = tuple(identify_by_words(attempts, words, progress))
        if words.skipped:
            lines = "1 line" if words.skipped == 1 else f"{words.skipped:,} lines"
            click.echo(f"latchkey: {passphrases}: skipped {lines} that cannot be a passphrase", err=True)
        return verdicts
    if not any(attempt.testable is not None for attempt in attempts):
        return tuple(map(without_key, attempts))
    with open_database(context, readonly=True) as store:
        return tuple(identify_by_store(attempts, store, datetime.now(UTC), progress, Unopened().report))


def _read(capture: Path, ssid: str | None, progress: Progress | None) -> "Findings":
    """Return what is in a capture."""
    from crypto import Ssid

    from .read.capture_file import Capture
    from .read.scan import read_handshakes

    try:
        name = None if ssid is None else Ssid.parse(ssid)
    except ValueError as error:
        raise OptionError(f"--ssid: {error}") from None
    with Capture(sys.stdin.buffer, "stdin") if str(capture) == "-" else Capture.open(capture) as file:
        if progress is None:
            return read_handshakes(file, ssid=name)
        return read_handshakes(file, ssid=name, progress=lambda done, size: progress("reading", done, size))


def _complain(context: click.Context, lines: Iterable[str]) -> None:
    """Say on stderr what could not be read, and let that be the exit status."""
    said = False
    for line in lines:
        click.echo(f"latchkey: {line}", err=True)
        said = True
    if said:
        context.exit(1)


@click.command()
@_capture_argument
@_ssid_option
@click.option(
    "--hc22000",
    "target",
    required=True,
    metavar="FILE",
    help="Write hashcat's lines to this file (0600), - for stdout.",
)
@click.pass_context
def convert(context: click.Context, capture: Path, ssid: str | None, target: str) -> None:
    """Write the handshakes of a capture for hashcat, mode 22000, one a line; without a handshake, the PMKID.

    Exit status 1 where one cannot be written, or a part of the file could not be read.
    """
    from .hashcat import hc22000, hc22000_pmkid
    from .output import write_private
    from .verdicts import complaints

    with progress_bar() as progress:
        findings = _read(capture, ssid, progress)
    lines, refused = [], []
    attempts = [attempt for attempt in findings.attempts if attempt.roam is None]  # those have no M2
    for attempt in attempts:
        try:
            if attempt.pmkid is not None:
                lines.append(hc22000_pmkid(attempt.pmkid))
            elif attempt.handshake is not None:
                lines.append(hc22000(attempt.handshake, accepted=attempt.accepted))
            else:
                refused.append(attempt.reason)
        except ExportError as error:
            refused.append(f"frame {attempt.number}: {error}")
    text = "".join(f"{line}\n" for line in lines)
    if target == "-":
        click.echo(text, nl=False)
    else:
        if Path(target).exists() and capture.exists() and Path(target).samefile(capture):
            raise OptionError(f"--hc22000: {target} is the capture itself")
        write_private(Path(target), text.encode("ascii"), "--hc22000")
        click.echo(f"wrote {len(lines)} of {len(attempts)} handshakes to {target}")
    _complain(context, [*complaints(findings), *(f"{capture}: {reason}" for reason in refused)])
