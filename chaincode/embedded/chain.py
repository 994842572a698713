"""How blocks hang together: what is hashed, what is signed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wire.codec import canonical_json
from wire.ledger.blocks import Block, TransactionRecord
from wire.signing import BLOCK, SigningKey, sha256_hex

#: What the first block names as the hash before it.
NO_HASH = "0" * 64


def block_hash(block: Block) -> str:
    """Return the SHA-256 of a block's canonical JSON: all of it but hash and signature."""
    content = {
        "number": block.number,
        "previous_hash": block.previous_hash,
        "timestamp_ms": block.timestamp_ms,
        "transactions": [plain_record(record) for record in block.transactions],
    }
    return sha256_hex(canonical_json(content))


def plain_record(record: TransactionRecord) -> dict[str, Any]:
    """Return a transaction as JSON's own types: what is hashed and stored."""
    return {
        "transaction_id": record.transaction_id,
        "creator": record.creator,
        "timestamp_ms": record.timestamp_ms,
        "envelope": record.envelope,
        "results": [result.plain() for result in record.results],
        "writes": record.writes,
        "events": [event.plain() for event in record.events],
    }


def next_block(
    previous: Block | None, *, timestamp_ms: int, transactions: Sequence[TransactionRecord], key: SigningKey
) -> Block:
    """Return the block that follows, hashed and signed."""
    block = Block(
        number=previous.number + 1 if previous else 0,
        previous_hash=previous.hash if previous else NO_HASH,
        hash="",
        timestamp_ms=timestamp_ms,
        signature="",
        transactions=tuple(transactions),
    )
    digest = block_hash(block)
    return replace(block, hash=digest, signature=key.sign(digest.encode(), BLOCK))
