"""The recorder: takes operations from the outbox in order and submits them, one transaction at a time.

While a transaction is on its way, the process does other things: the follower applies the blocks before it, and the
operations of the next one are claimed, if they fill it.

A crash at any line loses and doubles nothing: a transaction's id is stored before it is submitted, the ledger is asked
for that id afterwards, and an operation that reaches the ledger twice changes nothing there.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import partial

from ledger.errors import LedgerError, LedgerUnavailable, ReadConflict, TransactionRefused
from ledger.ports import Ledger
from portal.outbox import rows
from portal.outbox.contention import Contention, PendingOperation, Turn
from wire import signing
from wire.ledger.blocks import TransactionBody, TransactionRecord
from wire.ledger.canonical import ledger_json
from wire.signing import SigningKey

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


class _Unresolved:
    """Operations may be on their way whose outcome this process has not seen."""


class _Idle:
    """Nothing is on its way that is not on the ledger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Claimed:
    """The rows of operations name the transaction that they go out in next."""

    transaction_id: str
    turn: Turn


class _Next(Enum):
    """What comes after a transaction that is on its way, unless it is claimed."""

    #: Nobody has looked yet.
    OPEN = "open"
    #: More operations may come until it can go out.
    SMALL = "small"
    #: The database did not say whether it was claimed.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class _OnItsWay:
    """A transaction was handed over to be submitted."""

    claimed: _Claimed
    answer: SubmissionAnswer
    next: _Claimed | _Next = _Next.OPEN


_State = _Unresolved | _Idle | _Claimed | _OnItsWay
#: The states that a step leaves, in this order, where it finds itself in one of them.
_ROUND = (_OnItsWay, _Unresolved, _Idle, _Claimed)


