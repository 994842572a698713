"""What the agent must not forget, in SQLite: jobs that it took, reports not yet acknowledged, the newest epoch.

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
CREATE TABLE IF NOT EXISTS epoch (newest INTEGER NOT NULL) STRICT;
INSERT INTO epoch SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM epoch);
"""
_FILE_MODE = 0o600


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
    def newest_epoch(self) -> int:
        """The newest epoch of any ticket that was trusted."""
        with self._transaction() as database:
            return int(database.execute("SELECT newest FROM epoch").fetchone()[0])

    def saw_epoch(self, epoch: int) -> None:
        """Remember an epoch, if it is newer."""
        with self._transaction() as database:
            database.execute("UPDATE epoch SET newest = ? WHERE newest < ?", (epoch, epoch))

    def accept(self, job_id: str, *, ticket: str, pay_until_ms: int) -> bool:
        """Note a job that will be run; False when it was known before, and nothing changed."""
        with self._transaction() as database:
            added = database.execute(
                "INSERT OR IGNORE INTO job (job_id, state, ticket, ticket_digest, pay_until_ms)"
                " VALUES (?, 'accepted', ?, ?, ?)",
                (job_id, ticket, digest_of(ticket), pay_until_ms),
            )
            return added.rowcount == 1

    def refuse(self, job_id: str, report: bytes, *, ticket: str, pay_until_ms: int, next_at_ms: int) -> None:
        """Note a job that is not taken, with its report, in one step: it is never open."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO job (job_id, state, ticket_digest, pay_until_ms, report, attempts, next_at_ms)"
                " VALUES (?, 'reported', ?, ?, ?, 1, ?)",
                (job_id, digest_of(ticket), pay_until_ms, report, next_at_ms),
            )

    def report(self, job_id: str, report: bytes, *, next_at_ms: int) -> bool:
        """Note how an accepted job ended; False when that is known already, and nothing changed."""
        with self._transaction() as database:
            moved = database.execute(
                "UPDATE job SET state = 'reported', ticket = NULL, report = ?, attempts = 1, next_at_ms = ?"
                " WHERE job_id = ? AND state = 'accepted'",
                (report, next_at_ms, job_id),
            )
            return moved.rowcount == 1

    def acknowledge(self, job_id: str) -> bool:
        """Drop a report that the controller has stored or refused for good; False when there is none."""
        with self._transaction() as database:
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
        with self._transaction() as database:
            database.execute(
                "UPDATE job SET attempts = attempts + 1, next_at_ms = ? WHERE job_id = ? AND state = 'reported'",
                (next_at_ms, job_id),
            )

    def all_due(self) -> None:
        """Make all reports due now: the broker is back."""
        with self._transaction() as database:
            database.execute("UPDATE job SET next_at_ms = 0 WHERE state = 'reported'")

    def waiting(self) -> tuple[int, int]:
        """Return how many reports wait for their acknowledgement, and their bytes."""
        with self._transaction() as database:
            count, size = database.execute(
                "SELECT count(*), coalesce(sum(length(report)), 0) FROM job WHERE state = 'reported'"
            ).fetchone()
            return int(count), int(size)

    def forget(self, *, before_ms: int) -> int:
        """Drop all jobs that could be paid until then at most, reported or not; return how many."""
        with self._transaction() as database:
            return database.execute(
                "DELETE FROM job WHERE pay_until_ms < ? AND state <> 'accepted'", (before_ms,)
            ).rowcount

    def _entries(self, where: str, *values: object) -> list[Entry]:
        with self._transaction() as database:
            rows = database.execute(
                f"SELECT job_id, state, ticket, ticket_digest, report, attempts FROM job WHERE {where}",  # noqa: S608 - our own text
                values,
            ).fetchall()
        return [
            Entry(
                job_id=row[0],
                state=JournalState(row[1]),
                ticket=row[2],
                ticket_digest=row[3],
                report=row[4],
                attempts=row[5],
            )
            for row in rows
        ]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise JournalUnusable(f"the journal cannot be used: {error}") from error
