"""The person or account a key belongs to."""

from dataclasses import dataclass

from .names import check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """The person or account a key belongs to."""

    id: int
    name: str

    def __post_init__(self) -> None:
        check_name(self.name, "subscriber name")
