"""Accounts that somebody else keeps writing to: operations on them go out apart and hold up only each other.

On Hyperledger Fabric a transaction changes nothing when another one was faster with anything that it had read. Who
moves money of an account of one's own all the time would so hold up every batch that the account occurs in.
"""

import json
import logging
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.ledger.errors import LedgerUnavailable
from portal.ledger.models import LedgerJob, OutboxOperation
from portal.ledger.operations import text_of

log = logging.getLogger(__name__)

#: An account is contended until nothing has met a conflict on it for so long.
FORGOTTEN_AFTER = timedelta(seconds=60)
#: Operations on contended accounts that go out at once, at most; halved by each conflict.
MOST_AT_ONCE = 100
#: Accounts found contended one after the other, without a transaction that passed in between.
MOST_CONTENDED = 10
#: How long an operation waits for its next turn: longer the older it is.
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=0.2), timedelta(seconds=30)
_ACCOUNTS = ("account_id", "to_account_id", "developer_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What goes out now, and what waits: the one or the other is on contended accounts, never both mixed."""

    now: Sequence[OutboxOperation]
    waiting: Sequence[OutboxOperation] = ()
    #: Whether it is what is on contended accounts that goes out.
    apart: bool = False


class Contention:
    """Which accounts are contended, and whose turn it is."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._dice = random.SystemRandom()
        #: Until when each account is contended.
        self._until: dict[str, datetime] = {}
        #: How many operations on contended accounts go out at once.
        self._limit = 1
        self._apart_next = True
        #: Accounts that were found contended since the last transaction that passed.
        self._in_a_row: set[str] = set()

    def turn(self, rows: Sequence[OutboxOperation]) -> Turn:
        """Part operations that are due; those on contended accounts have every second turn."""
        now = self._clock()
        self._until = {account: until for account, until in self._until.items() if until > now}
        accounts = _accounts(rows) if self._until else {}
        apart = [row for row in rows if accounts and not accounts[row.id].isdisjoint(self._until)]
        if not apart:
            return Turn(now=rows)
        self._apart_next = not self._apart_next
        if self._apart_next or len(apart) == len(rows):
            return Turn(now=apart[: self._limit], waiting=apart[self._limit :], apart=True)
        waiting = {row.id for row in apart}
        return Turn(now=[row for row in rows if row.id not in waiting], waiting=apart)

    def passed(self, turn: Turn) -> None:
        """Take note of a turn that no conflict met: of its kind more may go out at once."""
        self._in_a_row.clear()
        if turn.apart:
            self._limit = min(MOST_AT_ONCE, self._limit * 2)

    def met(self, rows: Sequence[OutboxOperation]) -> None:
        """Take note of operations that a conflict met: one alone says which accounts are contended.

        :raises LedgerUnavailable: when so many are one after the other that it is not somebody else's writing any more.
        """
        self._limit = max(1, len(rows) // 2)
        if len(rows) > 1:
            return
        accounts = _accounts(rows)[rows[0].id]
        self._until |= dict.fromkeys(accounts, self._clock() + FORGOTTEN_AFTER)
        log.warning("ledger.contended", extra={"accounts": sorted(accounts)})
        self._in_a_row |= accounts
        if len(self._in_a_row) > MOST_CONTENDED:
            raise LedgerUnavailable("every transaction meets a conflict")

    def due_at(self, rows: Sequence[OutboxOperation]) -> datetime:
        """Return when operations that wait are due again."""
        now = self._clock()
        age = now - min(row.created_at for row in rows)
        return now + min(max(age / 8, _SHORTEST_WAIT), _LONGEST_WAIT) * self._dice.uniform(0.5, 1.5)


def _accounts(rows: Sequence[OutboxOperation]) -> dict[int, frozenset[str]]:
    """Return the accounts that each operation reads, by the row's id; the operation itself where they are not known."""
    arguments = {row.id: json.loads(text_of(row.body))["arguments"] for row in rows}
    named = {row_id: frozenset(_named(plain)) for row_id, plain in arguments.items()}
    jobs = {row_id: str(plain.get("job_id", "")) for row_id, plain in arguments.items() if not named[row_id]}
    developers = _developers(set(jobs.values()) - {""})
    return {row.id: named[row.id] or frozenset({developers.get(jobs[row.id], row.operation_id)}) for row in rows}


def _named(arguments: dict[str, Any]) -> Iterator[str]:
    return (str(arguments[name]) for name in _ACCOUNTS if name in arguments)


def _developers(job_ids: Collection[str]) -> dict[str, str]:
    """Return the developers' accounts of jobs that are on the ledger or on their way."""
    recorded = LedgerJob.objects.filter(id__in=job_ids).values_list("id", "developer_id")
    found = {job_id: str(developer_id) for job_id, developer_id in recorded}
    creations = OutboxOperation.objects.filter(operation_id__in=[f"job.create:{job_id}" for job_id in job_ids])
    for job_id, body in creations.exclude(subject__in=found).values_list("subject", "body"):
        found[job_id] = str(json.loads(text_of(body))["arguments"]["developer_id"])
    return found
