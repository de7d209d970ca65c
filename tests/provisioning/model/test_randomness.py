"""Random choices for thousands of records."""

from collections import Counter

import pytest

from provisioning.model.rules.passphrases import generate_passphrase
from provisioning.model.rules.randomness import many_choices


@pytest.mark.parametrize("letters", ["a", "ab", "abcdefghijkmnpqrstuvwxyz23456789", "".join(map(chr, range(256)))])
def test_each_letter_is_as_likely(letters):
    choose = many_choices()
    count = Counter(choose(letters) for _ in range(400 * len(letters)))
    assert set(count) == set(letters)
    assert all(250 < each < 550 for each in count.values()) or len(letters) == 1  # 7 standard deviations


def test_octets_that_would_favour_some_letters_are_passed_over(monkeypatch):
    monkeypatch.setattr("provisioning.model.rules.randomness.os.urandom", lambda _: bytes([255, 254, 3]))
    assert many_choices()("abc") == "c"  # by 254: with 255 there would be one more for a
    choose = many_choices()
    assert [choose("abcdefghijklmnopqrstuvwxyz") for _ in range(2)] == ["d", "d"]


def test_passphrases_of_two_sources_do_not_repeat():
    assert len({generate_passphrase(many_choices()).value for _ in range(200)}) == 200
