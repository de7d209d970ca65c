"""The database's shape, step by step. Rule: a released step is never edited; the next change is the next number.

Instants are integer seconds since 1970 UTC; SSIDs, MAC addresses and sealed values are BLOBs. `counters` holds the
highest id ever given out per table: an id is part of what a sealed value is bound to and of what the server and its log
say, so it is never used twice.
"""

import re
from typing import TYPE_CHECKING, Final

from sqlite_utils import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATIONS: Final = Migrations("latchkey")
# Another name in a database: a later version wrote it.
KNOWN: Final = (
    "0001_first_tables",
    "0002_device_sequence",
    "0003_unknown_devices",
    "0004_plan_quotas",
    "0005_nas_answers_and_registered_devices",
    "0006_change_marks",
    "0007_last_seen_from_now",
    "0008_life_of_a_key",
    "0009_synchronisation",
    "0010_states_that_a_sync_gave",
)


@MIGRATIONS(name="0001_first_tables")
def _first_tables(db: "Database") -> None:
    db.executescript(
        """
        CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE counters (name TEXT PRIMARY KEY, highest INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE changes (
            revision INTEGER PRIMARY KEY AUTOINCREMENT,
            entity TEXT NOT NULL,
            first_id INTEGER NOT NULL,
            last_id INTEGER NOT NULL
        );
        CREATE TABLE venues (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            wireless_only_vlan_offset INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE venue_nas_identifiers (
            nas_identifier TEXT PRIMARY KEY,
            venue_id INTEGER NOT NULL REFERENCES venues(id)
        ) WITHOUT ROWID;
        CREATE TABLE units (
            id INTEGER PRIMARY KEY,
            venue_id INTEGER NOT NULL REFERENCES venues(id),
            name TEXT NOT NULL,
            building TEXT,
            floor TEXT,
            vlan INTEGER
        );
        CREATE UNIQUE INDEX units_by_name ON units (venue_id, name, ifnull(building, ''));
        CREATE TABLE keypools (
            id INTEGER PRIMARY KEY,
            ssid BLOB NOT NULL,
            scope TEXT NOT NULL
        );
        CREATE TABLE keypool_venues (
            keypool_id INTEGER NOT NULL REFERENCES keypools(id),
            venue_id INTEGER NOT NULL REFERENCES venues(id),
            PRIMARY KEY (keypool_id, venue_id)
        ) WITHOUT ROWID;
        CREATE TABLE subscribers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE plans (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            download_kbps INTEGER,
            upload_kbps INTEGER,
            devices INTEGER,
            wireless_only INTEGER NOT NULL
        );
        CREATE TABLE nases (
            id INTEGER PRIMARY KEY,
            network TEXT NOT NULL UNIQUE,
            secret BLOB NOT NULL,
            name TEXT NOT NULL,
            venue_id INTEGER REFERENCES venues(id),
            profile TEXT NOT NULL,
            require_message_authenticator INTEGER NOT NULL
        );
        CREATE TABLE keys (
            id INTEGER PRIMARY KEY,
            keypool_id INTEGER NOT NULL REFERENCES keypools(id),
            identity TEXT NOT NULL,
            passphrase BLOB NOT NULL,
            pmk BLOB NOT NULL,
            fingerprint BLOB NOT NULL,
            unit_id INTEGER REFERENCES units(id),
            subscriber_id INTEGER REFERENCES subscribers(id),
            plan_id INTEGER REFERENCES plans(id),
            vlan INTEGER,
            starts INTEGER,
            ends INTEGER,
            status TEXT NOT NULL,
            status_reason TEXT,
            status_at INTEGER
        );
        CREATE INDEX keys_by_fingerprint ON keys (fingerprint);
        CREATE INDEX keys_by_identity ON keys (identity);
        CREATE TABLE devices (
            keypool_id INTEGER NOT NULL REFERENCES keypools(id),
            mac BLOB NOT NULL,
            key_id INTEGER NOT NULL REFERENCES keys(id),
            first_seen INTEGER,
            last_seen INTEGER,
            PRIMARY KEY (keypool_id, mac)
        ) WITHOUT ROWID;
        CREATE INDEX devices_by_key ON devices (key_id, mac);
        """
    )


@MIGRATIONS(name="0002_device_sequence")
def _device_sequence(db: "Database") -> None:
    """Number what servers learn, so that each finds what the others have learned since. Zero: nobody learned it."""
    db.execute("ALTER TABLE devices ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX devices_by_sequence ON devices (sequence) WHERE sequence > 0")


