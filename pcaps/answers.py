"""What `latchkey send` says of an answer or of a load. A key is printed only with --show-secrets."""

import json
from typing import Any

from crypto import Handshake

from .send import Answer, Played, Tally


def view_answer(played: Played, answer: Answer | None, reason: str | None, *, show_secrets: bool) -> dict[str, Any]:
    """Return one answer, or why there is none, as an object.

    An answer is there only if its Response Authenticator was right, and its Message-Authenticator where it has one.
    """
    subject, granted = played.subject, answer.granted if answer is not None else None
    found = isinstance(subject, Handshake)
    view: dict[str, Any] = {
        "station": str(subject.spa if isinstance(subject, Handshake) else subject.device),
        "bssid": None if subject.aa is None else str(subject.aa),
        "ssid": str(subject.ssid),
        "akm": str(subject.akm) if isinstance(subject, Handshake) else None,
        "dialect": played.dialect.name,
        "answer": None if answer is None else "accept" if granted is not None else "reject",
        "message_authenticator": None if answer is None else "right" if answer.signed else "absent",
        "response_authenticator": None if answer is None else "right",
        "key": None,
        "fits": answer.fits if answer is not None and found else None,
        "vlan": None,
        "session_timeout_s": None,
        "download_kbps": None,
        "upload_kbps": None,
        "ms": None if answer is None else round(answer.seconds * 1e3, 2),
        "tries": None if answer is None else answer.tries,
        "reason": reason,
        "attributes": None if answer is None else list(answer.attributes),
    }
    if granted is None:
        return view
    kinds = [f"passphrase of {len(each)} octets" for each in granted.passphrases]
    if granted.pmk is not None:
        kinds.append("PMK")
    view["key"] = ", ".join(kinds) or None
    view["vlan"], view["session_timeout_s"] = granted.vlan, granted.session_timeout_s
    view["download_kbps"], view["upload_kbps"] = granted.rates
    if show_secrets:
        view["passphrases"] = [each.decode("utf-8", "backslashreplace") for each in granted.passphrases]
        view["pmk"] = None if granted.pmk is None else granted.pmk.hex()
    return view


def render_answer(view: dict[str, Any]) -> str:
    """Return it as a line: the answer first, then what is there."""
    rest = " ".join(
        f"{name}={_render(value)}" for name, value in view.items() if name != "answer" and value is not None
    )
    return f"{view['answer'] or 'nothing'} {rest}"


def view_tally(tally: Tally) -> dict[str, Any]:
    """Return what became of a load as an object."""
    median, p99 = tally.quantile_ms(0.5), tally.quantile_ms(0.99)
    return {
        "sent": tally.sent,
        "accepted": tally.fitting,
        "rejected": tally.rejected,
        "unfitting": tally.unfitting,
        "wrong": tally.wrong,
        "lost": tally.lost,
        "seconds": round(tally.seconds, 3),
        "per_second": round(len(tally.times_ms) / tally.seconds, 1) if tally.seconds else None,
        "median_ms": None if median is None else round(median, 2),
        "p99_ms": None if p99 is None else round(p99, 2),
    }


def render_tally(view: dict[str, Any]) -> str:
    """Return it as a line."""
    return " ".join(f"{name}={value}" for name, value in view.items() if value is not None)


def _render(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value.isascii() and value.isprintable() and not set(value) & set(' "='):
        return value
    if isinstance(value, list):
        return ",".join(value)
    return str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False)
