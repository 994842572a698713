"""Rebuilding the read model from the first block on, for when it is wrong or lost.

In many short transactions, so that a large one neither blocks the database nor is lost: what was done is on the
bookmark, and a rebuild that was cut short goes on where it stopped.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import models, transaction

from ledger.arriving import Patience
from ledger.ports import LedgerReader
from portal.books.errors import ReadModelUnfinished
from portal.books.follower import Follower, Listener
from portal.books.models import (
    Balance,
    Bookmark,
    LedgerBlock,
    LedgerEvent,
    LedgerJob,
    LedgerTransaction,
    Rebuilding,
    WorldState,
)
from portal.outbox import leadership

Progress = Callable[[int, int], None]
_DELETED_AT_ONCE = 2000
_EMPTIED: tuple[models.Manager[Any], ...] = (
    LedgerEvent.objects,
    LedgerTransaction.objects,
    LedgerBlock.objects,
    LedgerJob.objects,
    WorldState.objects,
)


def under_way() -> str:
    """Return which step of a rebuild was begun and is not done; empty when the read model is whole."""
    return Bookmark.objects.filter(id=1).values_list("rebuilding", flat=True).first() or ""


def require_whole() -> None:
    """Go on only when no rebuild was cut short.

    :raises ReadModelUnfinished: when one was.
    """
    if step := under_way():
        raise ReadModelUnfinished(f"a rebuild of the read model was cut short ({step}): run `manage.py ledger rebuild`")


def rebuild(
    ledger: LedgerReader,
    *,
    now: datetime,
    listeners: Sequence[Listener],
    emptied: Progress,
    applied: Progress,
) -> int:
    """Empty the read model, apply every block again, and return how many there were.

    Both say how far they are. Meanwhile readers see what was applied so far. What jobs have reserved stays.
    """
    term = leadership.take_over(leadership.RECORDER, now=now)
    if under_way() != Rebuilding.APPLYING:
        _begin(term)
        _empty(term, emptied)
    follower = Follower(ledger=ledger, term=term, listeners=listeners)
    height, patience = ledger.height, Patience()
    while follower.block + 1 < height:
        if follower.step():
            patience.came()
            applied(follower.block + 1, height)
        else:
            patience.wait(follower.block + 1)
    _move(term, Rebuilding.NOT)
    return follower.block + 1


def _begin(term: int) -> None:
    """Note that nothing is applied any more, before the first row goes: there is no way back but to the end."""
    Bookmark.objects.get_or_create(id=1)
    _move(term, Rebuilding.EMPTYING, block_number=-1, block_hash="")


def _empty(term: int, progress: Progress) -> None:
    total = sum(rows.count() for rows in _EMPTIED)
    done = 0
    for rows in _EMPTIED:
        while ids := list(rows.values_list("pk", flat=True)[:_DELETED_AT_ONCE]):
            with leadership.held(leadership.RECORDER, term):
                rows.filter(pk__in=ids).delete()
            done += len(ids)
            progress(done, total)
    with transaction.atomic():
        Balance.objects.update(available_micro=0, deposit_micro=0, held_micro=0)
        _move(term, Rebuilding.APPLYING)


def _move(term: int, step: Rebuilding, **columns: object) -> None:
    with leadership.held(leadership.RECORDER, term):
        Bookmark.objects.filter(id=1).update(rebuilding=step, **columns)
