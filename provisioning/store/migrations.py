"""The database's shape, step by step. Rule: a released step is never edited; the next change is the next number.

Instants are integer seconds since 1970 UTC; SSIDs, MAC addresses and sealed values are BLOBs. `counters` holds the
highest id ever given out per table: an id is part of what a sealed value is bound to and of what the server and its log
say, so it is never used twice.
"""

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
