"""A property that a connector reads from plain values, and a store that follows it, on a clock that the test sets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from provisioning.platforms.settings import ConnectorSettings, Credentials
from provisioning.runner.run import Configured, Outcome, Run
from provisioning.sync import (
    Kind,
    Limits,
    SaidKey,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Standing,
)

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def drive(exchange):
    """Run a connector that asks nothing."""
    try:
        while True:
            next(exchange)
    except StopIteration as end:
        return end.value


class House:
    """The truth at the platform: change `venues`, `pools`, `units`, `people` and `keys`, which go by id."""

    def __init__(self, store, *, units=20, name="hudson", venue="S1", limits=None, venues=None, now=AT, settings=None):
        self.store, self.name, self.venue, self.now = store, name, venue, now
        self.limits = limits or Limits()
        self.named = venues or {}
        self.settings = settings or {}
        self.venues = {venue: SaidVenue(id=venue, name=f"House {venue}", time_zone="America/New_York")}
        self.pools = {f"{venue}/Hudson": SaidPool(id=f"{venue}/Hudson", ssid=f"Hudson {venue}", venues=(venue,))}
        self.units, self.people, self.keys, self.plans = {}, {}, {}, {}
        self.trouble = []  # told what to do with the reading when all is said
        self.reads = 0
        for number in range(units):
            self.add_unit(number)
            self.move_in(number)

    # What happens there.

    def add_unit(self, number, **fields):
        id_ = f"{self.venue}/U{number}"
        self.units[id_] = SaidUnit(id=id_, venue=self.venue, **{"name": f"{number}", "vlan": 100 + number, **fields})

    def move_in(self, number, **fields):
        person = f"{self.venue}/P{number}"
        self.people[person] = SaidSubscriber(id=person, venue=self.venue, name=f"Person {number}")
        id_ = f"{self.venue}/R{number}"
        self.keys[id_] = SaidKey(
            **{
                "id": id_,
                "venue": self.venue,
                "pool": f"{self.venue}/Hudson",
                "unit": f"{self.venue}/U{number}",
                "subscriber": person,
                **fields,
            }
        )
        return id_

    def change(self, number, **fields):
        id_ = f"{self.venue}/R{number}"
        self.keys[id_] = replace(self.keys[id_], **fields)

    def end(self, number, reason=None):
        self.change(number, standing=Standing.ENDED, reason=reason)

    def suspend(self, number, reason="delinquent"):
        self.change(number, standing=Standing.SUSPENDED, reason=reason)

    def resume(self, number):
        self.change(number, standing=Standing.ACTIVE, reason=None)

    # The connector.

    def read(self, reading, known):
        self.reads += 1
        self.known = known
        for records in (self.venues, self.pools, self.plans, self.units, self.people, self.keys):
            for each in records.values():
                reading.say(each)
        for venue in self.venues:
            reading.complete(venue, (Kind.UNIT, Kind.SUBSCRIBER, Kind.KEY))
        for each in self.trouble:
            each(reading)
        return
        yield

    def partial(self):
        self.trouble = [lambda reading: reading.partial(self.venue, "page 2 is HTML")]

    # Runs.

    def a_run(self, **options):
        settings = ConnectorSettings(
            name=self.name,
            platform="eleven",
            url="http://127.0.0.1",
            credentials=Credentials(lambda _: None),
            **self.settings,
        )
        configured = Configured(settings=settings, connector=self, limits=self.limits, venues=self.named)
        return Run(self.store, configured, drive, now=lambda: self.now, **options)

    def run(self):
        self.now += 5 * timedelta(minutes=1)
        return self.a_run().run()

    def accept(self, report):
        return self.a_run().accept(number_of(report))

    def sync(self):
        """Synchronise, a person accepting what is held; return the report."""
        report = self.run()
        if report.outcome is Outcome.HELD:
            report = self.accept(report)
        assert report.outcome in (Outcome.DONE, Outcome.PARTIAL), report
        return report

    # What is stored.

    def held(self, number=None):
        keys = self.store.sync.holdings(self.name).keys
        return keys if number is None else keys[f"{self.venue}/R{number}"]

    def key(self, number):
        return self.store.keys.get(self.held(number).record)

    def passphrases(self):
        """Return the passphrase of each key that the connector has."""
        held = {each.record: id_ for id_, each in self.held().items()}
        return {held[key.id]: key.passphrase.value for key in self.store.keys.get_many(held) if not key.erased}

    def inside(self):
        """Return who gets in now, as the server would decide it."""
        held = {each.record: id_ for id_, each in self.held().items()}
        return {held[key.id] for key in self.store.keys.get_many(held) if key.validity(self.now) is None}

    def living(self):
        """Return who should get in now."""
        return {
            id_
            for id_, key in self.keys.items()
            if key.standing is Standing.ACTIVE
            and (key.starts is None or key.starts <= self.now)
            and (key.ends is None or self.now < key.ends)
        }


def number_of(report):
    return int(report.plan.id.rpartition("-")[2])
