"""The read model: what blocks change in it. Called by the follower only, inside one database transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from chaincode.blocks import Block
from chaincode.contracts.records import Account, Delta, Job
from portal.ledger.models import Balance, LedgerBlock, LedgerEvent, LedgerJob, LedgerTransaction, WorldState
from wire.codec import decode, from_plain, parse_object

Writes = Mapping[str, str | None]

_JOB_COLUMNS = [
    field.name
    for field in LedgerJob._meta.concrete_fields  # noqa: SLF001 - Django documents it
    if not field.primary_key
]


def moment(timestamp_ms: int) -> datetime:
    """Return a ledger's timestamp as the database has it."""
    return datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)


def apply_blocks(blocks: Sequence[Block]) -> None:
    """Add blocks to the history, and bring world state, jobs and balances up to the last of them."""
    _add_history(blocks)
    writes: dict[str, str | None] = {}
    for block in blocks:
        for record in block.transactions:
            writes.update(record.writes)
    _move_balances(writes)
    _mirror(writes)
    _store_jobs(writes)


def _add_history(blocks: Sequence[Block]) -> None:
    LedgerBlock.objects.bulk_create(
        LedgerBlock(
            number=block.number,
            hash=block.hash,
            previous_hash=block.previous_hash,
            at=moment(block.timestamp_ms),
            transaction_count=len(block.transactions),
        )
        for block in blocks
    )
    LedgerTransaction.objects.bulk_create(
        LedgerTransaction(
            id=record.transaction_id,
            block_id=block.number,
            position=position,
            creator=record.creator,
            at=moment(record.timestamp_ms),
            operation_count=len(record.results),
        )
        for block in blocks
        for position, record in enumerate(block.transactions)
    )
    LedgerEvent.objects.bulk_create(
        LedgerEvent(
            transaction_id=record.transaction_id,
            name=event.name,
            subject=event.subject,
            body=event.body,
            at=moment(record.timestamp_ms),
        )
        for block in blocks
        for record in block.transactions
        for event in record.events
    )


def _mirror(writes: Writes) -> None:
    deleted = [key for key, value in writes.items() if value is None]
    if deleted:
        WorldState.objects.filter(key__in=deleted).delete()
    WorldState.objects.bulk_create(
        (WorldState(key=key, value=value) for key, value in writes.items() if value is not None),
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["value"],
    )


def _store_jobs(writes: Writes) -> None:
    LedgerJob.objects.bulk_create(
        (job_row(value) for key, value in writes.items() if value is not None and key.startswith("job~")),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_JOB_COLUMNS,
    )


def job_row(text: str) -> LedgerJob:
    """Return the row of a job's record."""
    plain = parse_object(text)
    job = from_plain(Job, plain)
    return LedgerJob(
        id=job.job_id,
        invocation_id=UUID(job.invocation_id),
        developer_id=UUID(job.developer_id),
        provider_id=UUID(job.provider_id),
        version_id=UUID(job.version_id),
        state=job.state.value,
        price_nano_per_ms=job.price_nano_per_ms,
        max_ms=job.max_ms,
        max_cost_micro=job.max_cost_micro,
        claimed_ms=job.claimed_ms,
        observed_ms=job.observed_ms,
        billed_ms=job.billed_ms,
        cost_micro=job.cost_micro,
        output_digest=job.receipt_digest or job.confirm_digest or "",
        received=job.received,
        payment_done=job.payment_done,
        created_at=moment(job.created_at_ms),
        settled_at=None if job.settled_at_ms is None else moment(job.settled_at_ms),
        record=plain,
    )


@dataclass(slots=True)
class Money:
    """The three parts of an account, or a change of them."""

    available: int = 0
    deposit: int = 0
    held: int = 0


def money_by_account(state: Writes) -> dict[str, Money]:
    """Return what accounts and credits not folded yet add up to; keys of anything else are passed over."""
    totals: dict[str, Money] = defaultdict(Money)
    for key, value in state.items():
        kind, _, rest = key.partition("~")
        if value is None:
            continue
        if kind == "account":
            account, total = decode(Account, value), totals[rest]
            total.available += account.available
            total.deposit += account.deposit
            total.held += account.held
        elif kind == "delta":
            totals[rest.partition("~")[0]].available += decode(Delta, value).amount
    return totals


def _move_balances(writes: Writes) -> None:
    """Change balances by the difference that the writes make to the mirror, which still holds the values before."""
    money = {key: value for key, value in writes.items() if key.startswith(("account~", "delta~"))}
    before = money_by_account(dict(WorldState.objects.filter(key__in=money).values_list("key", "value")))
    after = money_by_account(money)
    touched = sorted({*before, *after})
    rows = {row.account_id: row for row in Balance.objects.filter(account_id__in=touched)}
    for account_id in touched:
        old, new = before.get(account_id, Money()), after.get(account_id, Money())
        row = rows.setdefault(account_id, Balance(account_id=account_id))
        row.available_micro += new.available - old.available
        row.deposit_micro += new.deposit - old.deposit
        row.held_micro += new.held - old.held
    Balance.objects.bulk_create(
        [rows[account_id] for account_id in touched],
        update_conflicts=True,
        unique_fields=["account_id"],
        update_fields=["available_micro", "deposit_micro", "held_micro"],
    )
