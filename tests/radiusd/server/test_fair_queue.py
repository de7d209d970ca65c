"""The queue that takes turns."""

from collections import defaultdict, deque

from hypothesis import given
from hypothesis import strategies as st

from radiusd.server.fair_queue import FairQueue


def anything(_):
    return True


def drained(queue):
    items = []
    while (item := queue.pop(anything)) is not None:
        items.append(item)
    return items


def test_names_take_turns():
    queue = FairQueue(100, 100)
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        assert queue.push(item[0], item) is None
    assert drained(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert not queue


def test_a_name_has_a_bound():
    queue = FairQueue(100, 2)
    assert [queue.push("a", number) for number in range(4)] == [None, None, 2, 3]
    assert queue.push("b", 10) is None


def test_full_queue_takes_from_the_longest_line():
    queue = FairQueue(4, 4)
    for number in range(4):
        queue.push("storm", number)
    assert queue.push("quiet", 10) == 3
    assert queue.push("storm", 4) == 4
    assert queue.push("quiet", 11) == 2
    assert drained(queue) == [0, 10, 1, 11]


def test_full_queue_of_equals_takes_no_more():
    queue = FairQueue(3, 4)
    for name in "abc":
        queue.push(name, name)
    assert queue.push("d", "d") == "d"
    assert queue.push("a", "a2") == "a2"


def test_item_put_back_is_next():
    queue = FairQueue(2, 1)
    queue.push("a", "a")
    queue.push("b", "b")
    assert queue.pop(anything) == "a"
    queue.push_front("a", "a")
    assert drained(queue) == ["a", "b"]


def test_item_that_is_not_ready_lets_the_next_one_pass():
    queue = FairQueue(10, 10)
    for item in ("a1", "a2", "b1"):
        queue.push(item[0], item)
    assert queue.pop(lambda item: item != "a1") == "a2"
    assert queue.pop(lambda item: item.startswith("z")) is None
    assert drained(queue) == ["b1", "a1"]


@given(st.lists(st.one_of(st.none(), st.sampled_from("abcd"))), st.integers(0, 6), st.integers(1, 3))
def test_nothing_is_lost_and_no_bound_exceeded(steps, total, each):
    """Beside a plain model: lines by name."""
    queue, lines = FairQueue(total, each), defaultdict(deque)
    for number, name in enumerate(steps):
        if name is None:
            item = queue.pop(anything)
            if item is None:
                assert not any(lines.values())
            else:
                assert lines[item[0]].popleft() == item  # the oldest of its name
        else:
            item = (name, number)
            surplus = queue.push(name, item)
            lines[name].append(item)
            if surplus is not None:
                assert lines[surplus[0]].pop() == surplus  # the newest of its name
        assert len(queue) == sum(map(len, lines.values())) <= total
        assert all(len(line) <= each for line in lines.values())
