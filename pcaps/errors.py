"""What can be wrong with what a capture holds, and with asking a server about it.

CaptureError
├── OptionError     an option's value is impossible; the text names it
├── FormatError     the file is not a capture, or of a kind that is not read
├── ExportError     a handshake that another program's format cannot hold
└── SendError       the server could not be asked, did not answer, or answered what it must not
"""


class CaptureError(Exception):
    """Base of what `pcaps` raises."""


class OptionError(CaptureError):
    """An option whose value is impossible."""


class FormatError(CaptureError):
    """Not a capture file that can be read."""


class ExportError(CaptureError):
    """A handshake that another program's format cannot hold."""


class SendError(CaptureError):
    """No answer, or one that an access point would not take."""