@MIGRATIONS(name="0003_unknown_devices")
def _unknown_devices(db: "Database") -> None:
    db.execute("ALTER TABLE nases ADD COLUMN unknown_devices TEXT NOT NULL DEFAULT 'reject'")


@MIGRATIONS(name="0004_plan_quotas")
def _plan_quotas(db: "Database") -> None:
    for name in ("download_quota_octets", "upload_quota_octets", "total_quota_octets"):
        db.execute(f"ALTER TABLE plans ADD COLUMN {name} INTEGER")
    db.execute("ALTER TABLE plans ADD COLUMN vlan_pool TEXT")


@MIGRATIONS(name="0005_nas_answers_and_registered_devices")
def _nas_answers_and_registered_devices(db: "Database") -> None:
    """Say what a NAS may ask; keep several keys of a device, and which of them a person registered it with.

    A NAS without a venue was answered for every venue, and still is. A device without a first time was never seen, so
    that somebody must have registered it; of any other nobody knows.
    """
    db.execute("ALTER TABLE nases ADD COLUMN answers TEXT NOT NULL DEFAULT 'both'")
    db.execute("ALTER TABLE nases ADD COLUMN any_venue INTEGER NOT NULL DEFAULT 0")
    db.execute("UPDATE nases SET any_venue = 1 WHERE venue_id IS NULL")
    db.execute("ALTER TABLE devices RENAME TO devices_of_one_key")
    db.execute("DROP INDEX devices_by_key")
    db.execute("DROP INDEX devices_by_sequence")
    db.execute(
        """
        CREATE TABLE devices (
            keypool_id INTEGER NOT NULL REFERENCES keypools(id),
            mac BLOB NOT NULL,
            key_id INTEGER NOT NULL REFERENCES keys(id),
            registered INTEGER NOT NULL DEFAULT 0,
            first_seen INTEGER,
            last_seen INTEGER,
            sequence INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (keypool_id, mac, key_id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        INSERT INTO devices
        SELECT keypool_id, mac, key_id, first_seen IS NULL, first_seen, last_seen, sequence FROM devices_of_one_key
        """
    )
    db.execute("DROP TABLE devices_of_one_key")
    db.execute("CREATE INDEX devices_by_key ON devices (key_id, mac, registered, sequence)")
    db.execute("CREATE INDEX devices_by_sequence ON devices (sequence) WHERE sequence > 0")


@MIGRATIONS(name="0006_change_marks")
def _change_marks(db: "Database") -> None:
    """Give each change a random number, by which a server sees that a copy was put in the database's place."""
    db.execute("ALTER TABLE changes ADD COLUMN mark INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX keys_by_removal ON keys (status_at) WHERE status = 'removed'")  # to erase them in time


@MIGRATIONS(name="0007_last_seen_from_now")
def _last_seen_from_now(db: "Database") -> None:
    """Count from today: what was kept so far was when a device was learned, and those in use must not be forgotten."""
    db.execute("UPDATE devices SET last_seen = CAST(strftime('%s', 'now') AS INTEGER) WHERE last_seen IS NOT NULL")


@MIGRATIONS(name="0008_life_of_a_key")
def _life_of_a_key(db: "Database") -> None:
    """Say of everything who changed it; keep operators, subscriptions, cards and whitelists; let keys change hands."""
    for table, columns in {
        "venues": (
            "platform_id TEXT",
            "time_zone TEXT",  # NULL: the operator's
            "external_id TEXT",
            "allow_overlap INTEGER",  # NULL: as the operator has it
            "wired_vlan_first INTEGER",
            "wired_vlan_last INTEGER",
            "wireless_vlan_first INTEGER",
            "wireless_vlan_last INTEGER",
            "roaming_vlan_first INTEGER",
            "roaming_vlan_last INTEGER",
        ),
        "units": (
            "internal_id TEXT",
            "purpose TEXT NOT NULL DEFAULT 'wiredunit'",
            "external_id TEXT",
            "allow_overlap INTEGER",
        ),
        "keypools": ("scope_id TEXT NOT NULL DEFAULT ''", "display_order INTEGER"),
        "plans": ("hours TEXT", "external_id TEXT"),
        "nases": ("former_secret BLOB", "former_secret_until INTEGER"),
        "keys": (
            "subscription_id INTEGER",
            "tag TEXT",
            "external_id TEXT",
            "platform_id TEXT",
            "removes_at INTEGER",
            "grace_of INTEGER REFERENCES keys(id)",
            "card_batch_id INTEGER",
        ),
        "devices": ("name TEXT", "tag TEXT"),
    }.items():
        for column in columns:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    for statement in _LIFE_OF_A_KEY.split(";"):
        db.execute(statement)
    _name_what_is_there(db)


