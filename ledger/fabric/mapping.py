"""Fabric's blocks and transactions as the ledger's own values."""

import base64
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from fabric_client.blocks import ChaincodeTransaction, block_timestamp_ms, header_hash, signatures, valid_transactions
from ledger.errors import LedgerDamaged
from wire.codec import decode, from_plain
from wire.errors import WireError
from wire.ledger import names
from wire.ledger.blocks import Block, Event, OperationResult, TransactionBody, TransactionRecord
from wire.ledger.genesis import GENESIS_TRANSACTION
from wire.ledger.packing import unpacked
from wire.signing import key_id_of, payload_of

_NONCE_BYTES = 24


def nonce_of(transaction_id: str) -> bytes:
    """Return the nonce for a transaction of ours: the same one is the same in Fabric too, for the same identity."""
    return hashlib.sha256(f"chainfaas transaction {transaction_id}".encode()).digest()[:_NONCE_BYTES]


@lru_cache(maxsize=4)
def body_of(envelope: str) -> TransactionBody:
    """Return what the submitter of an envelope signed; nothing is verified.

    Kept, for a submitter reads it before it submits, with the answer, and in the block.

    :raises WireError: when it is no transaction.
    """
    return decode(TransactionBody, payload_of(envelope))


def block_of(block: Any, channel: str) -> Block:
    """Return a block of Fabric's with the transactions that are the contracts'; other blocks have none.

    :raises LedgerDamaged: when a valid transaction is not what the chaincode writes.
    """
    return Block(
        number=block.header.number,
        previous_hash=block.header.previous_hash.hex(),
        hash=header_hash(block.header).hex(),
        timestamp_ms=block_timestamp_ms(block),
        signature=base64.b64encode(signatures(block)).decode(),
        transactions=tuple(_records(block, channel)),
    )


@lru_cache(maxsize=2)
def record_of(transaction: ChaincodeTransaction) -> TransactionRecord | None:
    """Return a transaction of the contracts; None when it is none of theirs.

    Kept, for a submitter has read it before it meets it in the block.

    :raises LedgerDamaged: when it is not what the chaincode writes.
    """
    if transaction.chaincode != names.CHAINCODE:
        return None
    function, *rest = (argument.decode() for argument in transaction.arguments)
    try:
        if function == names.SUBMIT:
            return _submitted(transaction, unpacked(rest[0]))
        if function == names.GENESIS:
            return _genesis(transaction, rest[0])
    except (WireError, ValueError, IndexError) as error:
        raise LedgerDamaged(f"transaction {transaction.transaction_id}: {error}") from error
    return None


def _records(block: Any, channel: str) -> Iterator[TransactionRecord]:
    for transaction in valid_transactions(block, channel):
        if (record := record_of(transaction)) is not None:
            yield record


def _submitted(transaction: ChaincodeTransaction, envelope: str) -> TransactionRecord:
    body = body_of(envelope)
    events = orjson.loads(transaction.event) if transaction.event_name == names.EVENT else []
    return TransactionRecord(
        transaction_id=body.transaction_id,
        creator=key_id_of(envelope),
        timestamp_ms=transaction.timestamp_ms,
        envelope=envelope,
        results=tuple(from_plain(OperationResult, result) for result in orjson.loads(transaction.response)),
        writes=_writes(transaction),
        events=tuple(_event(event) for event in events),
    )


def _genesis(transaction: ChaincodeTransaction, text: str) -> TransactionRecord:
    return TransactionRecord(
        transaction_id=GENESIS_TRANSACTION,
        creator=transaction.msp_id,
        timestamp_ms=transaction.timestamp_ms,
        envelope=text,
        results=(),
        writes=_writes(transaction),
        events=(),
    )


def _writes(transaction: ChaincodeTransaction) -> dict[str, str | None]:
    return {
        key: None if value is None else value.decode()
        for key, value in transaction.writes.items()
        if not names.is_own(key)
    }


def _event(plain: Any) -> Event:
    return Event(name=plain["name"], subject=plain["subject"], body=plain["body"])
