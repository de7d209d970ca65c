"""Any sequence of what is done to cards, beside a plain model of it; undo of each brings back what was before."""

import copy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crypto import Ssid
from provisioning import Author, InvalidValue, KeyRemoved, Store
from provisioning.lifecycle import cards
from provisioning.lifecycle.cards import CardOrder
from provisioning.lifecycle.undo import undo

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Cards(RuleBasedStateMachine):
    """`model` is what there is: of each batch its cards, of each card its start, end and whether it was invalidated."""

    batches = Bundle("batches")

    def __init__(self, path, master_key):
        super().__init__()
        path.unlink(missing_ok=True)
        self.store = Store.create(path, master_key)
        self.store.recorder.author = Author("ann", "test")
        venue = self.store.venues.add("Hudson House")
        self.pool = self.store.keypools.add(Ssid(b"Hudson"), venue_ids=(venue.id,))
        self.now = BEGAN
        self.model = {}
        self.former = []  # what was before each change that can be taken back

    def teardown(self):
        self.store.close()

    def keep(self):
        self.former.append(copy.deepcopy(self.model))

    @rule(target=batches, count=st.integers(1, 3), starts=st.integers(0, 4), hours=st.integers(1, 6))
    def add(self, count, starts, hours):
        begin = self.now + starts * HOUR if starts else None
        ends = self.now + (starts + hours) * HOUR
        order = CardOrder(keypool_id=self.pool.id, ssid=self.pool.ssid, count=count, starts=begin, ends=ends)
        made = cards.add(self.store, order, cards.draw(order, self.now), now=self.now)
        self.keep()
        self.model[made.batch.id] = {n: [begin, ends, False] for n in range(1, count + 1)}
        return made.batch.id

    def chosen(self, batch, which):
        return [which] if which in self.model[batch] else []

    def lasting(self, batch, numbers):
        return [
            n
            for n in numbers or self.model[batch]
            if not self.model[batch][n][2] and self.model[batch][n][1] > self.now
        ]

    @rule(batch=batches, hours=st.sampled_from([1, 2, 8760]), which=st.integers(0, 3))
    def extend(self, batch, hours, which):
        if batch not in self.model:
            return
        numbers = self.chosen(batch, which)
        lasting = self.lasting(batch, numbers)
        if not lasting:
            with pytest.raises(InvalidValue):
                cards.extend(self.store, batch, hours, now=self.now, numbers=numbers)
            return
        of = len(numbers or self.model[batch])
        assert cards.extend(self.store, batch, hours, now=self.now, numbers=numbers) == (len(lasting), of)
        self.keep()
        for number in lasting:
            self.model[batch][number][1] += hours * HOUR

    @rule(batch=batches, which=st.integers(0, 3))
    def invalidate(self, batch, which):
        if batch not in self.model:
            return
        numbers = self.chosen(batch, which)
        live = [n for n in numbers or self.model[batch] if not self.model[batch][n][2]]
        if not live:
            with pytest.raises(KeyRemoved):
                cards.invalidate(self.store, batch, now=self.now, numbers=numbers)
            return
        of = len(numbers or self.model[batch])
        assert cards.invalidate(self.store, batch, now=self.now, numbers=numbers) == (len(live), of)
        self.keep()
        for number in live:
            self.model[batch][number][2] = True

    @rule(batch=batches)
    def remove(self, batch):
        if batch not in self.model:
            return
        if self.lasting(batch, []):
            with pytest.raises(InvalidValue):
                cards.remove(self.store, batch, now=self.now)
            return
        assert cards.remove(self.store, batch, now=self.now) == len(self.model[batch])
        self.keep()
        del self.model[batch]

    @rule()
    def take_back(self):
        if self.former:
            undo(self.store, author="ann")
            self.model = self.former.pop()

    @rule(hours=st.integers(1, 5))
    def wait(self, hours):
        self.now += hours * HOUR

    @invariant()
    def agrees(self):
        assert {batch.id for batch in self.store.cards.all()} == set(self.model)
        counts = self.store.cards.counts(self.model, self.now)
        for batch, expected in self.model.items():
            found = {card.number: card for card in self.store.cards.cards(batch)}
            assert set(found) == set(expected)
            valid = 0
            for number, (starts, ends, is_invalidated) in expected.items():
                key = self.store.keys.get(found[number].key_id)
                is_good = not is_invalidated and (starts is None or starts <= self.now) and self.now < ends
                assert (found[number].state(self.now).value == "valid") == (key.validity(self.now) is None) == is_good
                assert (found[number].state(self.now).value == "invalidated") == is_invalidated
                assert found[number].ends == ends
                valid += is_good
            assert counts[batch].valid == valid
            assert counts[batch].invalidated == sum(is_invalidated for *_, is_invalidated in expected.values())
            ends = [end for _, end, is_invalidated in expected.values() if not is_invalidated]
            assert counts[batch].ends == max(ends, default=None)
            is_over = all(is_invalidated for *_, is_invalidated in expected.values())
            assert (self.store.cards.get(batch).invalidated_at is not None) == is_over
        assert self.store.audit.verify()[2] == []


def test_any_sequence_is_as_the_model_says(path, master_key):
    run_state_machine_as_test(
        lambda: Cards(path, master_key),
        settings=settings(
            max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
