"""What the agent must not forget, in SQLite: jobs, reports not yet acknowledged, evidence for claims, the newest term.

A job is `accepted`, then `reported`, then `acknowledged`. Its row goes once its ticket can no longer be paid: until
then it shows a repeated ticket for what it is.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from provider_agent.errors import AgentError
from wire.signing import sha256_hex

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    job_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'reported', 'acknowledged')),
    ticket TEXT,
    ticket_digest TEXT NOT NULL,
    pay_until_ms INTEGER NOT NULL,
    report BLOB,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS job_due ON job (next_at_ms) WHERE state = 'reported';
CREATE INDEX IF NOT EXISTS job_forgettable ON job (pay_until_ms);
CREATE TABLE IF NOT EXISTS evidence (
    job_id TEXT PRIMARY KEY,
    pay_until_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    acknowledgement TEXT,
    receipt TEXT NOT NULL,
    ticket TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS evidence_forgettable ON evidence (pay_until_ms);
CREATE TABLE IF NOT EXISTS working_key (key_id TEXT PRIMARY KEY, statement TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS term (newest INTEGER NOT NULL) STRICT;
INSERT INTO term SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM term);
"""
_FILE_MODE = 0o600
#: Evidence beyond these bounds is dropped, that of acknowledged jobs first, the oldest first.
EVIDENCE_MAX, EVIDENCE_BYTES_MAX = 50_000, 1 << 28
_DROPPED_AT_ONCE = 100
#: Working keys last for months; tickets can be claimed for a day.
_WORKING_KEYS_MAX = 64


class JournalUnusable(AgentError):
    """The journal cannot be read or written: most often the disk is full."""


class JournalState(StrEnum):
    """How far a job is, on this machine."""

    ACCEPTED = "accepted"
    REPORTED = "reported"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the journal knows of a job."""

    job_id: str
    state: JournalState
    #: The JWS, byte for byte; none once the report holds it.
    ticket: str | None
    #: SHA-256 of the JWS.
    ticket_digest: str
    #: The event that ends the job, as it is sent; none while it is accepted.
    report: bytes | None
    #: How often the report was sent.
    attempts: int


def digest_of(ticket: str) -> str:
    """Return how a ticket's JWS is told from another for the same job, long after it was dropped."""
    return sha256_hex(ticket.encode())


