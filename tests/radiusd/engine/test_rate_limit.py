"""Floods have few lines, and each resident who is refused has one."""

from radiusd.engine.rate_limit import RateLimit, RefusalThrottle


def test_flood_gets_what_is_allowed_and_no_less():
    limit = RateLimit(per_second=5.0, burst=10)
    assert sum(limit.allows("ap", n / 1000) for n in range(10_001)) in (59, 60)


class TestRefusals:
    def test_each_that_differs_has_its_line(self):
        throttle = RefusalThrottle()
        assert {throttle.tell(f"device={n} reason={n % 3}", "ap", 0.0) for n in range(1000)} == {0}

    def test_one_that_repeats_itself_is_told_again_after_a_while_with_the_number(self):
        throttle = RefusalThrottle(interval_s=5.0, equal=3)
        told = [throttle.tell("device=1", "ap", n * 0.5) for n in range(21)]
        assert told == [0, 0, 0, *[None] * 7, 7, 0, 0, *[None] * 7, 7]
        assert throttle.tell("device=2", "ap", 14.0) == 0
        assert [throttle.tell("device=1", "ap", 14.0) for _ in range(3)] == [0, 0, None]
        assert throttle.overdue(14.9) == []
        assert throttle.overdue(15.0) == [("device=1", 1)]
        assert throttle.overdue(20.0) == []
        assert throttle.tell("device=1", "ap", 20.0) == 0

    def test_flood_of_one_nas_is_bounded_and_costs_no_other_nas_a_line(self):
        throttle = RefusalThrottle(per_second=20.0, burst=1000)
        told = sum(throttle.tell(f"device={n}", "ap1", n / 10_000) is not None for n in range(100_000))
        assert told in (1199, 1200)  # ten seconds of ten thousand
        assert throttle.tell("device=0", "ap2", 10.0) == 0
        assert throttle.floods(10.0) == [("ap1", 100_000 - told)]
        throttle.tell("device=x", "ap1", 10.0)
        for n in range(50):
            throttle.tell(f"device=y{n}", "ap1", 10.0)
        assert throttle.floods(11.0) == []
        ((nas, count),) = throttle.floods(15.0)
        assert (nas, count > 45) == ("ap1", True)

    def test_memory_is_bounded(self):
        throttle = RefusalThrottle(capacity=100)
        told = sum(throttle.tell(f"device={n}", f"ap{n}", 0.0) is not None for n in range(1000))
        assert told == 100
        assert sum(count for _, count in throttle.floods(0.0)) == 900
