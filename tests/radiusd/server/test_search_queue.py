"""The queue between the engine and the worker threads."""

import asyncio
import threading

from radiusd.server.search_queue import SearchQueue


class _Source:
    def __init__(self, address):
        self.address = address


class _Case:
    def __init__(self, keys, address):
        self.keys = keys
        self.source = _Source(address)


class _Search:
    """A search that takes as long as it is told to."""

    def __init__(self, name, *, keys=10, fails=False, waits=None, address="192.0.2.1", owner=None):
        self.name = name
        self.transaction = _Case(keys, address)
        self.owner = name if owner is None else owner
        self.begun = False
        self.needed = True
        self.threads = None
        self.seconds = 0.0
        self._fails = fails
        self._waits = waits

    def run(self, threads):
        self.threads = threads
        if self._waits is not None:
            self._waits.wait(5)
        if self._fails:
            raise RuntimeError(self.name)


class _Record:
    def __init__(self):
        self.done, self.failed, self.dropped, self.asked = [], [], [], []


def run(scenario, *, waiting=512, each=64, **options):
    """Run `scenario(searches)`; return what was done, failed and dropped, by name and in order."""

    async def main():
        record = _Record()

        def needed(search):
            record.asked.append(search.name)
            return search if search.needed else None

        searches = SearchQueue(
            needed,
            lambda search: record.done.append(search.name),
            lambda search, error: record.failed.append((search.name, str(error))),
            lambda search: record.dropped.append(search.name),
            **options,
        )
        searches.limit(waiting, each)
        try:
            scenario(searches)
            await searches.drain(5)
        finally:
            searches.close()
        return record

    return asyncio.run(main())


def test_searches_are_run_in_order():
    def scenario(searches):
        for number in range(20):
            searches.submit(_Search(number))

    assert run(scenario, threads=1).done == list(range(20))


def test_full_queue_takes_no_more():
    gate = threading.Event()

    def scenario(searches):
        for number in range(6):
            searches.submit(_Search(number, waits=gate))  # two are run, three wait
        assert len(searches) == 3
        gate.set()

    record = run(scenario, threads=2, waiting=3)
    assert (sorted(record.done), record.dropped) == ([0, 1, 2, 3, 4], [5])


def test_storm_of_one_does_not_starve_another():
    gate = threading.Event()

    def scenario(searches):
        for number in range(200):
            searches.submit(_Search(f"storm {number}", waits=gate))
        searches.submit(_Search("quiet", address="192.0.2.2"))
        gate.set()

    record = run(scenario, threads=1)
    assert record.done[:4] == ["storm 0", "storm 1", "quiet", "storm 2"]
    assert (len(record.done), len(record.dropped)) == (66, 135)


def test_search_that_goes_on_does_not_queue_again():
    gate = threading.Event()
    resumed = _Search("resumed")
    resumed.begun = True

    def scenario(searches):
        for number in range(3):
            searches.submit(_Search(number, waits=gate))
        searches.resume(resumed)
        gate.set()

    record = run(scenario, threads=1, waiting=2)
    assert record.done == [0, "resumed", 1, 2]
    assert record.asked == [0, 1, 2]


def test_failed_search_does_not_stop_the_others():
    def scenario(searches):
        searches.submit(_Search("bad", fails=True))
        searches.submit(_Search("good"))

    record = run(scenario, threads=1)
    assert (record.done, record.failed) == (["good"], [("bad", "bad")])


def test_search_that_is_not_needed_any_more_is_not_run():
    gate = threading.Event()
    answered = _Search("answered")

    def scenario(searches):
        searches.submit(_Search("first", waits=gate))
        searches.submit(answered)
        searches.submit(_Search("last"))
        answered.needed = False
        gate.set()

    assert run(scenario, threads=1).done == ["first", "last"]
    assert answered.threads is None


def test_one_device_has_one_search_at_a_time():
    gate = threading.Event()
    second = _Search("second", owner="phone", address="192.0.2.2")

    def scenario(searches):
        searches.submit(_Search("first", owner="phone", waits=gate))
        searches.submit(second)
        searches.submit(_Search("other", waits=gate))
        assert len(searches) == 1  # the other device's has the second thread
        assert second.threads is None
        gate.set()

    record = run(scenario, threads=2)
    assert record.done.index("second") > record.done.index("first")


def test_big_search_has_all_threads_only_while_nobody_waits():
    gate = threading.Event()
    big, second, small = _Search("big", keys=10**6, waits=gate), _Search("second", keys=10**6), _Search("small")

    def scenario(searches):
        searches.submit(big)
        searches.submit(second)
        gate.set()

    run(scenario, threads=2)
    run(lambda searches: searches.submit(small), threads=2)
    assert (big.threads, second.threads, small.threads) == (2, 1, 1)
