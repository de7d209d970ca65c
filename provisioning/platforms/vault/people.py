"""Subscribers and subscriptions: H1 page by page, H2 once for each venue."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...errors import InvalidValue
from ...sync import WHOLE, Kind, Standing, shorten
from ..exchange import Exchange, PlatformError, Refused, Unreadable
from ..fields import BadRecord, find_id, name_record, parse_records
from .payloads import SUBSCRIBERS, SUBSCRIPTIONS, Subscription, count_of, member, records
from .payloads.subscribers import TOKEN
from .run import SHOWN, Run, chunks
from .session import Call
from .statuses import ACTIVE, UNKNOWN, State, read_status
from .stays import Stay

PAGE_SIZE: Final = 100
EVERY_VENUE: Final = "ALL"

_PAGES_AT_ONCE: Final = 64
_VENUES_AT_ONCE: Final = 4  # of 5000 units each
_MOST_PAGES: Final = 20_000  # a list that goes on for ever ends here


@dataclass(frozen=True, slots=True)
class Account:
    """A subscriber of the list: only what a key needs, as there are many. `state` None: the platform says none."""

    name: str | None
    venue: str | None
    external_id: str | None
    state: State | None


@dataclass
class People:
    """The subscribers to ask for the keys of: those of the list, and those that only subscriptions name (None).

    nameless: records of the list whose subscriber cannot be read
    fault:    why they are not all
    """

    accounts: dict[str, Account | None] = field(default_factory=dict)
    nameless: int = 0
    fault: str | None = None

    def state(self, token: str) -> State | None:
        """Return what the list says of an account; of one that it lacks, or could not be read, nothing is known."""
        account = self.accounts.get(token)
        return UNKNOWN if account is None else account.state


@dataclass
class _Pages:
    """A walk over the pages, and what it has proved."""

    total: int | None = None
    pages: int | None = None
    read: int = 0
    rows: int = 0
    seen: dict[str, Account | BadRecord] = field(default_factory=dict)  # by token, or place where that is not to read
    fault: str | None = None

    def take(self, answer: Any, what: str) -> bool:
        """Take a page; return whether it had anything new, so that another may follow."""
        listed, bad = parse_records(SUBSCRIBERS, records(member(answer, what, "subscribers"), "SubscriberToken", what))
        paging = answer.get("pagination", answer.get("Pagination")) if isinstance(answer, dict) else None
        total = count_of(paging, "TotalCount", "totalCount", "total")
        if self.total is not None and total is not None and total != self.total:
            self.fault = f"subscribers: their total was {self.total} and became {total} while they were read"
        self.total = total if self.total is None else self.total
        self.pages = self.pages or count_of(paging, "TotalPages", "totalPages")
        self.read += 1
        before = len(self.seen)
        for each in listed:
            self.seen.setdefault(each.id, Account(each.name, each.venue, each.external_id, read_status(each.status)))
        for wrong in bad:
            place = replace(wrong, index=self.rows + wrong.index)
            self.seen.setdefault(find_id(wrong.raw, TOKEN) or f"\0{wrong.index}", place)
        self.rows += len(listed) + len(bad)
        return len(self.seen) > before


def read_subscribers(run: Run) -> Exchange[People]:
    """Return all subscribers of the operator; what keeps them from being all makes the whole reading partial."""
    walk = yield from _walk(run)
    if walk.total is None and walk.fault is None:  # nothing was counted: two readings that agree prove as much
        again = yield from _walk(run)
        if again.fault is not None or set(again.seen) != set(walk.seen):
            walk.fault = "subscribers: no total was told, and two readings of them differ"
    elif walk.fault is None and walk.total != len(walk.seen):
        walk.fault = f"subscribers: {len(walk.seen)} different ones came of {walk.total}"
    if walk.fault is None and not walk.seen and run.known.subscribers_of_keys:
        walk.fault = "subscribers: there are none any more, though some have keys here"
    if walk.fault is not None:
        run.reading.partial(WHOLE, walk.fault)
    run.has_subscribers = walk.fault is None
    people = People(fault=walk.fault)
    for token, account in walk.seen.items():
        if isinstance(account, Account):
            people.accounts[token] = account
            if account.state is not None:
                note_word(run, account.state, account.venue or WHOLE, Kind.SUBSCRIBER, token)
            continue
        run.unreadable(Kind.SUBSCRIBER, [account], TOKEN, find_id(account.raw, ("VenueID",)) or WHOLE)
        if find_id(account.raw, TOKEN) is not None:
            people.accounts[token] = None
        else:
            people.nameless += 1
    return people


def page_call(number: int, size: int = PAGE_SIZE) -> Call:
    """Return the call for a page, from 1."""
    members = {"VenueID": EVERY_VENUE, "Pagination": {"Page": number, "PageSize": size}}
    return Call("/networkoperatorconsole/subscribers/listSubscribers", f"subscribers, page {number}", members)


def _walk(run: Run) -> Exchange[_Pages]:
    """Read page after page until one is empty or repeats what came before; several at once where their number is told.

    A total that is reached does not end it: a total that shrank would be reached too early.
    """
    walk, number, more = _Pages(), 1, True
    while more and walk.fault is None:
        last = min(walk.pages or 0, number + _PAGES_AT_ONCE - 1)
        numbers = range(number, max(last, number) + 1)
        answers = yield from run.session.calls([page_call(each) for each in numbers])
        for each, answer in zip(numbers, answers, strict=True):
            more = _take_page(walk, each, answer)
            if not more:
                break
        number = numbers[-1] + 1
        if walk.fault is None and walk.total is not None and len(walk.seen) > walk.total:
            walk.fault = f"subscribers: more than the {walk.total} that are counted came"
        elif walk.read >= _MOST_PAGES:
            walk.fault = f"subscribers: more than {_MOST_PAGES} pages came"
    return walk


def _take_page(walk: _Pages, number: int, answer: Any) -> bool:
    if isinstance(answer, Refused) and walk.total is not None and len(walk.seen) >= walk.total and number > 1:
        return False  # some refuse a page behind the last one, rather than leave it empty
    try:
        if isinstance(answer, PlatformError):
            raise answer
        return walk.take(answer, f"subscribers, page {number}")
    except PlatformError as error:
        walk.fault = str(error)
        return False


# Subscriptions.


def subscriptions_call(venue: str) -> Call:
    path = "/networkoperatorconsole/shoppingcart/listSubscriptions"
    return Call(path, f"subscriptions of venue {shorten(venue)}", {"VenueID": venue})


def read_subscriptions(run: Run, people: People) -> Exchange[None]:
    """Read the subscriptions of each venue: the windows of keys, and subscribers that the list of them lacks.

    Whom a complete list lacks, and whose subscriptions are all over, is not there any more. Unreadable where nobody at
    all is told of.
    """
    for venues in chunks(run.venues, _VENUES_AT_ONCE):
        answers = yield from run.session.calls([subscriptions_call(venue) for venue in venues])
        for venue, answer in zip(venues, answers, strict=True):
            _take_subscriptions(run, venue, answer)
    lacking = 0
    for token, stays in run.stays.items():
        live = [stay for stay in stays if stay.state.standing is not Standing.ENDED and not stay.is_over(run.now)]
        if token not in people.accounts and (live or not run.has_subscribers):
            people.accounts[token] = None
            lacking += any(stay.state.standing is Standing.ACTIVE and stay.holds(run.now) for stay in live)
    if not people.accounts and people.fault is not None:
        raise Unreadable(people.fault)
    if lacking > people.nameless and run.has_subscribers:
        text = f"subscribers: {lacking} with a subscription that runs are not in the list"
        run.reading.partial(WHOLE, text)


def _take_subscriptions(run: Run, venue: str, answer: Any) -> None:
    what = f"subscriptions of venue {shorten(venue)}"
    try:
        if isinstance(answer, PlatformError):
            raise answer
        rows = records(member(answer, what, "Subscriptions"), "SubscriptionID", what)
    except PlatformError as error:
        run.unsure_windows.add(venue)
        run.reading.partial(venue, str(error))
        return
    listed, bad = parse_records(SUBSCRIPTIONS, rows)
    for each in bad:
        token = find_id(each.raw, TOKEN)
        text = f"{name_record(each, 'subscription', SHOWN)}: {each.field or 'it'} {each.text}"
        run.reading.unreadable(Kind.SUBSCRIBER, token, venue, text)
        if token is not None:
            run.unsure_people.add(token)
        else:  # anybody's
            run.unsure_windows.add(venue)
    different = len({each.id or (each.subscriber, each.unit, each.starts) for each in listed}) + len(bad)
    if not run.is_counted(count_of(answer, "SubscriptionCount"), different, venue, what):
        run.unsure_windows.add(venue)
        if count_of(answer, "SubscriptionCount") is None:
            run.reading.partial(venue, f"{what}: how many there are is not told")
    for subscription in dict.fromkeys(listed):
        _take_stay(run, venue, subscription)


def _take_stay(run: Run, asked: str, subscription: Subscription) -> None:
    venue = subscription.venue or asked
    if venue != asked:
        return  # it comes with its own venue
    try:
        starts, ends = run.window(subscription.starts, subscription.ends, venue)
    except InvalidValue as error:
        run.unsure_people.add(subscription.subscriber)
        run.reading.unreadable(Kind.SUBSCRIBER, subscription.subscriber, venue, f"its subscription: {error}")
        return
    state = read_status(subscription.status) or ACTIVE
    note_word(run, state, venue, Kind.SUBSCRIBER, subscription.subscriber)
    stay = Stay(
        id=subscription.id,
        venue=venue,
        unit=subscription.unit,
        plan=subscription.plan,
        external_id=subscription.external_id,
        starts=starts,
        ends=ends,
        state=state,
    )
    run.stays.setdefault(subscription.subscriber, []).append(stay)


def note_word(run: Run, state: State, venue: str, kind: Kind, id_: str) -> None:
    """Tell of a word for a state that nobody knows."""
    if state.unknown_word is not None:
        text = f"{shorten(state.unknown_word)!r} is no state that is known: what is stored stays"
        run.reading.note(venue, text, kind=kind, id_=id_, field="Status")
