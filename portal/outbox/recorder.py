"""The recorder: takes operations from the outbox in order and submits them, one transaction at a time.

While a transaction is on its way, the process does other things: the follower applies the blocks before it, and the
operations of the next one are claimed, if they fill it.

A crash at any line loses and doubles nothing: a transaction's id is stored before it is submitted, the ledger is asked
for that id afterwards, and an operation that reaches the ledger twice changes nothing there.
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q

from ledger.errors import LedgerError, LedgerUnavailable, ReadConflict, TransactionRefused
from ledger.ports import Ledger
from portal.outbox import leadership
from portal.outbox.contention import Contention, Turn, Waiting
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from wire import signing
from wire.ledger.blocks import TransactionBody, TransactionRecord
from wire.ledger.canonical import ledger_json
from wire.signing import SigningKey

log = logging.getLogger(__name__)

MAX_OPERATIONS = 1000
#: So many operations in a row are set aside; after that the fault is taken to be the ledger's, not theirs.
MOST_SET_ASIDE = 10

Submission = Callable[[], TransactionRecord]
SubmissionAnswer = Future[TransactionRecord]


def at_once(submission: Submission) -> SubmissionAnswer:
    """Submit a transaction here and now."""
    done: Future[TransactionRecord] = Future()
    try:
        done.set_result(submission())
    except LedgerError as error:
        done.set_exception(error)
    return done


@dataclass(frozen=True, kw_only=True, slots=True)
class _Claimed:
    """Operations whose rows name the transaction that they go out in."""

    transaction_id: str
    turn: Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class _OnItsWay:
    """A transaction that was handed over to be submitted."""

    claimed: _Claimed
    answer: SubmissionAnswer


class Recorder:
    """The one writer of operations to the ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        key: SigningKey,
        epoch: int,
        clock: Callable[[], datetime],
        carry: Callable[[Submission], SubmissionAnswer] = at_once,
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._epoch = epoch
        self._clock = clock
        #: Runs a submission, on a thread of its own as a rule.
        self._carry = carry
        self._on_its_way: _OnItsWay | None = None
        #: What goes out next.
        self._claimed: _Claimed | None = None
        #: Whether it was looked, since the last transaction was sent, if the next one can be claimed.
        self._looked = False
        #: Whether rows may be claimed that this process knows nothing of: the database did not answer.
        self._astray = False
        #: Halved when a transaction fails for what is in it, doubled when one succeeds: this finds the operation.
        self._limit = MAX_OPERATIONS
        self._set_aside_in_a_row = 0
        self._contention = Contention(clock)
        #: Whether operations may be on their way whose outcome this process has not seen.
        self._unresolved = True

    def step(self) -> bool:
        """Take the ledger's answer, and submit the next operations, at most `MAX_OPERATIONS`, at once.

        Return whether anything was done. While the follower applies a block, the next one is already being made.

        :raises LedgerError: when the ledger could not take them now; the next step asks what became of them.
        :raises Superseded: when another recorder has taken over.
        """
        sent = self._on_its_way
        if sent and not sent.answer.done():
            return self._claim_ahead()
        if sent:
            self._take_answer(sent)
        if self._unresolved and not self._resolve():
            return sent is not None
        if self._claimed is None:
            turn = self._turn()
            if turn.waiting:
                self._postpone(turn.waiting)
            if not turn.now:
                return bool(sent or turn.waiting)
            self._claim(turn)
        else:
            # It was claimed a while ago.
            with transaction.atomic():
                leadership.hold(leadership.RECORDER, self._epoch)
        self._send()
        return True

    def _claim_ahead(self) -> bool:
        """Claim what goes out next while a transaction is on its way; return whether there was enough.

        A small one is not: more operations may come until it can go out.
        """
        if self._claimed or self._looked or not self._contention.calm:
            return False
        self._looked = True
        turn = self._turn()
        if turn.waiting or len(turn.now) < self._limit:
            return False
        self._claim(turn)
        return True

    def _turn(self) -> Turn:
        now = self._clock()
        rows = OutboxOperation.objects.filter(settled_at__isnull=True, state=OutboxState.PENDING).order_by("id")
        told = rows.values_list(*Waiting._fields)
        found = [Waiting(*row) for row in told.filter(Q(due_at__isnull=True) | Q(due_at__lte=now))[: self._limit]]
        if not found:
            return Turn(now=found)
        # What the ledger told to wait has a reason: it waits for an operation that may be among these.
        older = told.filter(due_at__gt=now, reason="", id__lt=found[-1].id)
        # Few, as a rule, and found at once by their own index; in order it would be all that are open.
        put_off = list(older.order_by()[: MAX_OPERATIONS + 1])
        if len(put_off) > MAX_OPERATIONS:
            put_off = list(older[:MAX_OPERATIONS])
        return self._contention.turn(found, [Waiting(*row) for row in put_off])

    def _met_conflict(self, turn: Turn) -> None:
        if turn.apart or len(turn.now) == 1:
            self._postpone(turn.now)
            self._contention.met(turn.now)
        else:
            self._limit = len(turn.now) // 2

    def _postpone(self, rows: Sequence[Waiting]) -> None:
        with transaction.atomic():
            leadership.hold(leadership.RECORDER, self._epoch)
            waiting = OutboxOperation.objects.filter(id__among=[row.id for row in rows], state=OutboxState.PENDING)
            waiting.update(due_at=self._contention.due_at(rows))

    def _resolve(self) -> bool:
        """Return whether nothing is on its way: what the ledger never got goes back, the rest is the follower's."""
        on_their_way = OutboxOperation.objects.filter(settled_at__isnull=True, state=OutboxState.SUBMITTED)
        unsettled = self._astray = False
        for transaction_id in list(on_their_way.values_list("transaction_id", flat=True).distinct()):
            if self._ledger.transaction(transaction_id) is None:
                self._give_back(transaction_id)
            else:
                unsettled = True
        self._unresolved = unsettled
        return not unsettled

    def _give_back(self, transaction_id: str, ahead: _Claimed | None = None) -> None:
        """Let a transaction's operations wait again, and those claimed behind it, so that their order stays."""
        ids = [transaction_id, *([ahead.transaction_id] if ahead else [])]
        with transaction.atomic():
            leadership.hold(leadership.RECORDER, self._epoch)
            rows = OutboxOperation.objects.filter(settled_at__isnull=True, state=OutboxState.SUBMITTED)
            rows = rows.filter(transaction_id__in=ids)
            count = rows.update(state=OutboxState.PENDING, transaction_id="")
        log.warning("ledger.transaction_given_back", extra={"transaction_id": transaction_id, "operations": count})

    def _claim(self, turn: Turn) -> None:
        """Note in a turn's rows the transaction that they will go out in."""
        transaction_id = uuid.uuid4().hex
        self._unresolved = self._astray = True
        with transaction.atomic():
            leadership.hold(leadership.RECORDER, self._epoch)
            rows = OutboxOperation.objects.filter(id__among=[row.id for row in turn.now], state=OutboxState.PENDING)
            if rows.update(state=OutboxState.SUBMITTED, transaction_id=transaction_id) != len(turn.now):
                raise Superseded(f"operations of transaction {transaction_id} are on their way already")
        self._claimed, self._astray = _Claimed(transaction_id=transaction_id, turn=turn), False

    def _send(self) -> None:
        """Submit what was claimed; an answer that is there at once is taken at once."""
        claimed, self._claimed = self._claimed, None
        if claimed is None:
            return
        self._unresolved, self._looked = True, False
        body = TransactionBody(
            transaction_id=claimed.transaction_id,
            timestamp_ms=int(self._clock().timestamp() * 1000),
            operations=tuple(row.body for row in claimed.turn.now),
        )
        envelope = self._key.sign(ledger_json(body), signing.TRANSACTION)
        answer = self._carry(partial(self._ledger.submit, envelope))
        self._on_its_way = _OnItsWay(claimed=claimed, answer=answer)
        if answer.done():
            self._take_answer(self._on_its_way)

    def _take_answer(self, sent: _OnItsWay) -> None:
        """Take the ledger's answer; what another transaction got in the way of goes out again, before all others."""
        self._on_its_way = None
        ahead, self._claimed = self._claimed, None
        transaction_id, turn = sent.claimed.transaction_id, sent.claimed.turn
        try:
            sent.answer.result()
        except ReadConflict:
            self._give_back(transaction_id, ahead)
            self._met_conflict(turn)
        except TransactionRefused as error:
            self._narrow_down(sent.claimed, ahead, error)
            self._contention.passed(turn)
        else:
            self._claimed = ahead
            self._limit = min(MAX_OPERATIONS, self._limit * 2)
            self._set_aside_in_a_row = 0
            self._contention.passed(turn)
        self._unresolved = self._astray

    def _narrow_down(self, refused: _Claimed, ahead: _Claimed | None, error: LedgerError) -> None:
        """Halve the next transaction, until one operation is left: that one is set aside, with an alarm."""
        rows = refused.turn.now
        if len(rows) > 1:
            self._give_back(refused.transaction_id, ahead)
            self._limit = len(rows) // 2
            return
        if self._set_aside_in_a_row >= MOST_SET_ASIDE:
            raise LedgerUnavailable(f"it refuses every transaction: {error}") from error
        self._set_aside(rows[0], error)
        self._claimed = ahead

    def _set_aside(self, row: Waiting, error: LedgerError) -> None:
        with transaction.atomic():
            leadership.hold(leadership.RECORDER, self._epoch)
            OutboxOperation.objects.filter(id=row.id, state=OutboxState.SUBMITTED).update(
                state=OutboxState.SET_ASIDE, reason=f"{type(error).__name__}: {error}"[:300]
            )
        log.error("ledger.operation_set_aside", extra={"operation_id": row.operation_id, "reason": str(error)})
        self._limit = MAX_OPERATIONS
        self._set_aside_in_a_row += 1
