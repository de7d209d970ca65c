-- source: Latchkey at commit 6ed109d, by its own commands (init, venue add, unit add, pool add, plan add, nas add, key add,
-- key suspend, key remove, and one device that a server remembered), then Python's sqlite3 iterdump().
-- journal_mode: wal
-- master key: c6ec703b2a625b1b037de153f6f14f6b210eb49228850fc79e0464ce6d76b59e
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'latchkey','0001_first_tables','2026-11-21 15:25:30.187522+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'latchkey','0002_device_sequence','2026-11-21 15:25:30.196944+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'latchkey','0003_unknown_devices','2026-11-21 15:25:30.197224+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'latchkey','0004_plan_quotas','2026-11-21 15:25:30.197702+00:00');
CREATE TABLE changes (
            revision INTEGER PRIMARY KEY AUTOINCREMENT,
            entity TEXT NOT NULL,
            first_id INTEGER NOT NULL,
            last_id INTEGER NOT NULL
        );
INSERT INTO "changes" VALUES(1,'venue',1,1);
INSERT INTO "changes" VALUES(2,'venue',2,2);
INSERT INTO "changes" VALUES(3,'unit',1,1);
INSERT INTO "changes" VALUES(4,'keypool',1,1);
INSERT INTO "changes" VALUES(5,'keypool',2,2);
INSERT INTO "changes" VALUES(6,'plan',1,1);
INSERT INTO "changes" VALUES(7,'nas',1,1);
INSERT INTO "changes" VALUES(8,'nas',2,2);
INSERT INTO "changes" VALUES(9,'subscriber',1,1);
INSERT INTO "changes" VALUES(10,'key',1,1);
INSERT INTO "changes" VALUES(11,'device',1,1);
INSERT INTO "changes" VALUES(12,'key',2,2);
INSERT INTO "changes" VALUES(13,'key',3,3);
INSERT INTO "changes" VALUES(14,'key',4,4);
INSERT INTO "changes" VALUES(15,'key',2,2);
INSERT INTO "changes" VALUES(16,'key',4,4);
CREATE TABLE counters (name TEXT PRIMARY KEY, highest INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "counters" VALUES('device_sequence',1);
INSERT INTO "counters" VALUES('keypools',2);
INSERT INTO "counters" VALUES('keys',4);
INSERT INTO "counters" VALUES('nases',2);
INSERT INTO "counters" VALUES('plans',1);
INSERT INTO "counters" VALUES('subscribers',1);
INSERT INTO "counters" VALUES('units',1);
INSERT INTO "counters" VALUES('venues',2);
CREATE TABLE devices (
            keypool_id INTEGER NOT NULL REFERENCES keypools(id),
            mac BLOB NOT NULL,
            key_id INTEGER NOT NULL REFERENCES keys(id),
            first_seen INTEGER,
            last_seen INTEGER, sequence INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (keypool_id, mac)
        ) WITHOUT ROWID;
INSERT INTO "devices" VALUES(1,X'020000000001',1,NULL,NULL,0);
INSERT INTO "devices" VALUES(2,X'020000000003',3,1795176000,1795176000,1);
CREATE TABLE keypool_venues (
            keypool_id INTEGER NOT NULL REFERENCES keypools(id),
            venue_id INTEGER NOT NULL REFERENCES venues(id),
            PRIMARY KEY (keypool_id, venue_id)
        ) WITHOUT ROWID;
INSERT INTO "keypool_venues" VALUES(1,1);
CREATE TABLE keypools (
            id INTEGER PRIMARY KEY,
            ssid BLOB NOT NULL,
            scope TEXT NOT NULL
        );
INSERT INTO "keypools" VALUES(1,X'487564736F6E20486F757365','local');
INSERT INTO "keypools" VALUES(2,X'436974794C6976696E67','global');
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
INSERT INTO "keys" VALUES(1,1,'Ann',X'B1DEAE63BE4C3E259DCAC006098F1B6BB221E996017C0D1C6B7C4EC67E1964D20F53EA142F749A8B733C53',X'0C11C58B6AD232E05958938C0742357F8A0607B1654FF0178646F590FEA6A767BFA057EF8B0916715AE256014B09AF9BF8FC87FCC5EF5CB85F77D196',X'3E74DA0BC8621175799BCBDEA2BD4DCD',1,1,1,NULL,NULL,NULL,'active',NULL,NULL);
INSERT INTO "keys" VALUES(2,1,'Bob',X'9CF0A98F2EFF762E7FDCC5E0D80C140F7CCD07D03D5A1D54033AFFD3908D6829F42DDB74F7402D96B13C21',X'D3655C407B86F8194CD1FAC9FFBD2AC4EC2B4C52487A21AA1105C3E45C3071761440BAE4655E99FBFD40382752D94C9458510031FA7F06EF7E471C88',X'22C4722DF47F9E57B8F65C82A6A35A91',NULL,NULL,NULL,NULL,NULL,1896134399,'suspended','delinquent',1795274748);
INSERT INTO "keys" VALUES(3,2,'Eve',X'9301C2C4FDBD4CDB14D371257E4916A8DB70109372D1017347BA7913F8D8D540CC3C66E5F3C443EE1C4D33',X'8FD4C38AF0D1A2C11832698606283507CC7A45DAED5E6CF9EEB8D26A0E8E14FFEF8F165482B5F0BCB458B286FCC2BE69F11172BEEE9155867974F6F3',X'04AF3B0AC57615744B110CA8B803AAE3',NULL,NULL,NULL,30,NULL,NULL,'active',NULL,NULL);
INSERT INTO "keys" VALUES(4,1,'Gus',X'C445A0A3DC2CDFEAA37328ECAE40ADED70610F5B5D135EA5270912F0F86A90E24F7ABE8FC989F8C15D895D',X'3DC155EAE2C38BEDF5900EA7F12587C1DDD712D01D82C90E065FFE62E447C81E775C38BAAF53BC01B3BD03ADE6B17995254AB4E5244A38C84B3ED3FE',X'AE5DF356920204F9956E3165D49A9361',NULL,NULL,NULL,NULL,NULL,NULL,'removed',NULL,1795274749);
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('proof',X'0198D5777F5E892512663318506A164B3A6AE9352D6B428F9DA6A2C5CD9D02D5D8244AA7');
CREATE TABLE nases (
            id INTEGER PRIMARY KEY,
            network TEXT NOT NULL UNIQUE,
            secret BLOB NOT NULL,
            name TEXT NOT NULL,
            venue_id INTEGER REFERENCES venues(id),
            profile TEXT NOT NULL,
            require_message_authenticator INTEGER NOT NULL
        , unknown_devices TEXT NOT NULL DEFAULT 'reject');
INSERT INTO "nases" VALUES(1,'127.0.0.1/32',X'A80366163797038E283CFD02BE1BD72E332C1690526076A1A68AD1B6A6FB354F50C546ABA6A7','loopback',1,'auto',1,'reject');
INSERT INTO "nases" VALUES(2,'192.0.2.0/24',X'94CF3276FC69C85C81BBFB2B5C8CAC1244C413B269EFC7B16A2AD5EDEA1B7B4BAE6C26C82967F5C519E4','192.0.2.0/24',NULL,'unifi',0,'reject');
CREATE TABLE plans (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            download_kbps INTEGER,
            upload_kbps INTEGER,
            devices INTEGER,
            wireless_only INTEGER NOT NULL
        , download_quota_octets INTEGER, upload_quota_octets INTEGER, total_quota_octets INTEGER, vlan_pool TEXT);
INSERT INTO "plans" VALUES(1,'Fast',50000,10000,3,0,NULL,NULL,NULL,'residents');
CREATE TABLE subscribers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO "subscribers" VALUES(1,'Ann Lee');
CREATE TABLE units (
            id INTEGER PRIMARY KEY,
            venue_id INTEGER NOT NULL REFERENCES venues(id),
            name TEXT NOT NULL,
            building TEXT,
            floor TEXT,
            vlan INTEGER
        );
INSERT INTO "units" VALUES(1,1,'4C','A','4',110);
CREATE TABLE venue_nas_identifiers (
            nas_identifier TEXT PRIMARY KEY,
            venue_id INTEGER NOT NULL REFERENCES venues(id)
        ) WITHOUT ROWID;
INSERT INTO "venue_nas_identifiers" VALUES('elm-ap1',2);
INSERT INTO "venue_nas_identifiers" VALUES('hudson-ap1',1);
INSERT INTO "venue_nas_identifiers" VALUES('hudson-ap2',1);
CREATE TABLE venues (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            wireless_only_vlan_offset INTEGER NOT NULL DEFAULT 0
        );
INSERT INTO "venues" VALUES(1,'Hudson House',1000);
INSERT INTO "venues" VALUES(2,'Elm Court',0);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX units_by_name ON units (venue_id, name, ifnull(building, ''));
CREATE INDEX keys_by_fingerprint ON keys (fingerprint);
CREATE INDEX keys_by_identity ON keys (identity);
CREATE INDEX devices_by_key ON devices (key_id, mac);
CREATE INDEX devices_by_sequence ON devices (sequence) WHERE sequence > 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('changes',16);
COMMIT;
