"""When something holds."""

from datetime import datetime, timedelta

from ...errors import InvalidValue


def check_window(starts: datetime | None, ends: datetime | None, what: str = "key") -> None:
    """Raise InvalidValue unless both ends are UTC and in order."""
    for instant in (starts, ends):
        if instant is not None and instant.utcoffset() != timedelta(0):
            raise InvalidValue("instants are timezone-aware UTC")
    if starts is not None and ends is not None and ends <= starts:
        begin, end = f"{starts:%Y-%m-%d %H:%M}", f"{ends:%Y-%m-%d %H:%M}"
        raise InvalidValue(f"the {what} would end ({end} UTC) before it starts ({begin} UTC)")
