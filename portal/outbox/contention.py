"""Accounts that somebody else keeps writing to: operations on them go out apart and hold up only each other.

On Hyperledger Fabric a transaction changes nothing when another one was faster with anything that it had read. Who
moves money of an account of one's own all the time would so hold up every batch that the account occurs in.

What waits keeps its place: later operations of the account that pays wait behind it, for a refusal is final.
"""

import json
import logging
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ledger.errors import LedgerUnavailable
from portal.outbox.models import OutboxOperation
from portal.outbox.operations import text_of
from wire.ledger.operations import CreateJob, operation_id_of

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


class PendingOperation(NamedTuple):
    """What of a row of the outbox has to be known to send it."""

    id: int
    operation_id: str
    body: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What goes out now, which may be nothing, and what waits; contended accounts and others never go out mixed."""

    now: Sequence[PendingOperation]
    waiting: Sequence[PendingOperation] = ()
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

    @property
    def calm(self) -> bool:
        """Whether no account is contended: whose turn it is then is no question."""
        return not self._until

    def turn(self, rows: Sequence[PendingOperation], put_off: Sequence[PendingOperation] = ()) -> Turn:
        """Part operations that are due; those on contended accounts have every second turn.

        None goes out before an older one of the account that pays: such as `put_off`, which are not due.
        """
        now = self._clock()
        self._until = {account: until for account, until in self._until.items() if until > now}
        if not self._until and not put_off:
            return Turn(now=rows)
        accounts = _accounts([*rows, *put_off])
        parted = self._parted(rows, [row for row in rows if not self._until.keys().isdisjoint(accounts[row.id])])
        return _in_order(parted, put_off, {row_id: named[0] for row_id, named in accounts.items()})

    def _parted(self, rows: Sequence[PendingOperation], apart: Sequence[PendingOperation]) -> Turn:
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

    def met(self, rows: Sequence[PendingOperation]) -> None:
        """Take note of operations that a conflict met: one alone says which accounts are contended.

        :raises LedgerUnavailable: when so many are one after the other that it is not somebody else's writing any more.
        """
        self._limit = max(1, len(rows) // 2)
        if len(rows) > 1:
            return
        accounts = _accounts(rows)[rows[0].id]
        self._until |= dict.fromkeys(accounts, self._clock() + FORGOTTEN_AFTER)
        log.warning("ledger.contended", extra={"accounts": sorted(accounts)})
        self._in_a_row |= set(accounts)
        if len(self._in_a_row) > MOST_CONTENDED:
            raise LedgerUnavailable("every transaction meets a conflict")

    def due_at(self, rows: Sequence[PendingOperation]) -> datetime:
        """Return when operations that wait are due again."""
        now = self._clock()
        age = now - min(row.created_at for row in rows)
        return now + min(max(age / 8, _SHORTEST_WAIT), _LONGEST_WAIT) * self._dice.uniform(0.5, 1.5)


def _in_order(turn: Turn, put_off: Sequence[PendingOperation], payers: dict[int, str]) -> Turn:
    """Let operations wait, too, whose payer has an older one waiting."""
    oldest: dict[str, int] = {}
    for row in (*turn.waiting, *put_off):
        oldest[payers[row.id]] = min(row.id, oldest.get(payers[row.id], row.id))
    behind = [row for row in turn.now if row.id > oldest.get(payers[row.id], row.id)]
    ids = {row.id for row in behind}
    now = [row for row in turn.now if row.id not in ids]
    return Turn(now=now, waiting=[*turn.waiting, *behind], apart=turn.apart)


def _accounts(rows: Sequence[PendingOperation]) -> dict[int, tuple[str, ...]]:
    """Return the accounts that each operation reads, by the row's id, the one that pays first.

    Where they are not known it is the operation itself.
    """
    arguments = {row.id: _arguments(row.body) for row in rows}
    # An approval may be what moves the money: it is about the accounts of what it approves.
    proposals = _proposals({str(plain["proposal_id"]) for plain in arguments.values() if "proposal_id" in plain})
    arguments = {row_id: proposals.get(plain.get("proposal_id"), plain) for row_id, plain in arguments.items()}
    named = {row_id: tuple(_named(plain)) for row_id, plain in arguments.items()}
    jobs = {row_id: str(plain.get("job_id", "")) for row_id, plain in arguments.items() if not named[row_id]}
    developers = _developers(set(jobs.values()) - {""})
    return {row.id: named[row.id] or (developers.get(jobs[row.id], row.operation_id),) for row in rows}


def _arguments(body: str) -> dict[str, Any]:
    arguments: dict[str, Any] = json.loads(text_of(body))["arguments"]
    return arguments


def _proposals(operation_ids: Collection[str]) -> dict[str | None, dict[str, Any]]:
    """Return the arguments of operations that were proposed through the outbox, by id."""
    if not operation_ids:
        return {}
    rows = OutboxOperation.objects.filter(operation_id__in=operation_ids).values_list("operation_id", "body")
    return {operation_id: _arguments(body) for operation_id, body in rows}


def _named(arguments: dict[str, Any]) -> Iterator[str]:
    return (str(arguments[name]) for name in _ACCOUNTS if name in arguments)


def _developers(job_ids: Collection[str]) -> dict[str, str]:
    """Return the developers' accounts of jobs that have not ended: their creations stay in the outbox so long."""
    creations = OutboxOperation.objects.filter(
        operation_id__in=[operation_id_of(CreateJob, job_id) for job_id in job_ids]
    )
    rows = creations.values_list("subject", "body")
    return {job_id: str(_arguments(body)["developer_id"]) for job_id, body in rows}
