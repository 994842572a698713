"""What tickets have promised of deposits, and the one order in which balances are locked."""

from collections import defaultdict
from collections.abc import Iterable

from django.db import connection
from django.db.models import F

from portal.books.models import Balance, Reservation
from wire.ledger import state_keys
from wire.ledger.blocks import Block
from wire.ledger.operations import CreateJob, subject_in

_MONEY = (state_keys.account(""), state_keys.delta_prefix())


def jobs_answered(blocks: Iterable[Block]) -> list[str]:
    """Return the jobs whose creation blocks answer."""
    results = (result for block in blocks for record in block.transactions for result in record.results)
    return [subject_in(item.operation_id) for item in results if item.kind == CreateJob.kind]


def release(job_ids: Iterable[str]) -> None:
    """Give back what jobs had reserved, where they had."""
    reservations = list(Reservation.objects.filter(job_id__among=list(job_ids)))
    if not reservations:
        return
    released: dict[str, int] = defaultdict(int)
    for reservation in reservations:
        released[reservation.account_id] += reservation.amount_micro
    Reservation.objects.filter(job_id__among=[reservation.job_id for reservation in reservations]).delete()
    for account_id, amount in sorted(released.items()):
        Balance.objects.filter(account_id=account_id).update(reserved_micro=F("reserved_micro") - amount)


def lock_balances(account_ids: Iterable[str]) -> None:
    """Lock the rows that a database transaction changes before it changes any, in the order that all keep.

    Scheduler and follower change many balances by several statements: two that began in another order would each wait
    for the other. SQLite has one writer at a time.
    """
    if connection.features.has_select_for_update:
        rows = Balance.objects.select_for_update().filter(account_id__in=set(account_ids)).order_by("account_id")
        list(rows.values_list("account_id"))


def lock_balances_of(blocks: Iterable[Block]) -> None:
    """Lock what blocks change: accounts whose money moves, and those whose reservations end."""
    if not connection.features.has_select_for_update:
        return
    blocks = list(blocks)
    written = {key for block in blocks for record in block.transactions for key in record.writes}
    touched = {state_keys.account_of(key) for key in written if key.startswith(_MONEY)}
    reserved = Reservation.objects.filter(job_id__among=jobs_answered(blocks)).values_list("account_id", flat=True)
    lock_balances({*touched, *reserved})
