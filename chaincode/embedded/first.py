"""The first block: the genesis, and the world state that follows from it."""

from dataclasses import replace

from wire.ledger.blocks import TransactionRecord
from wire.ledger.genesis import GENESIS_TRANSACTION, BadGenesis, Genesis
from wire.signing import TRANSACTION, PublicKey, SigningKey, payload_of


def genesis_record(genesis: Genesis, timestamp_ms: int, key: SigningKey) -> TransactionRecord:
    """Return the first block's one transaction.

    :raises BadGenesis: when the genesis names another block key.
    """
    if key.public.pem != PublicKey.from_pem(genesis.block_key_pem).pem:
        raise BadGenesis("block_key_pem: is not the key that signs this ledger's blocks")
    return TransactionRecord(
        transaction_id=GENESIS_TRANSACTION,
        creator=key.public.key_id,
        timestamp_ms=timestamp_ms,
        envelope=key.sign(genesis.text().encode(), TRANSACTION),
        results=(),
        writes=genesis.writes(),
        events=(),
    )


def genesis_of(record: TransactionRecord) -> Genesis:
    """Return the genesis in the first block's transaction, signed by the block key that it names.

    :raises BadSignature: when it is not.
    """
    genesis = Genesis.parse(payload_of(record.envelope).decode(errors="replace"))
    PublicKey.from_pem(genesis.block_key_pem).verify(record.envelope, TRANSACTION)
    return genesis


def first_record(genesis: Genesis, told: TransactionRecord) -> TransactionRecord:
    """Return what the first transaction has to be, given the genesis; time and signature are the told ones."""
    return replace(
        told,
        transaction_id=GENESIS_TRANSACTION,
        creator=PublicKey.from_pem(genesis.block_key_pem).key_id,
        results=(),
        writes=genesis.writes(),
        events=(),
    )