class Journal:
    """One SQLite file; each call is a transaction that is on the disk when it returns. For all threads.

    :raises JournalUnusable: by each call, when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            path.touch(mode=_FILE_MODE)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise JournalUnusable(f"{path} cannot be used: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @property
    def newest_term(self) -> int:
        """The newest term of any ticket that was trusted."""
        return int(self._make("SELECT newest FROM term")[0][0])

    def saw_term(self, term: int) -> None:
        """Remember a term, if it is newer."""
        self._make("UPDATE term SET newest = ? WHERE newest < ?", (term, term))

    def accept(self, job_id: str, *, ticket: str, pay_until_ms: int) -> None:
        """Note a job that will be run; one that was known before stays as it is."""
        self._make(
            "INSERT OR IGNORE INTO job (job_id, state, ticket, ticket_digest, pay_until_ms)"
            " VALUES (?, 'accepted', ?, ?, ?)",
            (job_id, ticket, digest_of(ticket), pay_until_ms),
        )

    def refuse(self, job_id: str, report: bytes, *, ticket: str, pay_until_ms: int, next_at_ms: int) -> None:
        """Note a job that is not taken, with its report, in one step: it is never open."""
        self._make(
            "INSERT OR IGNORE INTO job (job_id, state, ticket_digest, pay_until_ms, report, attempts, next_at_ms)"
            " VALUES (?, 'reported', ?, ?, ?, 1, ?)",
            (job_id, digest_of(ticket), pay_until_ms, report, next_at_ms),
        )

    def vouched(self, key_id: str, statement: str) -> None:
        """Keep the root key's word for a working key that signed a trusted ticket: claims are proved with it."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO working_key VALUES (?, ?)", (key_id, statement))
            database.execute(
                "DELETE FROM working_key WHERE rowid <= (SELECT max(rowid) FROM working_key) - ?", (_WORKING_KEYS_MAX,)
            )

    def report(self, job_id: str, report: bytes, *, next_at_ms: int, receipt: str | None = None) -> bool:
        """Note how an accepted job ended; False when that is known already, and nothing changed.

        With the receipt, what a claim of the job needs is kept beyond the report.
        """
        with self._atomic() as database:
            if receipt is not None:
                database.execute(
                    "INSERT OR IGNORE INTO evidence (job_id, pay_until_ms, size, receipt, ticket)"
                    " SELECT job_id, pay_until_ms, length(ticket), ?, ticket FROM job"
                    " WHERE job_id = ? AND state = 'accepted'",
                    (receipt, job_id),
                )
            moved = database.execute(
                "UPDATE job SET state = 'reported', ticket = NULL, report = ?, attempts = 1, next_at_ms = ?"
                " WHERE job_id = ? AND state = 'accepted'",
                (report, next_at_ms, job_id),
            )
            return moved.rowcount == 1

    def acknowledge(self, job_id: str, acknowledgement: str | None = None) -> bool:
        """Drop a report that the controller has stored or refused for good; False when there is none."""
        with self._atomic() as database:
            if acknowledgement is not None:
                database.execute(
                    "UPDATE evidence SET acknowledgement = ? WHERE job_id = ? AND acknowledgement IS NULL",
                    (acknowledgement, job_id),
                )
            moved = database.execute(
                "UPDATE job SET state = 'acknowledged', report = NULL WHERE job_id = ? AND state = 'reported'",
                (job_id,),
            )
            return moved.rowcount == 1

    def find(self, job_id: str) -> Entry | None:
        """Return what is known of a job; None when nothing is."""
        return next(iter(self._entries("job_id = ?", job_id)), None)

    def accepted(self) -> list[Entry]:
        """Return all jobs that were taken and have not ended."""
        return self._entries("state = 'accepted'")

    def due(self, now_ms: int, limit: int) -> list[Entry]:
        """Return reports that are to be sent again, the longest due first."""
        return self._entries("state = 'reported' AND next_at_ms <= ? ORDER BY next_at_ms LIMIT ?", now_ms, limit)

    def sent_again(self, job_id: str, *, next_at_ms: int) -> None:
        """Note that a report was sent once more."""
        again = "UPDATE job SET attempts = attempts + 1, next_at_ms = ? WHERE job_id = ? AND state = 'reported'"
        self._make(again, (next_at_ms, job_id))

    def all_due(self) -> None:
        """Make all reports due now: the broker is back."""
        self._make("UPDATE job SET next_at_ms = 0 WHERE state = 'reported'")

    def waiting(self) -> tuple[int, int]:
        """Return how many reports wait for their acknowledgement, and their bytes."""
        waiting = "SELECT count(*), coalesce(sum(length(report)), 0) FROM job WHERE state = 'reported'"
        count, size = self._make(waiting)[0]
        return int(count), int(size)

    def forget(self, *, before_ms: int) -> None:
        """Drop all jobs that could be paid until then at most, reported or not."""
        with self._atomic() as database:
            database.execute("DELETE FROM evidence WHERE pay_until_ms < ?", (before_ms,))
            database.execute("DELETE FROM job WHERE pay_until_ms < ? AND state <> 'accepted'", (before_ms,))

    def bound_evidence(self, most: int = EVIDENCE_MAX, most_bytes: int = EVIDENCE_BYTES_MAX) -> int:
        """Drop what is kept for claims beyond these bounds; return of how many jobs."""
        dropped = 0
        with self._atomic() as database:
            while True:
                count, size = database.execute("SELECT count(*), coalesce(sum(size), 0) FROM evidence").fetchone()
                if count <= most and size <= most_bytes:
                    return dropped
                dropped += database.execute(
                    "DELETE FROM evidence WHERE job_id IN (SELECT job_id FROM evidence"
                    " ORDER BY acknowledgement IS NULL, pay_until_ms LIMIT ?)",
                    (_DROPPED_AT_ONCE if count <= most else min(_DROPPED_AT_ONCE, count - most),),
                ).rowcount

    def _entries(self, where: str, *values: object) -> list[Entry]:
        columns = "job_id, state, ticket, ticket_digest, report, attempts"
        rows = self._make(f"SELECT {columns} FROM job WHERE {where}", values)  # noqa: S608 - our own text
        named = [dict(zip(columns.split(", "), row, strict=True)) for row in rows]
        return [Entry(**item | {"state": JournalState(item["state"])}) for item in named]

    def _make(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Make one statement, a transaction of its own, and return its rows."""
        with self._transaction() as database:
            return database.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise JournalUnusable(f"the journal cannot be used: {error}") from error

    @contextmanager
    def _atomic(self) -> Iterator[sqlite3.Connection]:
        """Keep all that is written inside, or nothing."""
        with self._transaction() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
