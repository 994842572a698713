"""What the journal keeps for claims, read by the command while the agent may be running."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provider_agent.errors import AgentError

_BUSY_SECONDS = 10
_COLUMNS = "job_id, ticket, receipt, acknowledgement, pay_until_ms, tries, outcome"


class EvidenceUnusable(AgentError):
    """The journal cannot be read or written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What a claim of one job is made of."""

    job_id: str
    #: JWS of the controller.
    ticket: str
    #: JWS of this provider.
    receipt: str
    #: JWS of the controller; none when it never said that the result arrived.
    acknowledgement: str | None
    pay_until_ms: int
    #: How many claims of this job were refused.
    tries: int
    #: How the job ended on the ledger, as far as this machine was told; empty while that is open.
    outcome: str


class EvidenceStore:
    """The evidence in a journal.

    :raises EvidenceUnusable: by each call, when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Evidence]:
        """Return all of it, what can be claimed the shortest first."""
        return self._select("ORDER BY pay_until_ms, job_id")

    def of(self, job_id: str) -> Evidence | None:
        """Return that of one job; None when there is none, or no more."""
        return next(iter(self._select("WHERE job_id = ?", job_id)), None)

    def working_keys(self) -> Mapping[str, str]:
        """Return the root key's statements on working keys, by the keys' ids."""
        return dict(self._run("SELECT key_id, statement FROM working_key"))

    def refused(self, job_id: str) -> None:
        """Note that a claim was refused: the next one is another operation."""
        self._run("UPDATE evidence SET tries = tries + 1 WHERE job_id = ?", job_id)

    def ended(self, job_id: str, outcome: str) -> None:
        """Note that there is nothing to claim any more."""
        self._run("UPDATE evidence SET outcome = ? WHERE job_id = ?", outcome, job_id)

    def _select(self, rest: str, *values: object) -> list[Evidence]:
        rows = self._run(f"SELECT {_COLUMNS} FROM evidence {rest}", *values)  # noqa: S608 - our own text
        return [Evidence(**dict(zip(_COLUMNS.split(", "), row, strict=True))) for row in rows]

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        if not self._path.exists():
            return []
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
                return database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise EvidenceUnusable(f"{self._path} cannot be used: {error}") from error
