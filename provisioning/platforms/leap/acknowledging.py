"""Tells LEAP which changes are dealt with, and looks whether there were others meanwhile.

An acknowledgement names no version, so that what changes between reading and acknowledging is flagged no more: it is
read again and compared. (Nothing is lost either way: each reading is of all relationships, flagged or not.)
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from ...sync import Reading, shorten
from ..exchange import Exchange, PlatformError, Request, Unavailable
from ..fields import parse_records
from ..session import Session
from .listing import Listing
from .payloads import RELATIONSHIPS, Relationship, acknowledgements, read_one

_TOGETHER: Final = 50  # of one call: where one identifier is unknown, it is not said whether the others count
_AT_ONCE: Final = 16  # calls
_SINGLY: Final = 500  # up to so many are read again one by one, more as a list
_XML: Final = ("Content-Type", "application/xml")
_MOST_TOLD: Final = 20


class Acknowledging:
    """One round of it.

    path: what stands before the paths of the document
    """

    def __init__(self, session: Session, path: str, *, namespace: bool) -> None:
        self._session, self._path, self._namespace = session, path, namespace
        self._told: list[str] = []

    def acknowledge(self, reading: Reading, records: Mapping[str, Relationship]) -> Exchange[list[str]]:
        """Acknowledge relationships as they were read; return what a person should know."""
        ids = sorted(records)
        lists = [ids[start : start + _TOGETHER] for start in range(0, len(ids), _TOGETHER)]
        done, unclear = yield from self._post(lists)
        done += (yield from self._post([[id_] for id_ in unclear]))[0]
        now = yield from (self._read_singly(done) if len(done) <= _SINGLY else self._read_list(reading))
        for id_ in done:
            if id_ not in now or now[id_].substance != records[id_].substance:
                self._told.append(f"relationship {shorten(id_)} changed while it was acknowledged: it is read again")
        more = len(self._told) - _MOST_TOLD
        return self._told if more <= 0 else [*self._told[:_MOST_TOLD], f"and {more:,} more of the kind"]

    def _post(self, lists: Sequence[Sequence[str]]) -> Exchange[tuple[list[str], list[str]]]:
        """Return who is acknowledged, and those of lists that were refused: each may be good alone."""
        done: list[str] = []
        unclear: list[str] = []
        for start in range(0, len(lists), _AT_ONCE):
            some = lists[start : start + _AT_ONCE]
            answers = yield from self._session.ask_all([self._request(ids) for ids in some])
            for ids, answer in zip(some, answers, strict=True):
                if isinstance(answer, Unavailable):
                    self._told.append(str(answer))
                elif answer.is_ok:
                    done += ids
                elif len(ids) > 1 and answer.status in (400, 404):
                    unclear += ids
                else:
                    self._told.append(f"{answer.request.what}: HTTP {answer.status}")
        return done, unclear

    def _request(self, ids: Sequence[str]) -> Request:
        more = f" and {len(ids) - 1} more" * (len(ids) > 1)
        return Request(
            method="POST",
            path=f"{self._path}/acked",
            what=f"acknowledgement of relationship {shorten(ids[0])}{more}",
            headers=(_XML,),
            body=acknowledgements(ids, namespace=self._namespace),
        )

    def _read_singly(self, ids: Sequence[str]) -> Exchange[dict[str, Relationship]]:
        found: dict[str, Relationship] = {}
        for start in range(0, len(ids), _TOGETHER):
            requests = [
                Request(path=f"{self._path}/{quote(id_, safe='')}", what=f"relationship {shorten(id_)}")
                for id_ in ids[start : start + _TOGETHER]
            ]
            for answer in (yield from self._session.ask_all(requests)):
                try:
                    rows = [] if isinstance(answer, Unavailable) else [read_one(answer)]
                except PlatformError:
                    continue
                found |= {each.identifier: each for each in parse_records(RELATIONSHIPS, rows)[0]}
        return found

    def _read_list(self, reading: Reading) -> Exchange[dict[str, Relationship]]:
        listing = Listing(Reading(reading.connector, reading.platform, reading.at), self._session, f"{self._path}/")
        yield from listing.read()
        return listing.records
