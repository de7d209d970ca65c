"""Passphrases: made in several styles with the entropy that the making gives, joined of parts, and judged."""

import enum
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from ...errors import InvalidValue
from ..key import Passphrase
from .identifiers import UNMISTAKABLE

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 63
ENOUGH_BITS: Final = 40.0  # less is warned of
MAX_OWN: Final = 40  # characters that a subscriber chooses
MAX_PREFIX: Final = 20  # characters before the random part of scratch cards

_GROUPS: Final = 4
_GROUP_LETTERS: Final = 4  # 4 groups of 4 of 31: 79 bits

_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_ALNUM: Final = _SMALL + _SMALL.upper() + _DIGITS
# Without blanks, quotes, backslash, comma and semicolon, which spreadsheets and shells take for their own, and without
# ^ ~ and the grave accent, which many keyboards hold back to put them on the next letter.
_STRONG: Final = _ALNUM + "!#$%&*+-./:=?@_"

_WORDS: Final = 4  # of 7772, and the suffix: 71 bits
_MAX_WORDS: Final = 12
_SUFFIX: Final = 4  # of 31, after a dash: 19 bits
_SUFFIX_OCTETS: Final = _SUFFIX + 1

Below = Callable[[int], int]


class Style(enum.Enum):
    """What a generated passphrase is made of."""

    WORDS = "words"  # of EFF's long list, and a suffix: can be remembered
    STRONG = "strong"  # letters, digits and signs
    NUMERIC = "numeric"  # for what has only a keypad
    APARTMENT = "apartment"  # small letters and digits that do not look alike: can be read off paper


_LENGTHS: Final = {Style.STRONG: 20, Style.NUMERIC: 16, Style.APARTMENT: 12}


@dataclass(frozen=True, slots=True)
class Generated:
    """A passphrase and the base-2 logarithm of how many it might as well have been."""

    passphrase: Passphrase
    bits: float


def generate_passphrase(choose: Callable[[str], str] = secrets.choice) -> Passphrase:
    """Return a new passphrase of 79 random bits that can be read out over a telephone.

    choose: another source than the system's, for test packets that must repeat
    """
    groups = ("".join(choose(UNMISTAKABLE) for _ in range(_GROUP_LETTERS)) for _ in range(_GROUPS))
    return Passphrase("-".join(groups).encode())


def generate(
    style: Style | None = None, *, length: int | None = None, words: int | None = None, below: Below = secrets.randbelow
) -> Generated:
    """Return a new passphrase of a style; without one of four groups of letters, as generate_passphrase.

    length: 8 to 63 characters, by default as many as give 53 bits or more
    words: how many, 1 to 12; only of the style words
    below: returns a random number below its argument
    """
    if style is None:
        if length is not None or words is not None:
            raise InvalidValue("a length of the passphrase needs a style")
        bits = _GROUPS * _GROUP_LETTERS * math.log2(len(UNMISTAKABLE))
        return Generated(generate_passphrase(lambda letters: letters[below(len(letters))]), bits)
    if length is not None and not MIN_LENGTH <= length <= MAX_LENGTH:
        raise InvalidValue(f"length of the passphrase must be {MIN_LENGTH} to {MAX_LENGTH}, got {length}")
    if style is Style.WORDS:
        return _of_words(length, words, below)
    if words is not None:
        raise InvalidValue(f"a number of words goes with the style words, not with {style.value}")
    count = _LENGTHS[style] if length is None else length
    if style is Style.STRONG:  # a sign in front would be a formula to a spreadsheet
        return _of_letters([_ALNUM, *[_STRONG] * (count - 1)], below)
    return _of_letters([_DIGITS if style is Style.NUMERIC else UNMISTAKABLE] * count, below)


def _of_letters(alphabets: list[str], below: Below) -> Generated:
    text = "".join(letters[below(len(letters))] for letters in alphabets)
    return Generated(Passphrase(text.encode()), sum(math.log2(len(letters)) for letters in alphabets))


def _of_words(length: int | None, words: int | None, below: Below) -> Generated:
    """Return words and a suffix, with dashes between them: each row of this length or number is equally likely."""
    if words is not None and not 1 <= words <= _MAX_WORDS:
        raise InvalidValue(f"words of the passphrase must be 1 to {_MAX_WORDS}, got {words}")
    if length is None:
        count = _WORDS if words is None else words
        most = _letters_left(MAX_LENGTH, count)
        among = [letters for letters in range(most + 1) if _ways(count, letters)]
    else:
        counts = range(1, _MAX_WORDS + 1) if words is None else (words,)
        count = max(counts, key=lambda each: _ways(each, _letters_left(length, each)))
        among = [_letters_left(length, count)]
    total = sum(_ways(count, letters) for letters in among)
    if not total:
        raise InvalidValue(f"{words} words and a suffix cannot be {length} characters")
    row = _unrank(below(total), count, among)
    suffix = "".join(UNMISTAKABLE[below(len(UNMISTAKABLE))] for _ in range(_SUFFIX))
    bits = math.log2(total) + _SUFFIX * math.log2(len(UNMISTAKABLE))
    return Generated(Passphrase("-".join([*row, suffix]).encode()), bits)


def _letters_left(length: int, words: int) -> int:
    return length - _SUFFIX_OCTETS - (words - 1)


