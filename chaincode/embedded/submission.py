"""What the embedded ledger asks of a transaction before the contracts see it: well signed, and for now."""

import sqlite3

from chaincode.contracts import submission
from chaincode.contracts.submission import BadSubmission, SignedTransaction
from chaincode.embedded import store
from chaincode.embedded.errors import StoreRefused
from wire.errors import BadSignature
from wire.signing import Jws

#: As Fabric's peers do (TimeWindowCheck): a submitter does not choose its own time.
TIME_WINDOW_MS = 60_000


def verified(connection: sqlite3.Connection, envelope: str) -> SignedTransaction:
    """Return the transaction in an envelope.

    :raises StoreRefused: when no pinned key signed it, or it is malformed.
    """
    try:
        return submission.verified(lambda key: store.read_state(connection, [key]).get(key), Jws.read(envelope))
    except (BadSignature, BadSubmission) as error:
        raise StoreRefused(str(error)) from error


def in_time(timestamp_ms: int, now_ms: int) -> None:
    """Check a transaction's time against the ledger's clock.

    :raises StoreRefused: when it is more than a minute off.
    """
    if abs(timestamp_ms - now_ms) > TIME_WINDOW_MS:
        raise StoreRefused(f"timestamp_ms: {timestamp_ms} is more than a minute from the ledger's {now_ms}")
