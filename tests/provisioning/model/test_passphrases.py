import math
import random
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning import InvalidValue, Passphrase
from provisioning.model.rules.identifiers import UNMISTAKABLE, new_suffix
from provisioning.model.rules.passphrases import (
    Style,
    _unrank,
    _ways,
    _word_list,
    card_passphrase,
    estimate_bits,
    generate,
    generate_passphrase,
    user_part,
    weakness,
)

STYLES = st.sampled_from(Style)
LENGTHS = st.integers(8, 63)
WORDS = frozenset(files("xkcdpass").joinpath("static/eff-long").read_text("ascii").split())


def text_of(made):
    return made.passphrase.value.decode()


def test_without_a_style_it_is_four_groups_of_letters():
    made = generate()
    assert [len(group) for group in text_of(made).split("-")] == [4] * 4
    assert made.bits == pytest.approx(16 * math.log2(31))
    assert not set(text_of(made)) - set(UNMISTAKABLE + "-")
    assert generate_passphrase(random.Random(1).choice) == generate_passphrase(random.Random(1).choice)


def test_generated_passphrases_are_long_readable_and_different():
    values = [generate_passphrase().value for _ in range(200)]
    assert len(set(values)) == 200
    assert all(len(value) == 19 and not set(value) & set(b"01ilo \"',") for value in values)


@settings(deadline=None)
@given(STYLES, LENGTHS)
def test_every_style_makes_every_length(style, length):
    made = generate(style, length=length)
    assert len(text_of(made)) == length
    assert made.bits > 0


@pytest.mark.parametrize("length", range(8, 64))
def test_words_fill_every_length_whatever_the_words_are(length):
    made = generate(Style.WORDS, length=length)
    *words, suffix = text_of(made).split("-")
    assert len(text_of(made)) == length
    assert set(words) <= WORDS
    assert len(suffix) == 4
    assert not set(suffix) - set(UNMISTAKABLE)


@pytest.mark.parametrize("count", range(1, 13))
def test_words_are_as_many_as_asked_for(count):
    for _ in range(20):
        text = text_of(generate(Style.WORDS, words=count))
        assert len(text.split("-")) == count + 1
        assert 8 <= len(text) <= 63


def test_words_of_any_length_have_the_bits_of_the_list():
    assert generate(Style.WORDS, words=4).bits == pytest.approx(4 * math.log2(7772) + 4 * math.log2(31))
    assert text_of(generate(Style.WORDS)).count("-") == 4
    # Twelve words fit into 63 characters only if they are short: fewer are possible, and it is said.
    assert generate(Style.WORDS, words=12).bits < 12 * math.log2(7772)


@pytest.mark.parametrize(
    ("style", "letters", "first"), [(Style.STRONG, 77, 62), (Style.NUMERIC, 10, 10), (Style.APARTMENT, 31, 31)]
)
def test_bits_are_those_of_the_choices_made(style, letters, first):
    choices = []

    def below(count):
        choices.append(count)
        return count - 1

    made = generate(style, length=12, below=below)
    assert choices == [first] + [letters] * 11
    assert made.bits == pytest.approx(math.log2(math.prod(choices)))


def test_words_are_chosen_at_once_among_all_of_that_length():
    choices = []

    def below(count):
        choices.append(count)
        return 0

    made = generate(Style.WORDS, length=20, below=below)
    assert made.bits == pytest.approx(math.log2(math.prod(choices)))


def test_each_number_is_another_row_of_words():
    among = [6, 7]  # two words of three letters, or of three and four
    by_length = {size: len([word for word in WORDS if word.isalpha() and len(word) == size]) for size in (3, 4)}
    total = sum(_ways(2, letters) for letters in among)
    assert total == by_length[3] ** 2 + 2 * by_length[3] * by_length[4]
    rows = Counter("-".join(_unrank(rank, 2, among)) for rank in range(total))
    assert len(rows) == total
    assert {len(row) - 1 for row in rows} == {6, 7}


def test_the_list_is_effs_without_words_that_have_a_dash():
    listed = {word for words in _word_list().values() for word in words}
    assert len(WORDS) == 6**5
    assert WORDS - listed == {"drop-down", "felt-tip", "t-shirt", "yo-yo"}


def test_default_lengths_are_worth_more_than_53_bits():
    assert {style: len(text_of(generate(style))) for style in Style if style is not Style.WORDS} == {
        Style.STRONG: 20,
        Style.NUMERIC: 16,
        Style.APARTMENT: 12,
    }
    assert all(generate(style).bits > 53 for style in Style)


@given(LENGTHS)
def test_alphabets_are_those_of_the_styles(length):
    assert text_of(generate(Style.NUMERIC, length=length)).isdigit()
    assert not set(text_of(generate(Style.APARTMENT, length=length))) & set("0o1liO ")
    strong = text_of(generate(Style.STRONG, length=length))
    assert strong[0].isalnum()  # = + - @ in front are formulas to a spreadsheet
    assert not set(strong) & set(" \"'\\,;`^~")


def test_two_are_never_the_same():
    for style in Style:
        assert len({text_of(generate(style)) for _ in range(200)}) == 200


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("length", [-1, 0, 7, 64])
def test_lengths_are_8_to_63(style, length):
    with pytest.raises(InvalidValue, match=f"length of the passphrase must be 8 to 63, got {length}"):
        generate(style, length=length)


@pytest.mark.parametrize(
    ("style", "options", "why"),
    [
        (None, {"length": 12}, "needs a style"),
        (None, {"words": 4}, "needs a style"),
        (Style.NUMERIC, {"words": 4}, "goes with the style words, not with numeric"),
        (Style.WORDS, {"words": 0}, "must be 1 to 12"),
        (Style.WORDS, {"words": 13}, "must be 1 to 12"),
        (Style.WORDS, {"words": 1, "length": 40}, "1 words and a suffix cannot be 40 characters"),
        (Style.WORDS, {"words": 6, "length": 20}, "6 words and a suffix cannot be 20 characters"),
    ],
)
def test_what_does_not_go_together_is_refused(style, options, why):
    with pytest.raises(InvalidValue, match=why):
        generate(style, **options)


