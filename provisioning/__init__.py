"""What exists and who may use it: the domain model, the store, key lifecycle."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .commands.command_group import CommandGroup, no_such_command
from .commands.completion import (
    complete_keys,
    complete_nases,
    complete_plans,
    complete_pools,
    complete_units,
    complete_venues,
)
from .commands.options import (
    database_path,
    db_option,
    json_option,
    open_database,
    progress_bar,
    read_secret,
    secret_options,
)
from .commands.unopened import Unopened, how_to_mend
from .errors import (
    AlreadyExists,
    Ambiguous,
    Duplicate,
    DuplicateKey,
    FileRefused,
    ImportRefused,
    InvalidValue,
    KeyRemoved,
    MasterKeyError,
    NewerDatabase,
    NotFound,
    ProvisioningError,
    Refusal,
    RowDamaged,
    StoreError,
    StoreMissing,
    StoreReplaced,
)
from .keys import derive_pmks
from .model import (
    Answers,
    AuditEntry,
    Author,
    Change,
    Device,
    DeviceBatch,
    Entity,
    Key,
    KeyBatch,
    KeyDraft,
    KeyLabel,
    Keypool,
    KeyStatus,
    Nas,
    Passphrase,
    Scope,
    ServicePlan,
    Sighting,
    Subscriber,
    Unit,
    UnknownDevices,
    Venue,
)
from .model.rules.passphrases import generate_passphrase
from .model.rules.zones import parse_instant, parse_zone, render_instant
from .reasons import Reason, code_of
from .secrets import KEY_VARIABLE, MasterKey, key_path
from .selectors import find_key, find_keypool, find_nas, find_unit, find_venue, keys_of
from .store import Store, create_store, open_store
from .store.sync import ConnectorState
from .text import ABSENT, printable, quote, quote_octets, render_time

if TYPE_CHECKING:
    from .lifecycle.importing.importing import ImportOptions, import_keys
    from .lifecycle.importing.report import Imported
    from .store.files.integrity import Condition

# What an import of keys alone needs: every other command starts a tenth earlier without it.
_LATER: Final = {
    "Condition": ".store.files.integrity",
    "ImportOptions": ".lifecycle.importing.importing",
    "Imported": ".lifecycle.importing.report",
    "import_keys": ".lifecycle.importing.importing",
}


def __getattr__(name: str) -> Any:
    """Return what is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)


__all__ = [
    "ABSENT",
    "KEY_VARIABLE",
    "AlreadyExists",
    "Ambiguous",
    "Answers",
    "AuditEntry",
    "Author",
    "Change",
    "CommandGroup",
    "Condition",
    "ConnectorState",
    "Device",
    "DeviceBatch",
    "Duplicate",
    "DuplicateKey",
    "Entity",
    "FileRefused",
    "ImportOptions",
    "ImportRefused",
    "Imported",
    "InvalidValue",
    "Key",
    "KeyBatch",
    "KeyDraft",
    "KeyLabel",
    "KeyRemoved",
    "KeyStatus",
    "Keypool",
    "MasterKey",
    "MasterKeyError",
    "Nas",
    "NewerDatabase",
    "NotFound",
    "Passphrase",
    "ProvisioningError",
    "Reason",
    "Refusal",
    "RowDamaged",
    "Scope",
    "ServicePlan",
    "Sighting",
    "Store",
    "StoreError",
    "StoreMissing",
    "StoreReplaced",
    "Subscriber",
    "Unit",
    "UnknownDevices",
    "Unopened",
    "Venue",
    "code_of",
    "complete_keys",
    "complete_nases",
    "complete_plans",
    "complete_pools",
    "complete_units",
    "complete_venues",
    "create_store",
    "database_path",
    "db_option",
    "derive_pmks",
    "find_key",
    "find_keypool",
    "find_nas",
    "find_unit",
    "find_venue",
    "generate_passphrase",
    "how_to_mend",
    "import_keys",
    "json_option",
    "key_path",
    "keys_of",
    "no_such_command",
    "open_database",
    "open_store",
    "parse_instant",
    "parse_zone",
    "printable",
    "progress_bar",
    "quote",
    "quote_octets",
    "read_secret",
    "render_instant",
    "render_time",
    "secret_options",
]
