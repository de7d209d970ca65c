"""The queue between the engine and the worker threads."""

import asyncio
import threading

from radiusd.searches import Searches


class _Exchange:
    dead = False


class _Case:
    def __init__(self, keys):
        self.keys = keys
        self.exchange = _Exchange()


class _Search:
    """A search that takes as long as it is told to."""

    def __init__(self, name, *, keys=10, fails=False, waits=None):
        self.name = name
        self.case = _Case(keys)
        self.threads = None
        self._fails = fails
        self._waits = waits

    def run(self, threads):
        self.threads = threads
        if self._waits is not None:
            self._waits.wait(5)
        if self._fails:
            raise RuntimeError(self.name)


def run(scenario, **options):
    """Run `scenario(searches)`; return what was done and what failed, by name and in order."""

    async def main():
        done, failed = [], []
        searches = Searches(
            lambda search: done.append(search.name),
            lambda search, error: failed.append((search.name, str(error))),
            **options,
        )
        try:
            scenario(searches)
            await searches.drain(5)
        finally:
            searches.close()
        return done, failed

    return asyncio.run(main())


def test_searches_are_run_in_order():
    def scenario(searches):
        assert all(searches.submit(_Search(number)) for number in range(20))

    assert run(scenario, threads=1) == (list(range(20)), [])


def test_full_queue_takes_no_more():
    gate = threading.Event()

    def scenario(searches):
        taken = [searches.submit(_Search(number, waits=gate)) for number in range(6)]
        assert taken == [True] * 5 + [False]  # two are run, three wait
        gate.set()

    assert run(scenario, threads=2, capacity=3)[0].sort() is None


def test_search_that_goes_on_does_not_queue_again():
    gate = threading.Event()

    def scenario(searches):
        for number in range(3):
            searches.submit(_Search(number, waits=gate))
        searches.resume(_Search("resumed"))
        gate.set()

    assert run(scenario, threads=1, capacity=3)[0] == [0, "resumed", 1, 2]


def test_failed_search_does_not_stop_the_others():
    def scenario(searches):
        searches.submit(_Search("bad", fails=True))
        searches.submit(_Search("good"))

    assert run(scenario, threads=1) == (["good"], [("bad", "bad")])


def test_superseded_search_is_not_run():
    gate = threading.Event()
    dead = _Search("dead")

    def scenario(searches):
        searches.submit(_Search("first", waits=gate))
        searches.submit(dead)
        dead.case.exchange.dead = True
        gate.set()

    assert run(scenario, threads=1)[0] == ["first", "dead"]
    assert dead.threads is None


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
