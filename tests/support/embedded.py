"""An embedded ledger with a clock of its own, for `World`."""

from collections.abc import Sequence
from pathlib import Path

from chaincode.embedded.ledger import EmbeddedLedger
from tests.support.ledger import KEYS, NO_FEES, Keys
from wire.codec import encode
from wire.ledger.blocks import TransactionBody, TransactionRecord
from wire.ledger.records import FeePolicy
from wire.signing import TRANSACTION, SigningKey


class Recorded:
    """An embedded ledger that takes `World`'s operations as signed transactions, at the world's time."""

    def __init__(self, path: Path, fees: FeePolicy = NO_FEES) -> None:
        self.path = path
        self.now_ms = 0
        EmbeddedLedger.create(path, KEYS.genesis(fees), KEYS.block, lambda: self.now_ms)
        self.ledger = EmbeddedLedger.open(path, KEYS.block, lambda: self.now_ms)
        self._count = 0

    def run(self, creator: str, timestamp_ms: int, operations: Sequence[str]) -> TransactionRecord:
        """Submit one transaction."""
        self._count += 1
        self.now_ms = timestamp_ms
        body = TransactionBody(
            transaction_id=f"tx-{self._count}", timestamp_ms=timestamp_ms, operations=tuple(operations)
        )
        return self.ledger.submit(signed(body, signing_key(creator)))

    def items(self, prefix: str) -> list[tuple[str, str]]:
        """Return keys and values."""
        return list(self.ledger.items(prefix))


def signed(body: TransactionBody, key: SigningKey) -> str:
    """Return a transaction as its submitter sends it."""
    return key.sign(encode(body), TRANSACTION)


def signing_key(key_id: str) -> SigningKey:
    """Return the one of `KEYS` with this id."""
    keys: list[SigningKey] = [getattr(KEYS, name) for name in Keys.__dataclass_fields__]
    return next(key for key in keys if key.public.key_id == key_id)
