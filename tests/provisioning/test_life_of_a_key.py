"""Any sequence of changes, beside a plain model in dictionaries: a server's answers are the model's after each of them,
the audit tells exactly what became of which row, and taking the last one back brings back what was before.

LATCHKEY_LIFE_EXAMPLES makes it longer: each example is a building of its own and up to 40 changes.
"""

import copy
import itertools
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crypto import MacAddress
from provisioning import KeyDraft, Passphrase
from provisioning.errors import ProvisioningError
from provisioning.lifecycle import key_changes, keys, subscribers, units, whitelists
from provisioning.lifecycle.erasure import erase
from provisioning.lifecycle.undo import undo
from provisioning.model import Author, KeyOrigin, SubscriberStatus
from radiusd import Lookup
from tests.radiusd.conftest import handshake  # noqa: F401 (a fixture)
from tests.radiusd.house import SSID, House

PASSPHRASES = [b"passphrase-%d" % number for number in range(5)]
TABLES = ("units", "subscribers", "subscriptions", "keys", "whitelist_devices")
AP = MacAddress(b"\2\0\0\0\1\0")
HOUR = timedelta(hours=1)
some = st.integers(0, 30)  # of what there is, counted round
hours = st.sampled_from([None, 1, 2, 30])


class Refused(Exception):  # noqa: N818
    """The model says that this must not be."""


class Model:
    """What ought to be so. Keys, subscribers and subscriptions are dictionaries of dictionaries by id."""

    def __init__(self):
        self.units, self.subscribers, self.subscriptions, self.keys = {}, {}, {}, {}

    def rows(self):
        """Yield each passphrase in use: of which key, since when, until when, and whether it was removed."""
        for id_, key in self.keys.items():
            yield id_, key["passphrase"], key["starts"], key["ends"], key["removed"]
            for former in key["former"]:
                yield id_, former["passphrase"], former["starts"], former["ends"], former["removed"]

    def check(self):
        """Raise Refused where a passphrase would open two doors at a time."""
        live = [row for row in self.rows() if not row[4]]
        for one, other in itertools.combinations(live, 2):
            if one[1] == other[1] and before(one[2], other[3]) and before(other[2], one[3]):
                raise Refused

    def may_use(self, key, device, now):
        """Return whether a device may use a key as it stands: all but its passphrase and window."""
        owner = self.subscribers.get(key["subscriber"])
        if key["removed"] or key["suspended"] or (owner is not None and owner["status"] is not SubscriberStatus.ACTIVE):
            return False
        allowed = owner["allowed"] if owner is not None else {}
        return not allowed or (device in allowed and (allowed[device] is None or now < allowed[device]))

    def answer(self, device, passphrase, now):
        """Return (VLAN,) where a device gets in with a passphrase, else None."""
        for id_, secret, starts, ends, removed in self.rows():
            key = self.keys[id_]
            if secret == passphrase and not removed and runs(starts, ends, now) and self.may_use(key, device, now):
                return (self.units.get(key["unit"]),)
        return None

    def carry(self, id_):
        """Let keys follow their subscription."""
        tenancy = self.subscriptions[id_]
        for key in self.keys.values():
            if key["subscription"] == id_ and not key["removed"]:
                key |= {field: tenancy[field] for field in ("unit", "starts", "ends")}
                for former in key["former"]:
                    if not former["removed"]:
                        former["starts"] = tenancy["starts"]
                        former["ends"] = earlier(former["ends"], tenancy["ends"])
                        if former["starts"] is not None and former["ends"] <= former["starts"]:
                            former["removed"] = "later"

    def remove(self, key):
        key["removed"] = True
        for former in key["former"]:
            former["removed"] = former["removed"] or "with the key"


def before(start, end):
    return start is None or end is None or start < end


def runs(starts, ends, now):
    return (starts is None or starts <= now) and (ends is None or now < ends)


def earlier(*ends):
    return min((each for each in ends if each is not None), default=None)


