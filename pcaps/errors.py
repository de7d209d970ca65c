"""What can be wrong with what a capture holds, and with what one is to be made of.

CaptureError
└── RecipeError   an option asks for a packet that cannot be; the text names the option, never a secret

Our own mistakes (a nonce of 31 octets handed in by code) are ValueError.
"""


class CaptureError(Exception):
    """Base of what `pcaps` raises."""


class RecipeError(CaptureError):
    """A packet that cannot be made as asked."""
