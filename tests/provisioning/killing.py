"""Kill each writing command in the middle, and see that all of it was done or nothing.

python -m tests.provisioning.killing [ROUNDS [SEED]]

A round is one command in a process of its own, which ends by SIGKILL before its Nth statement of SQL, or after a moment
of chance. What became of the rows must then be exactly what its entry in the audit says; without an entry, nothing.
Prints a line for each round; the status is 1 where a promise was broken.
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import latchkey
from provisioning import open_store
from provisioning.store.files.database import Database

TABLES = [
    "operator",
    "venues",
    "units",
    "keypools",
    "plans",
    "nases",
    "subscribers",
    "subscriptions",
    "keys",
    "card_batches",
    "whitelist_devices",
    "whitelist_nases",
]
BUILDING = """
venue add Hudson-House --nas-identifier ap1
venue add Other-House
unit add Hudson-House 4A --vlan 101
unit add Hudson-House 4B --vlan 102
pool add Hudson --venue Hudson-House
plan add Basic
nas add 192.0.2.0/24 --secret a-shared-secret --venue Hudson-House
subscriber add Ann
subscriber add Eve
key add --identity ann --subscriber Ann --passphrase correct-horse-1 --mac 02:00:00:00:00:01
key add --identity eve --subscriber Eve --passphrase correct-horse-2
key add --identity gone --passphrase correct-horse-3
key remove gone
subscriber subscribe Ann --unit 4A --all-keys
whitelist add Eve --mac 02:00:00:00:00:02
"""
COMMANDS = """
operator set --time-zone Europe/Berlin
venue add Third-House
venue set Hudson-House --add-nas-identifier ap2
unit add Hudson-House 4C --vlan 103
unit set 4A --vlan 104
unit merge 4A 4B
unit remove 4A --occupied end
pool add Guests --venue Other-House
pool connect Hudson Other-House
plan add Fast
plan set Basic --download 1000
nas add 192.0.3.0/24 --secret another-secret --venue Other-House
nas remove 192.0.2.0/24
subscriber add Bob
subscriber set Ann --name Anna --ends 2099-12-31
subscriber suspend Ann
subscriber move Ann 4B
subscriber subscribe Eve --unit 4B --all-keys
subscriber close Ann
subscriber erase Ann --yes
subscriber erase Eve --yes
whitelist add Ann --mac 02:00:00:00:00:01 --nas ap1
whitelist remove Eve --mac 02:00:00:00:00:02
key add --identity bob --subscriber Bob --unit 4B --mac 02:00:00:00:00:03
key import {folder}/new.csv
key suspend ann
key reset ann --grace 1h
key remove ann
key restore gone
key move ann --unit 4B
key forget-devices ann
card add --count 5 --ends 2027-01-31
undo
"""


def run(path, command):
    """Run a command in this process."""
    words = command.format(folder=path.parent).split()
    return latchkey.cli.main(["--db", str(path), *words], prog_name="latchkey", standalone_mode=False)


def killed(path, command, *, statement=None, after_s=None):
    """Run a command in a process of its own, to be killed; return whether it was."""
    child = os.fork()
    if not child:
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(quiet, descriptor)
            if statement is not None:
                die_at(statement)
            run(path, command)
        finally:
            os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def die_at(statement):
    """Kill this process before a connection's statement of that number."""
    count = 0

    def step(_sql):
        nonlocal count
        count += 1
        if count == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    connect = Database._connect

    def traced(self):
        connect(self)
        self.sql.conn.set_trace_callback(step)

    Database._connect = traced


def statements(path, command):
    """Return which statement of a command begins to write, and how many there are, on a copy."""
    seen, connect = [], Database._connect

    def traced(self):
        connect(self)
        self.sql.conn.set_trace_callback(seen.append)

    Database._connect = traced
    try:
        run(path, command)
    finally:
        Database._connect = connect
    return 1 + seen.index("BEGIN IMMEDIATE"), len(seen)


def dump(store):
    found = {}
    for table in TABLES:
        cursor = store._db.execute(f"SELECT * FROM {table}")  # noqa: S608
        names = [each[0] for each in cursor.description]
        found |= {(table, row[0]): dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    return found


def judge(path, before, entries):
    """Return what was done, "all" or "nothing"; AssertionError where it is neither."""
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchone() is None
    with open_store(path, {}) as store:
        after = dump(store)
        assert store.audit.verify()[2] == []
        assert all(key.passphrase for key in store.keys.select())  # each opens
        told = list(store.audit.entries(after=entries))
        altered = {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)}
        if not told:
            assert not altered, altered
            return "nothing"
        (entry,) = told
        if entry.action == "subscriber.erase":
            note = entry.details
            gone = {("keys", id_) for id_ in note["keys"]} | {("subscribers", entry.subject_id)}
            assert gone <= altered
            assert all(place not in after for place in gone)
            return "all"
        images = set()
        for image in store.audit.images(entry.id):
            if image.table in TABLES:
                images |= {(image.table, id_) for id_ in range(image.first_id, image.last_id + 1)}
                if not image.is_range:
                    place = image.table, image.first_id
                    assert (before.get(place), after.get(place)) == (image.before, image.after)
        assert images == altered
        return "all"


def main(rounds, seed):
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp())
    try:
        base = folder / "base"
        base.mkdir()
        build(base / "latchkey.db")
        commands = [line for line in COMMANDS.splitlines() if line]
        chance.shuffle(commands)
        outcomes = {}
        for number in range(rounds):
            command = commands[number % len(commands)]
            outcome = attempt(folder, base, command, chance, at_statement=chance.random() < 0.7)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            print(f"{number + 1:3} {outcome:24} {command}", flush=True)
        print(outcomes, f"seed {seed}")
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def silence():
    with (
        Path(os.devnull).open("w", encoding="utf-8") as quiet,
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        yield


def build(path):
    with silence():
        for line in ("init", *BUILDING.strip().splitlines()):
            run(path, line)
    rows = "".join(f"new-{number},fresh-passphrase-{number}\n" for number in range(300))
    (path.parent / "new.csv").write_text(f"identity,psk\n{rows}")


def attempt(folder, base, command, chance, *, at_statement):
    """Do one round; return how it ended."""
    for name in ("dry", "round"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(base, folder / name)
    path = folder / "round" / "latchkey.db"
    with open_store(path, {}, readonly=True) as store:
        before = dump(store)
        entries = max(entry.id for entry in store.audit.entries(newest=1))
    began = time.monotonic()
    with silence():
        first, total = statements(folder / "dry" / "latchkey.db", command)
    took = time.monotonic() - began
    if at_statement:
        died = killed(path, command, statement=chance.randint(first, total))
    else:
        died = killed(path, command, after_s=chance.uniform(0, took))
    return f"{'killed' if died else 'finished'}: {judge(path, before, entries)} done"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
