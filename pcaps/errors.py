"""What can be wrong with what a capture holds, and with asking a server about it.

CaptureError
├── OptionError     an option says what cannot be; the text names it
├── FormatError     the file is no capture, or of a kind that is not read
├── ExportError     a handshake that another program's format has no place for
└── SendError       the server could not be asked, did not answer, or answered what it must not
"""


class CaptureError(Exception):
    """Base of what `pcaps` raises."""


class OptionError(CaptureError):
    """An option that cannot be meant."""


class FormatError(CaptureError):
    """Not a capture file that can be read."""


class ExportError(CaptureError):
    """A handshake that another program's format cannot hold."""


class SendError(CaptureError):
    """No answer, or one that an access point would not take."""