_LIFE_OF_A_KEY: Final = """
    CREATE TABLE operator (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        time_zone TEXT NOT NULL DEFAULT 'UTC',
        allow_overlap INTEGER NOT NULL DEFAULT 1
    );
    INSERT INTO operator (id, name) VALUES (1, 'LATCHKEY');
    CREATE TABLE subscribers_of_any_name (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        token TEXT NOT NULL UNIQUE,
        suffix TEXT NOT NULL,
        external_id TEXT UNIQUE,
        status TEXT NOT NULL DEFAULT 'active',
        status_reason TEXT,
        status_at INTEGER
    );
    INSERT INTO subscribers_of_any_name (id, name, token, suffix)
        SELECT id, name, 'sub_' || lower(hex(randomblob(8))), lower(hex(randomblob(3))) FROM subscribers;
    DROP TABLE subscribers;
    ALTER TABLE subscribers_of_any_name RENAME TO subscribers;
    CREATE INDEX subscribers_by_name ON subscribers (name COLLATE NOCASE);
    CREATE TABLE subscriptions (
        id INTEGER PRIMARY KEY,
        subscriber_id INTEGER NOT NULL REFERENCES subscribers(id),
        unit_id INTEGER REFERENCES units(id),
        plan_id INTEGER REFERENCES plans(id),
        starts INTEGER,
        ends INTEGER,
        external_id TEXT
    );
    CREATE TABLE card_batches (
        id INTEGER PRIMARY KEY,
        created_at_ms INTEGER NOT NULL,
        keypool_id INTEGER NOT NULL REFERENCES keypools(id),
        venue_id INTEGER REFERENCES venues(id),
        prefix TEXT NOT NULL,
        count INTEGER NOT NULL,
        starts INTEGER,
        ends INTEGER NOT NULL,
        plan_id INTEGER REFERENCES plans(id),
        invalidated_at INTEGER
    );
    CREATE UNIQUE INDEX card_batches_by_creation ON card_batches (keypool_id, created_at_ms);
    CREATE TABLE whitelist_devices (
        id INTEGER PRIMARY KEY,
        subscriber_id INTEGER NOT NULL REFERENCES subscribers(id),
        mac BLOB NOT NULL,
        name TEXT,
        until INTEGER,
        UNIQUE (subscriber_id, mac)
    );
    CREATE TABLE whitelist_nases (
        id INTEGER PRIMARY KEY,
        subscriber_id INTEGER NOT NULL REFERENCES subscribers(id),
        nas_identifier TEXT NOT NULL,
        name TEXT,
        until INTEGER,
        UNIQUE (subscriber_id, nas_identifier)
    );
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        author TEXT NOT NULL,
        origin TEXT NOT NULL,
        is_person INTEGER NOT NULL,
        action TEXT NOT NULL,
        kind TEXT,
        subject_id INTEGER,
        undoes INTEGER,
        undone_by INTEGER,
        undoable INTEGER NOT NULL DEFAULT 1,
        salt BLOB NOT NULL,
        details TEXT,
        digest BLOB NOT NULL,
        hash BLOB NOT NULL
    );
    CREATE INDEX audit_by_subject ON audit (kind, subject_id);
    CREATE TABLE audit_images (
        id INTEGER PRIMARY KEY,
        entry_id INTEGER NOT NULL,
        row_table TEXT NOT NULL,
        first_id INTEGER NOT NULL,
        last_id INTEGER NOT NULL,
        row_before TEXT,
        row_after TEXT
    );
    CREATE INDEX audit_images_by_entry ON audit_images (entry_id);
    CREATE INDEX audit_images_by_row ON audit_images (row_table, first_id, last_id);
    CREATE INDEX keys_by_unit ON keys (unit_id) WHERE unit_id IS NOT NULL;
    CREATE INDEX keys_by_subscriber ON keys (subscriber_id) WHERE subscriber_id IS NOT NULL;
    CREATE INDEX keys_by_subscription ON keys (subscription_id) WHERE subscription_id IS NOT NULL;
    CREATE INDEX keys_by_planned_removal ON keys (removes_at) WHERE removes_at IS NOT NULL;
    CREATE INDEX keys_by_grace ON keys (grace_of) WHERE grace_of IS NOT NULL;
    CREATE INDEX keys_by_card_batch ON keys (card_batch_id) WHERE card_batch_id IS NOT NULL;
    CREATE INDEX keys_by_external_id ON keys (external_id) WHERE external_id IS NOT NULL;
    CREATE INDEX keys_by_pool ON keys (keypool_id, id);
    CREATE INDEX keys_by_folded_identity ON keys (identity COLLATE NOCASE);
    CREATE INDEX subscriptions_by_subscriber ON subscriptions (subscriber_id);
    CREATE INDEX subscriptions_by_unit ON subscriptions (unit_id);
    CREATE UNIQUE INDEX venues_by_platform_id ON venues (platform_id);
    CREATE UNIQUE INDEX venues_by_external_id ON venues (external_id);
    CREATE UNIQUE INDEX units_by_external_id ON units (venue_id, external_id);
    DROP INDEX units_by_name;
    CREATE INDEX units_by_name ON units (venue_id, name);
    INSERT INTO counters (name, highest)
        SELECT 'revision', coalesce(max(revision), 0) FROM changes WHERE true
        ON CONFLICT (name) DO UPDATE SET highest = excluded.highest
"""


