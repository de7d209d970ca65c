"""What attributes are called: the files in `dictionaries`, in FreeRADIUS's syntax, read by pyrad when first asked.

Nothing on the way of a sound request asks: the names are for errors, the log and people.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..model import AttributeType

if TYPE_CHECKING:
    from pyrad.dictionary import Dictionary

FOLDER: Final = Path(__file__).with_name("dictionaries")
# pyrad reads no extended attributes (RFC 6929); FreeRADIUS has these two in dictionary.freeradius.evs5.
_EXTENDED: Final[dict[AttributeType, str]] = {
    (245, 26, 11344, 1): "FreeRADIUS-802.1X-Anonce",
    (245, 26, 11344, 2): "FreeRADIUS-802.1X-EAPoL-Key-Msg",
}


@cache
def load_dictionary() -> "Dictionary":
    """Return what all files in `dictionaries` say, for pyrad's packets and clients too."""
    from pyrad.dictionary import Dictionary  # 20 ms, which no command's help should pay

    return Dictionary(*sorted(str(path) for path in FOLDER.glob("dictionary.*")))


def attribute_name(kind: AttributeType) -> str:
    """Return an attribute's name; its number, as in 26.25053.153, where no dictionary has it.

    kind: may go one step further than on the wire, to the sub-attribute of a vendor's attribute: (26, 25053, 153, 3)
    """
    index = load_dictionary().attrindex
    key = kind[1:] if isinstance(kind, tuple) and kind[0] == 26 else kind
    if index.HasBackward(key):
        return str(index.GetBackward(key))
    return _EXTENDED.get(kind) or (".".join(map(str, kind)) if isinstance(kind, tuple) else f"attribute {kind}")
