"""Whose an attempt was, and how that is said: one line, or one object."""

import enum
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from provisioning import Key

from .read.attempts import Attempt
from .read.scan import Findings


class Outcome(enum.Enum):
    """What came of testing an attempt."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"
    UNTESTABLE = "untestable"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An attempt and whose it was."""

    attempt: Attempt
    outcome: Outcome
    key: Key | None = None  # from the store
    passphrase: bytes | None = field(default=None, repr=False)  # from a word list
    reason: str | None = None

    @property
    def unsound(self) -> bool:
        """Whether it cannot be tested because of a fault in the capture, rather than because of what the network is."""
        return self.outcome is Outcome.UNTESTABLE and (self.attempt.unsound or self.attempt.testable is not None)


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
    return {**view, "reason": verdict.reason, "unit": unit, "time": utc_time(attempt.time_ns), "frame": attempt.number}


def render_verdicts(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line for each: time, station, BSSID, SSID, AKM, verdict."""
    names = [_quote(str(verdict.attempt.ssid)) if verdict.attempt.ssid else "-" for verdict in verdicts]
    width = max(map(len, names), default=0)
    for name, verdict in zip(names, verdicts, strict=True):
        attempt = verdict.attempt
        addresses = f"{_text(attempt.station) or '-':17}  {_text(attempt.bssid) or '-':17}"
        line = f"{utc_time(attempt.time_ns)}  {addresses}  {name:{width}}  {attempt.akm or '-':11}  {_words(verdict)}"
        yield line


def _words(verdict: Verdict) -> str:
    """Return the verdict in the words of the server's log."""
    words = [str(verdict.outcome)]
    if verdict.key is not None:
        words += [f"who={_quote(verdict.key.identity)}", f"key={verdict.key.id}"]
        if verdict.key.unit is not None:
            words.append(f"unit={_quote(verdict.key.unit.name)}")
    if verdict.passphrase is not None:
        words.append(f"passphrase={_quote(_passphrase(verdict) or '')}")
    if verdict.attempt.how is not None:
        words.append(f"how={verdict.attempt.how}")
    if verdict.reason is not None:
        words.append(f"reason={_quote(verdict.reason)}")
    return " ".join(words)


def _passphrase(verdict: Verdict) -> str | None:
    """Return a word of the list, which its owner has anyway."""
    return None if verdict.passphrase is None else verdict.passphrase.decode("utf-8", "backslashreplace")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def complaints(findings: Findings) -> Iterator[str]:
    """Yield, in a line each, what is wrong with a capture."""
    for flaw in findings.flaws:
        yield f"{findings.name}: {flaw}"
    if findings.more_flaws:
        yield f"{findings.name}: and {findings.more_flaws} more like these"
    if not findings.attempts and not findings.flaws:
        yield f"{findings.name}: no handshake in {findings.packets:,} frames"


def judged(findings: Findings, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line if the capture is why some of its handshakes could not be tested."""
    unsound = [verdict for verdict in verdicts if verdict.unsound]
    if unsound:
        more = f"; and {len(unsound) - 1} more" if len(unsound) > 1 else ""
        whole = f"{len(unsound)} of {len(verdicts)} handshakes cannot be tested"
        yield f"{findings.name}: {whole}: {unsound[0].reason}{more}"


def utc_time(time_ns: int) -> str:
    """Return a capture's time as the server's log writes it; the empty text where the year is past 9999."""
    try:
        time = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}Z"
