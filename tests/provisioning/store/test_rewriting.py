"""What was deleted is in no file any more once the database is rewritten."""

import random

NAME = b"QUORNQUORN"


def churn(store, seed):
    """Add, alter and delete rows of all sizes, so that SQLite moves them from page to page; then delete hers."""
    chance = random.Random(seed)
    with store._db.writing():
        for _ in range(3000):
            id_ = chance.randrange(400)
            name = f"{NAME.decode()} {id_}" if id_ % 7 == 0 else f"name {chance.randrange(10**6):06}"
            note = "z" * chance.choice((0, 10, 100, 900, 5000))
            match chance.randrange(5):
                case 0:
                    store._db.execute("DELETE FROM subscribers WHERE id = ?", (id_,))
                case 1:
                    store._db.execute("UPDATE subscribers SET status_reason = ? WHERE id = ?", (note, id_))
                case _:
                    store._db.execute(
                        "INSERT OR REPLACE INTO subscribers (id, name, token, suffix, status_reason)"
                        " VALUES (?, ?, ?, '', ?)",
                        (id_, name, f"{name} {id_}", note),
                    )
        store._db.execute("DELETE FROM subscribers WHERE id % 7 = 0")
    store.compact()


def test_rewriting_leaves_no_octet_of_what_was_deleted(store, path):
    left = 0
    for seed in range(30):
        churn(store, seed)
        left += NAME in path.read_bytes()
        assert store.rewrite()
        assert NAME not in path.read_bytes()
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0
        if left:
            return
    raise AssertionError("nothing was left even before: the test shows nothing")