def _unrank(rank: int, count: int, among: list[int]) -> list[str]:
    """Return that one of all rows of `count` words whose letters together are one of the numbers in `among`."""
    for letters in among:
        if rank < _ways(count, letters):
            break
        rank -= _ways(count, letters)
    row = []
    for left in range(count - 1, -1, -1):
        for size, words in _word_list().items():
            rest = _ways(left, letters - size)
            if rank < len(words) * rest:
                break
            rank -= len(words) * rest
        place, rank = divmod(rank, rest)
        row.append(words[place])
        letters -= size
    return row


@cache
def _ways(count: int, letters: int) -> int:
    """Return how many rows of `count` words have `letters` letters together."""
    if count == 0 or letters <= 0:
        return int(count == 0 and letters == 0)
    return sum(len(words) * _ways(count - 1, letters - size) for size, words in _word_list().items())


@lru_cache(maxsize=1)
def _word_list() -> Mapping[int, tuple[str, ...]]:
    """Return EFF's long word list by the lengths of the words, without four that have a dash in them.

    xkcdpass carries the list (CC BY 3.0) under a BSD licence and is kept up; diceware, which has it too, is GPL. Of the
    package only the list is used: where a file is missing, its own code quietly takes the system's dictionary. With
    words of letters only, two different rows are two different texts.
    """
    from importlib.resources import files  # for the style words only: no other command waits for it

    text = files("xkcdpass").joinpath("static/eff-long").read_text("ascii")
    words = {word for word in text.split() if word.isalpha()}
    return {size: tuple(sorted(word for word in words if len(word) == size)) for size in sorted(set(map(len, words)))}


def user_part(own: str, suffix: str) -> Generated:
    """Return the passphrase of what a subscriber chose, with their suffix behind it.

    own: 1 to 40 characters from ! to ~ (no blank)
    suffix: of the subscriber, random as new_suffix makes it
    The bits are those of the suffix and what estimate_bits() says of the rest.
    """
    _check_part(own, "own part of the key", 1, MAX_OWN)
    _check_part(suffix, "suffix of the subscriber", 1, MAX_LENGTH)
    length = len(own) + len(suffix)
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise InvalidValue(
            f"own part of the key ({len(own)}) and suffix ({len(suffix)}) make {length} characters,"
            f" not {MIN_LENGTH} to {MAX_LENGTH}"
        )
    bits = len(suffix) * math.log2(len(UNMISTAKABLE)) + _estimate(own)
    return Generated(Passphrase((own + suffix).encode()), bits)


def card_passphrase(
    prefix: str = "",
    style: Style = Style.APARTMENT,
    *,
    length: int | None = None,
    words: int | None = None,
    below: Below = secrets.randbelow,
) -> Generated:
    """Return the passphrase of a scratch card: the prefix of its batch and a random part, which the bits are of.

    prefix: 0 to 20 characters from ! to ~
    length, words: of the random part
    """
    _check_part(prefix, "prefix of the cards", 0, MAX_PREFIX)
    random = generate(style, length=length, words=words, below=below)
    text = prefix.encode() + random.passphrase.value
    if len(text) > MAX_LENGTH:
        raise InvalidValue(f"prefix and random part of the cards make {len(text)} characters, more than {MAX_LENGTH}")
    return Generated(Passphrase(text), random.bits)


def _check_part(text: str, what: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        raise InvalidValue(f"{what} must be {least} to {most} characters, got {len(text)}")
    for place, character in enumerate(text):
        if not "!" <= character <= "~":
            raise InvalidValue(f"{what}: character {place + 1} is not one of ! to ~ (ASCII without the blank)")


def estimate_bits(passphrase: Passphrase) -> float:
    """Return at most how many bits a passphrase is worth that somebody chose.

    It is an upper bound: with so many guesses it falls to those who try the words, names, dates, keyboard rows and
    repetitions of zxcvbn's lists, and everything else one character after the other. Whoever knows more, such as the
    flat's number, needs fewer. It takes milliseconds, and up to two seconds for 63 signs: not for the rows of a file.
    """
    return _estimate(passphrase.value.decode("ascii"))


def _estimate(text: str) -> float:
    from zxcvbn import zxcvbn  # its lists take 20 ms to load, and only a passphrase that somebody chose needs them

    each = math.log2(_alphabet(text))
    return min(len(text) * each, sum(_piece_bits(piece, each) for piece in zxcvbn(text)["sequence"]))


def _piece_bits(piece: Mapping[str, Any], each: float) -> float:
    """Return the bits of one piece. zxcvbn counts 10 guesses for an unknown character, which may be one of 94."""
    if piece["pattern"] == "bruteforce":
        return len(piece["token"]) * each
    if piece["pattern"] == "repeat":
        return _estimate(piece["base_token"]) + math.log2(piece["repeat_count"])
    return float(piece["guesses_log10"]) * math.log2(10)


def _alphabet(text: str) -> int:
    signs = any(not c.isalnum() for c in text)
    return (
        26 * any(c.islower() for c in text)
        + 26 * any(c.isupper() for c in text)
        + 10 * any(c.isdigit() for c in text)
        + 33 * signs
    )


def weakness(bits: float, *, chosen: bool = False) -> str | None:
    """Return the warning that a passphrase of fewer than 40 bits is due, else None.

    chosen: by somebody, so that `bits` is the upper bound of estimate_bits()
    """
    bits = round(bits, 6)  # 2 guesses are 0.9999999999999998 bits
    if bits >= ENOUGH_BITS:
        return None
    worth = f"is worth less than {math.floor(bits) + 1} bits" if chosen else f"has {math.floor(bits)} bits of entropy"
    return f"the passphrase {worth}, and {ENOUGH_BITS:.0f} are the least: whoever records one handshake can guess it"
