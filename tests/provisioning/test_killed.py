"""SIGKILL in the middle of a writing command: all of it or nothing; and several who write at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning import open_store
from tests.provisioning.killing import TABLES, build, dump, killed, statements

ROOT = Path(__file__).parents[2]


def test_a_killed_command_has_done_all_or_nothing():
    rounds = os.environ.get("LATCHKEY_KILL_ROUNDS", "6")
    seed = str(int.from_bytes(os.urandom(4), "big"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.provisioning.killing", rounds, seed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
    assert done.stdout.count("done") >= int(rounds)


@pytest.fixture
def building(tmp_path):
    build(tmp_path / "latchkey.db")
    return tmp_path / "latchkey.db"


def command(path, *words):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "latchkey.py"), "--db", str(path), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def explained(store, before, since):
    """Return whether the entries since then, one after the other, say what became of the rows."""
    rows = dict(before)
    for entry in store.audit.entries(after=since):
        for image in reversed(store.audit.images(entry.id)):
            if image.table not in TABLES:
                continue
            for id_ in range(image.first_id, image.last_id + 1):
                place = image.table, id_
                if image.is_range:
                    rows[place] = None  # what it is, the next one says
                    continue
                assert rows.get(place) in (None, image.before)
                rows[place] = image.after
    after = dump(store)
    return all(rows.get(place) in (None, row) for place, row in after.items()) and after.keys() == {
        place for place, row in rows.items() if row is not None or place in after
    }


def test_several_administrators_and_an_import_at_once(building):
    """Each has its entry, in the order of commits, and no change of one is lost by another's."""
    with open_store(building, {}) as store:
        before, since = dump(store), max(entry.id for entry in store.audit.entries(newest=1))
    rounds = [
        ["key", "import", str(building.parent / "new.csv"), "--as", "importer"],
        *(["subscriber", "add", f"Resident {number}", "--as", "first"] for number in range(4)),
        *(["subscriber", "set", "Ann", "--external-id", f"T-{number}", "--as", "second"] for number in range(4)),
        ["key", "suspend", "ann", "--as", "third"],
        ["subscriber", "close", "Eve", "--as", "fourth"],
    ]
    started = [command(building, *words) for words in rounds]
    results = [(process.communicate(), process.returncode) for process in started]
    assert [code for _, code in results] == [0] * len(rounds), results
    with open_store(building, {}) as store:
        entries = list(store.audit.entries(after=since))
        assert sorted(entry.author for entry in entries) == sorted(words[-1] for words in rounds)
        assert store.audit.verify()[2] == []
        assert explained(store, before, since)
        assert len(store.keys.labels()) == 3 + 300
        revisions = [change.revision for change in store.changes.since(0)]
        assert revisions == sorted(set(revisions))


def test_who_erases_and_is_killed_finishes_later(building):
    """The rows are gone with the commit; the octets with `--finish`, where the file was not written anew before."""
    first, total = statements_of(building, "subscriber erase Ann --yes")
    vacuum = total - 1  # and the checkpoint after it
    assert first < vacuum
    assert killed(building, "subscriber erase Ann --yes", statement=vacuum)
    done = command(building, "subscriber", "erase", "--finish")
    assert done.communicate() == ("", "")
    assert done.returncode == 0
    text = b"".join(each.read_bytes() for each in building.parent.glob("latchkey.db*"))
    assert bytes.fromhex("020000000001") not in text
    assert b"correct-horse-1" not in text


def statements_of(path, words):
    import shutil

    other = path.parent / "copy"
    other.mkdir()
    for name in ("latchkey.db", "latchkey.key"):
        shutil.copy(path.with_name(name), other / name)
    return statements(other / "latchkey.db", words)
