"""Blocks, their transactions and events, and the world state that follows from them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portal.books.models import LedgerBlock, LedgerEvent, LedgerTransaction, WorldState
from portal.books.read_model import bulk
from portal.books.read_model.balances import move_balances
from portal.books.read_model.jobs import store_jobs
from portal.moments import moment
from wire.ledger.blocks import Block
from wire.ledger.events import ACCOUNT_TRANSFERRED


def apply_blocks(blocks: Sequence[Block]) -> None:
    """Add blocks to the history, and bring world state, jobs and balances up to the last of them."""
    _add_history(blocks)
    writes: dict[str, str | None] = {}
    for block in blocks:
        for record in block.transactions:
            writes.update(record.writes)
    move_balances(writes)
    _mirror(writes)
    store_jobs(writes)


def _add_history(blocks: Sequence[Block]) -> None:
    LedgerBlock.objects.bulk_create(
        LedgerBlock(
            number=block.number,
            hash=block.hash,
            previous_hash=block.previous_hash,
            at=moment(block.timestamp_ms),
            transaction_count=len(block.transactions),
            operation_count=sum(len(record.results) for record in block.transactions),
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
    bulk.insert(LedgerEvent, ("transaction_id", "name", "subject", "recipient", "body", "at"), _events(blocks))


def _events(blocks: Sequence[Block]) -> Iterator[tuple[Any, ...]]:
    for block in blocks:
        for record in block.transactions:
            at = bulk.stamp(record.timestamp_ms)
            for event in record.events:
                recipient = event.body["to_account_id"] if event.name == ACCOUNT_TRANSFERRED else None
                yield record.transaction_id, event.name, event.subject, recipient, bulk.text(event.body), at


def _mirror(writes: Mapping[str, str | None]) -> None:
    deleted = [key for key, value in writes.items() if value is None]
    if deleted:
        WorldState.objects.filter(key__in=deleted).delete()
    kept = ((key, value) for key, value in writes.items() if value is not None)
    bulk.upsert(WorldState, ("key", "value"), kept)
