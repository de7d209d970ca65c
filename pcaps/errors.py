"""What can be wrong with what a capture holds, and with asking a server about it.

CaptureError
└── OptionError     an option says what cannot be; the text names it
"""


class CaptureError(Exception):
    """Base of what `pcaps` raises."""


class OptionError(CaptureError):
    """An option that cannot be meant."""
