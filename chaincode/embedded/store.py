"""The embedded ledger's file: blocks, their transactions and the world state in SQLite."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chaincode.embedded.chain import plain_record
from chaincode.embedded.errors import StoreDamaged, StoreMissing
from wire.codec import canonical_json, from_plain
from wire.errors import WireError
from wire.ledger.blocks import Block, Event, OperationResult, TransactionRecord

SCHEMA = (
    """CREATE TABLE block (
        number INTEGER PRIMARY KEY, previous_hash TEXT NOT NULL, hash TEXT NOT NULL,
        timestamp_ms INTEGER NOT NULL, signature TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE block_transaction (
        transaction_id TEXT PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL,
        creator TEXT NOT NULL, timestamp_ms INTEGER NOT NULL, envelope TEXT NOT NULL,
        results TEXT NOT NULL, writes TEXT NOT NULL, events TEXT NOT NULL, earlier TEXT NOT NULL,
        UNIQUE (block, position)
    ) STRICT""",
    # `block` wrote the value; that block's transaction names in `earlier` which block wrote the value before.
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL, block INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)
Row = tuple[Any, ...]
#: Names in one SELECT; SQLite takes 32,766.
_AT_ONCE = 5_000


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the file to write to it; it is made when it is missing."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # A block that was reported as committed survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the file to read it.

    :raises StoreMissing: when there is none.
    """
    try:
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
    except sqlite3.OperationalError as error:
        raise StoreMissing(f"no ledger in {path}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Keep all that is written inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty file."""
    for statement in SCHEMA:
        connection.execute(statement)


def is_ledger(connection: sqlite3.Connection) -> bool:
    """Tell whether the file holds a ledger."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'block'").fetchone() is not None


def last_block(connection: sqlite3.Connection) -> Block:
    """Return the newest block, without its transactions."""
    return _block(connection.execute("SELECT * FROM block ORDER BY number DESC LIMIT 1").fetchone())


def read_blocks(connection: sqlite3.Connection, first: int, limit: int) -> list[Block]:
    """Return blocks from number `first` on, at most `limit`, in order."""
    rows = connection.execute("SELECT * FROM block WHERE number >= ? ORDER BY number LIMIT ?", (first, limit))
    blocks = [_block(row) for row in rows.fetchall()]
    return [replace(block, transactions=_transactions_of(connection, block.number)) for block in blocks]


def read_transaction(connection: sqlite3.Connection, transaction_id: str) -> TransactionRecord | None:
    """Return a transaction, or None."""
    query = "SELECT * FROM block_transaction WHERE transaction_id = ?"
    row = connection.execute(query, (transaction_id,)).fetchone()
    return None if row is None else _transaction(row)


def write_block(connection: sqlite3.Connection, block: Block) -> None:
    """Append a block and apply what its transactions wrote."""
    head = (block.number, block.previous_hash, block.hash, block.timestamp_ms, block.signature)
    connection.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?)", head)
    for position, record in enumerate(block.transactions):
        row = row_of(record, block.number, position, written_at(connection, tuple(record.writes)))
        connection.execute("INSERT INTO block_transaction VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        write_state(connection, record.writes, block.number)


def row_of(record: TransactionRecord, number: int, position: int, earlier: Mapping[str, int]) -> Row:
    """Return the columns of a transaction; `earlier` are the blocks that wrote the same keys before."""
    plain = plain_record(record)
    results, writes, events = (canonical_json(plain[name]).decode() for name in ("results", "writes", "events"))
    told = (record.transaction_id, number, position, record.creator, record.timestamp_ms, record.envelope)
    return (*told, results, writes, events, canonical_json(earlier).decode())


def write_state(connection: sqlite3.Connection, writes: Mapping[str, str | None], number: int) -> None:
    """Apply writes of a block to the world state."""
    kept = ((key, value, number) for key, value in writes.items() if value is not None)
    put = "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, block = excluded.block"
    connection.executemany(put, kept)
    deleted = ((key,) for key, value in writes.items() if value is None)
    connection.executemany("DELETE FROM state WHERE key = ?", deleted)


def read_state(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    """Return the values of those keys that have one."""
    return dict(_select(connection, "key, value", keys))


def written_at(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, int]:
    """Return the block that wrote the value of each key that has one."""
    return dict(_select(connection, "key, block", keys))


def _select(connection: sqlite3.Connection, columns: str, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(part))
        query = f"SELECT {columns} FROM state WHERE key IN ({marks})"  # noqa: S608 - only names and question marks
        yield from connection.execute(query, part)


def state_items(connection: sqlite3.Connection, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the keys that begin with `prefix` and their values, in the order of the keys."""
    yield from ((key, value) for key, value, _ in state_rows(connection, prefix))


def state_page(connection: sqlite3.Connection, after: str, limit: int) -> list[tuple[str, str]]:
    """Return the first keys that come after a key, with their values, in the order of the keys."""
    return connection.execute(
        "SELECT key, value FROM state WHERE key > ? ORDER BY key LIMIT ?", (after, limit)
    ).fetchall()


def state_rows(connection: sqlite3.Connection, prefix: str) -> Iterator[tuple[str, str, int]]:
    """Yield keys, values, and the blocks that wrote them, in the order of the keys."""
    # The largest code point comes after every key: keys are ASCII.
    rows: Iterator[tuple[str, str, int]] = connection.execute(
        "SELECT key, value, block FROM state WHERE key >= ? AND key < ? ORDER BY key", (prefix, f"{prefix}\U0010ffff")
    )
    yield from rows


def history(connection: sqlite3.Connection, key: str) -> Iterator[tuple[int, TransactionRecord]]:
    """Yield the transactions that wrote or deleted a key, newest first, each with its block's number."""
    number = written_at(connection, [key]).get(key)
    if number is None:
        number = _written_before(connection, key, last_block(connection).number + 1)
    while number is not None:
        earlier = None
        for row in reversed(rows_of(connection, number)):
            record = _transaction(row)
            if key in record.writes:
                yield number, record
                earlier = json.loads(row[-1]).get(key)
        number = _written_before(connection, key, number) if earlier is None else earlier


def _written_before(connection: sqlite3.Connection, key: str, number: int) -> int | None:
    """Return the newest block before another one that wrote a key: each is looked at.

    Needed where blocks do not point to it: the key is deleted, or was made anew after that.
    """
    query = "SELECT block FROM block_transaction WHERE block < ? AND instr(writes, ?) ORDER BY block DESC LIMIT 1"
    row = connection.execute(query, (number, f"{canonical_json(key).decode()}:")).fetchone()
    return None if row is None else int(row[0])


def rows_of(connection: sqlite3.Connection, number: int) -> list[Row]:
    """Return the columns of a block's transactions, in order."""
    query = "SELECT * FROM block_transaction WHERE block = ? ORDER BY position"
    return connection.execute(query, (number,)).fetchall()


def count(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return how many blocks and how many transactions the file holds."""
    query = "SELECT (SELECT count(*) FROM block), (SELECT count(*) FROM block_transaction)"
    blocks, transactions = connection.execute(query).fetchone()
    return int(blocks), int(transactions)


def _transactions_of(connection: sqlite3.Connection, number: int) -> tuple[TransactionRecord, ...]:
    try:
        return tuple(_transaction(row) for row in rows_of(connection, number))
    except StoreDamaged as error:
        raise StoreDamaged(f"block {number}: {error}") from error


def _block(row: Row) -> Block:
    number, previous_hash, hash_, timestamp_ms, signature = row
    return Block(
        number=number,
        previous_hash=previous_hash,
        hash=hash_,
        timestamp_ms=timestamp_ms,
        signature=signature,
        transactions=(),
    )


def _transaction(row: Row) -> TransactionRecord:
    transaction_id, _block_number, _position, creator, timestamp_ms, envelope, results, writes, events, _ = row
    try:
        return TransactionRecord(
            transaction_id=transaction_id,
            creator=creator,
            timestamp_ms=timestamp_ms,
            envelope=envelope,
            results=tuple(from_plain(OperationResult, item) for item in json.loads(results)),
            writes=json.loads(writes),
            events=tuple(Event(**item) for item in json.loads(events)),
        )
    except (TypeError, ValueError, WireError) as error:
        raise StoreDamaged(f"transaction {transaction_id} cannot be read: {error}") from error