class LifeOfAKey(RuleBasedStateMachine):
    """A building, its server, and the model of both."""

    make_handshake = None  # the test sets it

    @initialize()
    def open(self):
        self.folder = Path(tempfile.mkdtemp())
        self.house = House(self.folder)
        self.store = self.house.store
        self.pool_id = self.house.pool(SSID)
        self.house.start()
        self.store.recorder.author = Author("ann", "here")
        self.model, self.history = Model(), []
        self.strangers, self.identifiers = itertools.count(1 << 24), itertools.cycle(range(256))
        for number in range(3):
            unit = self.store.units.add(self.house.venue.id, f"4{number}", vlan=100 + number)
            self.model.units[unit.id] = unit.vlan
        self.started = self.last_entry()

    def teardown(self):
        if hasattr(self, "house"):
            self.house.close()
            shutil.rmtree(self.folder)

    @property
    def now(self):
        return self.house.now

    def last_entry(self):
        return max((each.id for each in self.store.audit.entries(newest=1)), default=0)

    def dump(self):
        """Return all rows that administrators change, by table and id."""
        found = {}
        for table in TABLES:
            cursor = self.store._db.execute(f"SELECT * FROM {table}")  # noqa: S608
            names = [each[0] for each in cursor.description]
            for row in cursor.fetchall():
                found[table, row[0]] = dict(zip(names, row, strict=True))
        return found

    def change(self, expect, do):
        """Do what the model allows, and see that the audit tells of it; what it refuses must leave no trace."""
        self.house.now += timedelta(seconds=1)
        self.house.clock.seconds += 1
        model, rows, entry = copy.deepcopy(self.model), self.dump(), self.last_entry()
        try:
            expect(model)
            model.check()
        except Refused:
            try:
                do()
            except ProvisioningError:
                pass
            else:
                raise AssertionError("the model refuses what was done")
            assert (self.dump(), self.last_entry()) == (rows, entry)
            return
        do()
        told = [each for each in self.store.audit.entries(after=entry) if each.author == "ann"]
        if not told:  # it was so before
            assert (self.dump(), vars(model)) == (rows, vars(self.model))
            return
        (only,) = told
        self.explain(rows, self.dump(), only)
        self.history.append((self.model, rows))
        self.model = model

    def explain(self, rows, after, entry):
        """Assert that an entry's images are what became of the rows, all of them and no other."""
        ranges, images = set(), {}
        for image in self.store.audit.images(entry.id):
            if image.is_range:
                ranges |= {(image.table, id_) for id_ in range(image.first_id, image.last_id + 1)}
            elif image.table in TABLES:
                images[image.table, image.first_id] = image
        altered = {place for place in rows.keys() | after.keys() if rows.get(place) != after.get(place)}
        assert altered == ranges | images.keys()
        for place, image in images.items():
            if place not in ranges:
                assert (image.before, image.after) == (rows.get(place), after.get(place))

    def pick(self, of, number):
        """Return one id of those that there are, None where there is none."""
        ids = sorted(of)
        return ids[number % len(ids)] if ids else None

    # What may happen.

    @rule(name=st.sampled_from(["Ann", "Ben"]))
    def add_subscriber(self, name):
        if len(self.model.subscribers) < 4:
            id_ = self.store._db.rows("SELECT highest + 1 FROM counters WHERE name = 'subscribers'")
            id_ = id_[0][0] if id_ else 1
            self.change(
                lambda model: model.subscribers.update({id_: {"status": SubscriberStatus.ACTIVE, "allowed": {}}}),
                lambda: subscribers.add(self.store, name, now=self.now),
            )

    @rule(passphrase=st.sampled_from(PASSPHRASES), whose=some, where=some, with_unit=st.booleans(), ends=hours)
    def add_key(self, passphrase, whose, where, with_unit, ends):
        if len(self.model.keys) >= 6:
            return
        # A store that refuses a key has used up its id; what the next is, it says itself.
        id_ = self.store._db.rows("SELECT coalesce(max(highest), 0) + 1 FROM counters WHERE name = 'keys'")[0][0]
        device = MacAddress(b"\2\0\0\0\3" + bytes([id_]))
        subscriber = self.pick(self.model.subscribers, whose)
        unit = self.pick(self.model.units, where) if with_unit else None
        until = None if ends is None else self.now + ends * HOUR
        key = {"passphrase": passphrase, "device": device, "unit": unit, "subscriber": subscriber, "ends": until}
        key |= {"starts": None, "subscription": None, "suspended": False, "removed": False, "former": []}
        draft = KeyDraft(
            identity=f"k{id_}",
            passphrase=Passphrase(passphrase),
            unit_id=unit,
            ends=until,
            devices=(device,),
            origin=KeyOrigin(subscriber_id=subscriber),
        )
        self.change(lambda model: model.keys.update({id_: key}), lambda: self.store.keys.add(self.pool_id, draft))

    @precondition(lambda self: self.model.keys)
    @rule(which=some, suspended=st.booleans())
    def suspend_or_resume(self, which, suspended):
        id_ = self.pick(self.model.keys, which)

        def expect(model):
            if model.keys[id_]["removed"]:
                raise Refused
            model.keys[id_]["suspended"] = suspended

        act = keys.suspend if suspended else keys.resume
        self.change(expect, lambda: act(self.store, id_, now=self.now))

    @precondition(lambda self: self.model.keys)
    @rule(which=some)
    def remove_key(self, which):
        id_ = self.pick(self.model.keys, which)

        def expect(model):
            if model.keys[id_]["removed"]:
                raise Refused
            model.remove(model.keys[id_])

        self.change(expect, lambda: keys.remove(self.store, id_, now=self.now))

    @precondition(lambda self: self.model.keys)
    @rule(which=some)
    def restore_key(self, which):
        id_ = self.pick(self.model.keys, which)

        def expect(model):
            key = model.keys[id_]
            if not key["removed"]:
                raise Refused
            key["removed"] = False
            for former in key["former"]:
                if former["removed"] == "with the key" and former["ends"] > self.now:
                    former["removed"] = False

        self.change(expect, lambda: keys.restore(self.store, id_, now=self.now))

    @precondition(lambda self: self.model.keys)
    @rule(which=some, passphrase=st.sampled_from(PASSPHRASES), grace=st.sampled_from([None, HOUR, 20 * HOUR]))
    def reset_key(self, which, passphrase, grace):
        id_ = self.pick(self.model.keys, which)

        def expect(model):
            key = model.keys[id_]
            if key["removed"]:
                raise Refused
            until = None if grace is None else earlier(self.now + grace, key["ends"])
            if grace is not None:
                is_over = key["ends"] is not None and key["ends"] <= self.now
                has_not_begun = key["starts"] is not None and key["starts"] >= until
                if is_over or has_not_begun or key["passphrase"] == passphrase:
                    raise Refused
            for former in key["former"]:
                if until is None or former["passphrase"] == passphrase:
                    former["removed"] = former["removed"] or "before"
            if until is not None:
                kept = {"passphrase": key["passphrase"], "starts": key["starts"], "ends": until, "removed": False}
                key["former"].append(kept)
            key["passphrase"] = passphrase

        self.change(expect, lambda: keys.reset(self.store, id_, Passphrase(passphrase), now=self.now, grace=grace))

    @precondition(lambda self: self.model.keys)
    @rule(which=some, where=some, ends=st.sampled_from(["as it is", None, 1, 30]))
    def change_key(self, which, where, ends):
        """Move a key, and perhaps let it end at another time: with its subscription, where it has one."""
        id_, unit = self.pick(self.model.keys, which), self.pick(self.model.units, where)
        key = self.model.keys[id_]
        until = key["ends"] if ends == "as it is" else None if ends is None else self.now + ends * HOUR
        if (key["unit"], key["ends"]) == (unit, until) and not key["removed"]:
            return

        def expect(model):
            key = model.keys[id_]
            if key["removed"] or (key["starts"] is not None and until is not None and until <= key["starts"]):
                raise Refused
            if key["subscription"] is not None:
                model.subscriptions[key["subscription"]] |= {"unit": unit, "ends": until}
                model.carry(key["subscription"])
                return
            key |= {"unit": unit, "ends": until}
            for former in key["former"]:
                if not former["removed"]:
                    former["ends"] = earlier(former["ends"], until)

        fields = {"unit_id": unit} | ({} if ends == "as it is" else {"ends": until})
        self.change(expect, lambda: key_changes.set_fields(self.store, id_, fields, now=self.now))

    @precondition(lambda self: self.model.subscribers)
    @rule(whose=some, status=st.sampled_from(list(SubscriberStatus)))
    def set_status(self, whose, status):
        id_ = self.pick(self.model.subscribers, whose)

        def expect(model):
            owner = model.subscribers[id_]
            if status is not SubscriberStatus.CLOSED:
                owner["status"] = status
                return
            if owner["status"] is SubscriberStatus.CLOSED:
                raise Refused
            for number, tenancy in list(model.subscriptions.items()):
                if tenancy["subscriber"] != id_:
                    continue
                if tenancy["starts"] is not None and tenancy["starts"] >= self.now:
                    for key in model.keys.values():
                        if key["subscription"] == number and not key["removed"]:
                            model.remove(key)
                    del model.subscriptions[number]
                elif tenancy["ends"] is None or tenancy["ends"] > self.now:
                    tenancy["ends"] = self.now
                    model.carry(number)
            owner["status"] = status

        def do():
            if status is SubscriberStatus.CLOSED:
                return subscribers.close(self.store, id_, now=self.now)
            return subscribers.set_status(self.store, id_, status, now=self.now)

        self.change(expect, do)

    @precondition(lambda self: self.model.subscribers)
    @rule(whose=some, where=some, which=some, starts=st.sampled_from([None, 1]), ends=hours)
    def subscribe(self, whose, where, which, starts, ends):
        owner, unit = self.pick(self.model.subscribers, whose), self.pick(self.model.units, where)
        key_id = self.pick(self.model.keys, which)
        begin = None if starts is None else self.now + starts * HOUR
        until = None if ends is None else self.now + (starts or 0) * HOUR + ends * HOUR
        id_ = self.store._db.rows("SELECT coalesce(max(highest), 0) + 1 FROM counters WHERE name = 'subscriptions'")[0][
            0
        ]

        def expect(model):
            if model.subscribers[owner]["status"] is SubscriberStatus.CLOSED:
                raise Refused
            model.subscriptions[id_] = {"subscriber": owner, "unit": unit, "starts": begin, "ends": until}
            if key_id is not None:
                key = model.keys[key_id]
                if key["removed"] or key["subscriber"] not in (None, owner):
                    raise Refused
                key |= {"subscriber": owner, "subscription": id_}
                model.carry(id_)

        self.change(
            expect,
            lambda: subscribers.subscribe(
                self.store,
                owner,
                unit_id=unit,
                starts=begin,
                ends=until,
                key_ids=[key_id] if key_id is not None else [],
                now=self.now,
            ),
        )

    @precondition(lambda self: self.model.subscriptions)
    @rule(which=some, where=some, ends=hours)
    def change_subscription(self, which, where, ends):
        id_, unit = self.pick(self.model.subscriptions, which), self.pick(self.model.units, where)
        until = None if ends is None else self.now + ends * HOUR

        def expect(model):
            tenancy = model.subscriptions[id_]
            tenancy |= {"unit": unit, "ends": until}
            if tenancy["starts"] is not None and until is not None and until <= tenancy["starts"]:
                raise Refused
            model.carry(id_)

        def do():
            wanted = replace(self.store.subscribers.subscription(id_), unit_id=unit, ends=until)
            return subscribers.set_subscription(self.store, wanted, now=self.now)

        if self.model.subscriptions[id_] != {**self.model.subscriptions[id_], "unit": unit, "ends": until}:
            self.change(expect, do)

    @rule(which=some, vlan=st.integers(100, 106))
    def change_vlan(self, which, vlan):
        id_ = self.pick(self.model.units, which)

        def expect(model):
            if vlan in [other for number, other in model.units.items() if number != id_]:
                raise Refused
            model.units[id_] = vlan

        if self.model.units[id_] != vlan:
            self.change(expect, lambda: units.change_unit(self.store, id_, vlan=vlan))

    @precondition(lambda self: self.model.subscribers)
    @rule(whose=some, which=some, until=hours)
    def list_device(self, whose, which, until):
        id_, key_id = self.pick(self.model.subscribers, whose), self.pick(self.model.keys, which)
        device = AP if key_id is None else self.model.keys[key_id]["device"]
        then = None if until is None else self.now + until * HOUR

        def expect(model):
            if device in model.subscribers[id_]["allowed"]:
                raise Refused
            model.subscribers[id_]["allowed"][device] = then

        self.change(expect, lambda: whitelists.allow(self.store, id_, device, until=then, now=self.now))

    @precondition(lambda self: any(each["allowed"] for each in self.model.subscribers.values()))
    @rule(grace=st.sampled_from([None, HOUR]))
    def unlist_device(self, grace):
        id_ = next(number for number, each in self.model.subscribers.items() if each["allowed"])
        entry = self.store.subscribers.allowed_devices(id_)[0]
        if grace is not None and entry.until is not None and entry.until <= self.now + grace:
            return  # it ends before: nothing changes

        def expect(model):
            if grace is None:
                del model.subscribers[id_]["allowed"][entry.mac]
            else:
                model.subscribers[id_]["allowed"][entry.mac] = self.now + grace

        self.change(expect, lambda: whitelists.disallow(self.store, entry, now=self.now, grace=grace))

    @precondition(lambda self: self.model.subscribers)
    @rule(whose=some)
    def erase_subscriber(self, whose):
        id_ = self.pick(self.model.subscribers, whose)
        entry = self.last_entry()
        erase(self.store, id_)
        model = self.model
        del model.subscribers[id_]
        model.subscriptions = {k: v for k, v in model.subscriptions.items() if v["subscriber"] != id_}
        model.keys = {k: v for k, v in model.keys.items() if v["subscriber"] != id_}
        self.history.clear()  # what came before may tell of them
        (told,) = self.store.audit.entries(after=entry)
        assert (told.action, told.subject, told.details["rows"]) == ("subscriber.erase", None, [])
        assert self.store.audit.images(told.id) == []

    @rule(by=st.sampled_from([1, 3, 25]))
    def time_passes(self, by):
        self.house.now += by * HOUR
        self.house.clock.seconds += by * 3600

    @precondition(lambda self: self.history)
    @rule()
    def undo(self):
        entry = self.last_entry()
        undo(self.store, author="ann")
        self.model, rows = self.history.pop()
        assert self.dump() == rows
        (told,) = self.store.audit.entries(after=entry)
        assert (told.action, told.undoes is not None) == ("undo", True)

    # What must hold after each of them.

    @invariant()
    def server_answers_as_the_model(self):
        if not hasattr(self, "house"):
            return
        self.house.follow()
        for key in self.model.keys.values():
            device, secret = key["device"], key["passphrase"]
            window = runs(key["starts"], key["ends"], self.now)
            may = window and self.model.may_use(key, device, self.now)
            known = (self.model.units.get(key["unit"]),) if may else None
            others = [row for row in self.model.rows() if row[1] == secret]
            is_alone = len(others) == 1
            assert self.ask(device, secret) == (known if is_alone else self.model.answer(device, secret, self.now))
            if is_alone and not key["former"]:
                assert self.ask(device) == known
        for secret in PASSPHRASES:
            stranger = MacAddress(b"\2\1" + next(self.strangers).to_bytes(4, "big"))
            assert self.ask(stranger, secret) == self.model.answer(stranger, secret, self.now)

    def ask(self, device, passphrase=None):
        """Return (VLAN,) of an Accept, None of a Reject: with a handshake, or by the address alone."""
        if passphrase is None:
            subject = Lookup(device=device, ssid=SSID, aa=AP)
        else:
            subject = type(self).make_handshake(passphrase, spa=device)
        granted = self.house.ask(subject, identifier=next(self.identifiers))
        return None if granted is None else (granted.vlan,)

    @invariant()
    def audit_is_whole(self):
        if hasattr(self, "house"):
            assert self.store.audit.verify()[2] == []


def test_life_of_a_key(handshake):  # noqa: F811
    examples = int(os.environ.get("LATCHKEY_LIFE_EXAMPLES", "5"))
    LifeOfAKey.make_handshake = staticmethod(handshake)
    run_state_machine_as_test(
        LifeOfAKey,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20 if examples <= 5 else 40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