def test_words_take_a_number_and_a_length():
    text = text_of(generate(Style.WORDS, words=3, length=30))
    assert (len(text), text.count("-")) == (30, 3)


def test_own_part_gets_the_suffix_appended():
    suffix = new_suffix()
    made = user_part("rosebud!", suffix)
    assert text_of(made) == "rosebud!" + suffix
    assert made.bits >= 8 * math.log2(31)
    assert text_of(user_part("x" * 40, "a" * 23)) == "x" * 40 + "a" * 23  # 63
    assert text_of(user_part("x", "abcdefg")) == "xabcdefg"  # 8


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40))
def test_any_own_part_of_1_to_40_characters_makes_a_passphrase_worth_40_bits_or_nearly(own):
    suffix = new_suffix()
    made = user_part(own, suffix)
    assert made.passphrase == Passphrase((own + suffix).encode())
    assert made.bits > 39


@pytest.mark.parametrize(
    ("own", "suffix", "why"),
    [
        ("", "abcdefgh", "own part of the key must be 1 to 40 characters, got 0"),
        ("~" * 41, "abcdefgh", "own part of the key must be 1 to 40 characters, got 41"),
        ("two words", "abcdefgh", "own part of the key: character 4 is not one of ! to"),
        ("café", "abcdefgh", "own part of the key: character 4"),
        ("tab\t", "abcdefgh", "own part of the key: character 4"),
        ("~" * 40, "a" * 24, "make 64 characters"),
        ("~", "abcdef", "make 7 characters"),
        ("rosebud", "", "suffix of the subscriber"),
        ("rosebud", "a b", "suffix of the subscriber"),
    ],
)
def test_own_parts_that_make_no_passphrase_are_refused_without_showing_them(own, suffix, why):
    with pytest.raises(InvalidValue, match=why) as caught:
        user_part(own, suffix)
    assert not own[:4] or own[:4] not in str(caught.value)


def test_cards_have_their_prefix_in_front_and_only_the_rest_counts():
    made = card_passphrase("HOTEL-")
    assert text_of(made).startswith("HOTEL-")
    assert len(text_of(made)) == 18
    assert made.bits == pytest.approx(12 * math.log2(31))
    assert len(text_of(card_passphrase())) == 12
    assert len(text_of(card_passphrase("x" * 20, Style.NUMERIC, length=43))) == 63
    assert len(text_of(card_passphrase("x" * 20, Style.WORDS, words=2)).split("-")) == 3


@pytest.mark.parametrize(
    ("prefix", "options", "why"),
    [
        ("x" * 21, {}, "prefix of the cards must be 0 to 20 characters, got 21"),
        ("a b", {}, "prefix of the cards: character 2"),
        ("x" * 20, {"length": 44}, "make 64 characters"),
    ],
)
def test_prefixes_of_cards_are_0_to_20_characters_without_blanks(prefix, options, why):
    with pytest.raises(InvalidValue, match=why):
        card_passphrase(prefix, **options)


@pytest.mark.parametrize(
    "text",
    *[
        [
            "password",
            "Password1",
            "12345678",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "P4ssw0rd2024",
            "20262026",
            "0" * 64,
            " " * 8,
        ]
    ],
)
def test_what_everybody_tries_is_warned_of(text):
    bits = estimate_bits(Passphrase(text.encode()))
    assert 0 <= bits < 30
    assert "is worth less than" in weakness(bits, chosen=True)


@pytest.mark.parametrize(
    "text", ["k7f2-9qzx-m3wr-tt8e", "Xq9#vLm2!pRz", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"]
)
def test_what_looks_random_is_not(text):
    bits = estimate_bits(Passphrase(text.encode()))
    assert weakness(bits, chosen=True) is None


def test_a_repetition_is_worth_a_little_more_than_once():
    once, thrice = (estimate_bits(Passphrase(b"k7Xq2mZp" * times)) for times in (1, 3))
    assert thrice == pytest.approx(once + math.log2(3))


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=16))
def test_the_estimate_is_never_more_than_that_of_random_characters(text):
    assert 0 <= estimate_bits(Passphrase(text.encode())) <= len(text) * math.log2(95) + 1e-9


@pytest.mark.parametrize("style", [Style.NUMERIC, Style.STRONG, Style.APARTMENT])
def test_the_estimate_of_random_passphrases_is_near_what_their_making_gave(style):
    below = random.Random(1).randrange
    made = [generate(style, length=16, below=below) for _ in range(50)]
    # Chance makes words, dates and runs, and so the estimate of some is less.
    share = [estimate_bits(each.passphrase) / each.bits for each in made]
    assert 0.8 < sum(share) / len(share) < 1.1


def test_less_than_40_bits_are_warned_of():
    assert weakness(40.0) is None
    assert weakness(39.99).startswith("the passphrase has 39 bits of entropy, and 40 are the least")
    assert "less than 2 bits" in weakness(estimate_bits(Passphrase(b"password")), chosen=True)
    assert weakness(12.5, chosen=True).startswith("the passphrase is worth less than 13 bits, and 40 are the least")
    assert weakness(generate(Style.NUMERIC, length=12).bits) is not None
    assert weakness(generate(Style.NUMERIC, length=13).bits) is None


def test_a_made_passphrase_shows_itself_to_no_log():
    made = user_part("rosebud", "abcdefgh")
    assert "rosebud" not in repr(made)
