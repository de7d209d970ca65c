"""Whose an attempt was, and how that is said: one line, or one object."""

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from provisioning import Key, quote, quote_octets, render_time

from .read.attempts import Attempt
from .read.scan import Findings


class Outcome(enum.Enum):
    """What came of testing an attempt."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"
    UNTESTABLE = "untestable"

    def __str__(self) -> str:
        return self.value


_BOLD: Final = 1
_COLOURS: Final = {Outcome.MATCHED: 32, Outcome.UNMATCHED: 31, Outcome.UNTESTABLE: 33}  # green, red, yellow


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An attempt and whose it was."""

    attempt: Attempt
    outcome: Outcome
    key: Key | None = None  # from the store
    passphrase: bytes | None = field(default=None, repr=False)  # from a word list
    reason: str | None = None

    @property
    def capture_at_fault(self) -> bool:
        """Whether it cannot be tested because of a fault in the capture, rather than because of what the network is."""
        return self.outcome is Outcome.UNTESTABLE and (
            self.attempt.capture_at_fault or self.attempt.testable is not None
        )


def view_verdict(verdict: Verdict, *, with_passphrase: bool) -> dict[str, Any]:
    """Return what `latchkey identify --json` says of one attempt."""
    attempt, key = verdict.attempt, verdict.key
    view: dict[str, Any] = {
        "station": _text(attempt.station),
        "bssid": _text(attempt.bssid),
        "ssid": _text(attempt.ssid),
        "akm": attempt.akm,
        "verdict": str(verdict.outcome),
        "identity": key.identity if key else None,
        "key_id": key.id if key else None,
    }
    if with_passphrase:
        view["passphrase"] = _passphrase(verdict)
    unit = key.unit.name if key and key.unit else None
    return {
        **view,
        "reason": verdict.reason,
        "unit": unit,
        "time": capture_time(attempt.time_ns),
        "frame": attempt.number,
    }


def render_verdicts(verdicts: Sequence[Verdict], *, header: bool = False, colour: bool = False) -> Iterator[str]:
    """Yield a line for each: time, station, BSSID, SSID, AKM, verdict."""
    from rich.cells import cell_len  # an SSID may be in letters of two columns each

    names = [quote_octets(each.attempt.ssid.value) if each.attempt.ssid else "-" for each in verdicts]
    width = max(map(cell_len, ["SSID", *names]))

    def columns(time: str, station: str, bssid: str, ssid: str, akm: str) -> str:
        return f"{time:24}  {station:17}  {bssid:17}  {ssid}{' ' * (width - cell_len(ssid))}  {akm:11}"

    def paint(text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour else text

    if header and verdicts:
        yield paint(f"{columns('time, UTC', 'station', 'BSSID', 'SSID', 'AKM')}  verdict", _BOLD)
    for name, verdict in zip(names, verdicts, strict=True):
        attempt = verdict.attempt
        addresses = _text(attempt.station) or "-", _text(attempt.bssid) or "-"
        outcome = paint(str(verdict.outcome), _COLOURS[verdict.outcome])
        yield " ".join(
            (
                f"{columns(capture_time(attempt.time_ns), *addresses, name, attempt.akm or '-')} ",
                outcome,
                *_fields(verdict),
            )
        )


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return how many of each outcome there are: 3 matched, 1 unmatched."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return ", ".join(
        f"{counts[outcome]:,} {outcome}" for outcome in Outcome if counts[outcome] or outcome is Outcome.MATCHED
    )


def _fields(verdict: Verdict) -> Iterator[str]:
    """Yield what goes with the outcome, as the server's log writes it."""
    if verdict.key is not None:
        yield f"who={quote(verdict.key.identity)}"
        yield f"key={verdict.key.id}"
        if verdict.key.unit is not None:
            yield f"unit={quote(verdict.key.unit.name)}"
    if verdict.passphrase is not None:
        yield f"passphrase={quote_octets(verdict.passphrase)}"
    if verdict.attempt.how is not None:
        yield f"how={verdict.attempt.how}"
    if verdict.reason is not None:
        yield f"reason={quote(verdict.reason)}"


def _passphrase(verdict: Verdict) -> str | None:
    """Return a word of the list, which its owner has anyway."""
    return None if verdict.passphrase is None else verdict.passphrase.decode("utf-8", "backslashreplace")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def complaints(findings: Findings) -> Iterator[str]:
    """Yield, in a line each, what is wrong with a capture."""
    for flaw in findings.flaws:
        yield f"{findings.name}: {flaw}"
    if findings.more_flaws:
        yield f"{findings.name}: and {findings.more_flaws} more like these"
    if not findings.attempts and not findings.flaws:
        yield f"{findings.name}: no handshake in {findings.packets:,} frames"


def faults(findings: Findings, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line if the capture is why some of its handshakes could not be tested."""
    at_fault = [verdict for verdict in verdicts if verdict.capture_at_fault]
    if at_fault:
        more = f"; and {len(at_fault) - 1} more" if len(at_fault) > 1 else ""
        whole = f"{len(at_fault)} of {len(verdicts)} handshakes cannot be tested"
        yield f"{findings.name}: {whole}: {at_fault[0].reason}{more}"


def capture_time(time_ns: int) -> str:
    """Return a capture's time as the server's log writes it; the empty text where the year is past 9999."""
    return render_time(time_ns // 1_000_000)
