"""Why something was refused, in words for a person; with one word out of few for a counter."""

from typing import Final, Self

OTHER: Final = "other"


class Reason(str):
    """A reason in words. `code` is the same for all reasons of a kind, and holds no name and no date."""

    __slots__ = ("code",)
    code: str

    def __new__(cls, text: str, code: str) -> Self:
        reason = super().__new__(cls, text)
        reason.code = code
        return reason


def code_of(reason: str) -> str:
    """Return what a reason is counted under."""
    return reason.code if isinstance(reason, Reason) else OTHER