@MIGRATIONS(name="0009_synchronisation")
def _synchronisation(db: "Database") -> None:
    db.execute("ALTER TABLE nases ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1")
    db.executescript(
        """
        CREATE TABLE sync_connectors (
            name TEXT PRIMARY KEY,
            platform TEXT NOT NULL,
            is_accepted INTEGER NOT NULL DEFAULT 0,
            leader TEXT,
            leader_until INTEGER,
            held_plan INTEGER,
            held_since INTEGER,
            last_run INTEGER,
            last_complete INTEGER,
            last_error TEXT,
            state TEXT NOT NULL DEFAULT '{}'
        ) WITHOUT ROWID;
        CREATE TABLE sync_records (
            connector TEXT NOT NULL,
            kind TEXT NOT NULL,
            platform_id TEXT NOT NULL,
            venue TEXT NOT NULL,
            record_id INTEGER NOT NULL,
            is_owned INTEGER NOT NULL DEFAULT 1,
            status_at INTEGER,
            missing_since INTEGER,
            missing_readings INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (connector, kind, platform_id)
        ) WITHOUT ROWID;
        CREATE INDEX sync_records_by_record ON sync_records (kind, record_id);
        CREATE TABLE sync_plans (
            id INTEGER PRIMARY KEY,
            connector TEXT NOT NULL,
            made_at INTEGER NOT NULL,
            state TEXT NOT NULL,
            basis TEXT NOT NULL,
            done INTEGER NOT NULL DEFAULT 0,
            summary TEXT NOT NULL,
            contents BLOB NOT NULL
        )
        """
    )


@MIGRATIONS(name="0010_states_that_a_sync_gave")
def _states_that_a_sync_gave(db: "Database") -> None:
    """Remember which state a sync gave a key last, beside when, and which keys the platform has not been told of.

    What a person made of a key since is told by the first. untold: 1 its passphrase was made here, 2 it was not.
    """
    db.execute("ALTER TABLE sync_records ADD COLUMN given TEXT")
    db.execute("ALTER TABLE sync_records ADD COLUMN untold INTEGER NOT NULL DEFAULT 0")


def _name_what_is_there(db: "Database") -> None:
    """Give venues, units and keypools the names that other systems call them by.

    Of two units whose names fall together the second has none: `latchkey check` says so.
    """
    for id_, name in db.execute("SELECT id, name FROM venues").fetchall():
        db.execute(
            "UPDATE venues SET platform_id = ? WHERE id = ?", (f"LATCHKEY._V3VENUE_.{_cleaned(name)}.{id_}", id_)
        )
    taken: set[str] = set()
    rows = db.execute(
        "SELECT u.id, v.platform_id, u.name, u.building, u.floor FROM units u JOIN venues v ON v.id = u.venue_id"
    )
    for id_, venue, *names in rows.fetchall():
        internal = ".".join((venue, *(_cleaned((name or "")[:20]) or "DEFAULT" for name in names)))
        if internal not in taken:
            taken.add(internal)
            db.execute("UPDATE units SET internal_id = ? WHERE id = ?", (internal, id_))
    db.execute("CREATE UNIQUE INDEX units_by_internal_id ON units (internal_id)")
    db.execute("UPDATE keypools SET scope_id = 'global' WHERE scope = 'global'")
    db.execute("UPDATE keypools SET scope_id = lower(hex(randomblob(4))) WHERE scope = 'local'")
    db.execute("UPDATE keypools SET display_order = min(id, 100)")


def _cleaned(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "", text).upper()