class Recorder:
    """The one writer of operations to the ledger; docs/states.md has its states."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        key: SigningKey,
        term: int,
        clock: Callable[[], datetime],
        carry: Callable[[Submission], SubmissionAnswer] = at_once,
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._term = term
        self._clock = clock
        #: Runs a submission, on a thread of its own as a rule.
        self._carry = carry
        self._state: _State = _Unresolved()
        #: Halved when a transaction fails for what is in it, doubled when one succeeds: this finds the operation.
        self._limit = MAX_OPERATIONS
        self._set_aside_in_a_row = 0
        self._contention = Contention(clock)

    def step(self) -> bool:
        """Take the ledger's answer, and submit the next operations, at most `MAX_OPERATIONS`, at once.

        Return whether anything was done. While the follower applies a block, the next one is already being made.

        :raises LedgerError: when the ledger could not take them now; the next step asks what became of them.
        :raises Superseded: when another recorder has taken over.
        """
        if isinstance(self._state, _OnItsWay) and not self._state.answer.done():
            return self._claim_ahead(self._state)
        worked = False
        for kind in _ROUND:
            if isinstance(self._state, kind):
                worked = self._leave(self._state) or worked
        return worked

    def _leave(self, state: _State) -> bool:
        """Do what a state asks for, which ends in another one, and return whether anything was done.

        Where that fails, nothing is known but the rows.
        """
        self._state = _Unresolved()
        match state:
            case _Unresolved():
                return self._resolve()
            case _Idle():
                return self._claim_next()
            case _Claimed():
                return self._send(state)
            case _OnItsWay():
                return self._take_answer(state)

    def _resolve(self) -> bool:
        """Give back what the ledger never got; what it has is the follower's, and waited for."""
        unresolved = False
        for transaction_id in rows.on_their_way():
            if self._ledger.transaction(transaction_id) is None:
                rows.give_back(transaction_id, term=self._term)
            else:
                unresolved = True
        if not unresolved:
            self._state = _Idle()
        return False

    def _claim_next(self) -> bool:
        turn = self._turn()
        if turn.waiting:
            self._postpone(turn.waiting)
        self._state = self._claim(turn) if turn.now else _Idle()
        return bool(turn.now or turn.waiting)

    def _claim_ahead(self, sent: _OnItsWay) -> bool:
        """Claim what goes out next while a transaction is on its way; return whether there was enough.

        A small one is not: more operations may come until it can go out.
        """
        if sent.next is not _Next.OPEN or not self._contention.calm:
            return False
        self._state = replace(sent, next=_Next.UNKNOWN)
        turn = self._turn()
        is_enough = not turn.waiting and len(turn.now) >= self._limit
        self._state = replace(sent, next=self._claim(turn) if is_enough else _Next.SMALL)
        return is_enough

    def _turn(self) -> Turn:
        found, put_off = rows.due(now=self._clock(), limit=self._limit, most_put_off=MAX_OPERATIONS)
        return self._contention.turn(found, put_off) if found else Turn(now=found)

    def _claim(self, turn: Turn) -> _Claimed:
        return _Claimed(transaction_id=rows.claim(turn.now, term=self._term), turn=turn)

    def _postpone(self, waiting: Sequence[PendingOperation]) -> None:
        rows.postpone(waiting, until=self._contention.due_at(waiting), term=self._term)

    def _send(self, claimed: _Claimed) -> bool:
        """Submit what was claimed; an answer that is there at once is taken at once."""
        body = TransactionBody(
            transaction_id=claimed.transaction_id,
            timestamp_ms=int(self._clock().timestamp() * 1000),
            operations=tuple(row.body for row in claimed.turn.now),
        )
        envelope = self._key.sign(ledger_json(body), signing.TRANSACTION)
        sent = _OnItsWay(claimed=claimed, answer=self._carry(partial(self._ledger.submit, envelope)))
        self._state = sent
        if sent.answer.done():
            self._leave(sent)
        return True

    def _take_answer(self, sent: _OnItsWay) -> bool:
        """Take the ledger's answer; what another transaction got in the way of goes out again, before all others."""
        turn, follows = sent.claimed.turn, sent.next
        try:
            sent.answer.result()
        except ReadConflict:
            follows = self._give_back(sent)
            self._met_conflict(turn)
        except TransactionRefused as error:
            follows = self._narrow_down(sent, error)
            self._contention.passed(turn)
        else:
            self._limit = min(MAX_OPERATIONS, self._limit * 2)
            self._set_aside_in_a_row = 0
            self._contention.passed(turn)
        if isinstance(follows, _Claimed):
            # That was a while ago.
            rows.hold(term=self._term)
            self._state = follows
        elif follows is not _Next.UNKNOWN:
            self._state = _Idle()
        return True

    def _give_back(self, sent: _OnItsWay) -> _Next:
        """Let a transaction's operations wait again, and those claimed behind it; return what comes after."""
        if not isinstance(sent.next, _Claimed):
            rows.give_back(sent.claimed.transaction_id, term=self._term)
            return sent.next
        rows.give_back(sent.claimed.transaction_id, sent.next.transaction_id, term=self._term)
        return _Next.OPEN

    def _met_conflict(self, turn: Turn) -> None:
        if turn.apart or len(turn.now) == 1:
            self._postpone(turn.now)
            self._contention.met(turn.now)
        else:
            self._limit = len(turn.now) // 2

    def _narrow_down(self, sent: _OnItsWay, error: TransactionRefused) -> _Claimed | _Next:
        """Halve the next transaction, until one operation is left: that one is set aside, with an alarm."""
        refused = sent.claimed.turn.now
        if len(refused) > 1:
            self._limit = len(refused) // 2
            return self._give_back(sent)
        if self._set_aside_in_a_row >= MOST_SET_ASIDE:
            raise LedgerUnavailable(f"it refuses every transaction: {error}") from error
        rows.set_aside(refused[0], error, term=self._term)
        self._limit = MAX_OPERATIONS
        self._set_aside_in_a_row += 1
        return sent.next
