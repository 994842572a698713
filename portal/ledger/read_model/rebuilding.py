"""Rebuilding the read model from the first block on, for when it is wrong or lost."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from portal.ledger import leadership
from portal.ledger.follower import Follower
from portal.ledger.models import Balance, Checkpoint, LedgerBlock, LedgerEvent, LedgerJob, LedgerTransaction, WorldState
from portal.ledger.ports import LedgerReader


def rebuild(ledger: LedgerReader, *, now: datetime, progress: Callable[[int, int], None]) -> int:
    """Empty the read model, apply every block again, and return how many there were.

    All of it is one database transaction: others see the old read model until the new one is complete. What jobs have
    reserved stays.
    """
    epoch = leadership.take_over(leadership.RECORDER, now=now)
    follower = Follower(ledger=ledger, epoch=epoch)
    with transaction.atomic():
        _empty()
        while follower.step():
            progress(follower.block + 1, ledger.height)
    return follower.block + 1


def _empty() -> None:
    for model in (LedgerEvent, LedgerTransaction, LedgerBlock, LedgerJob, WorldState, Checkpoint):
        model.objects.all().delete()
    Balance.objects.update(available_micro=0, deposit_micro=0, held_micro=0)
