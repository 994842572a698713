"""Blocks by hand, for what only looks at their events."""

from collections.abc import Sequence

from wire.ledger.blocks import Block, Event, TransactionRecord


def block_of(events: Sequence[Event], *, timestamp_ms: int = 0) -> Block:
    record = TransactionRecord(
        transaction_id="t1",
        creator="k1",
        timestamp_ms=timestamp_ms,
        envelope="",
        results=(),
        writes={},
        events=tuple(events),
    )
    return Block(number=1, previous_hash="", hash="", timestamp_ms=timestamp_ms, signature="", transactions=(record,))
