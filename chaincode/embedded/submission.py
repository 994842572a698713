"""What a transaction has to be before the contracts see it: signed by a pinned key, for now, of bounded size."""

import re
import sqlite3
from dataclasses import dataclass

from chaincode.blocks import TransactionBody
from chaincode.contracts import keys
from chaincode.contracts.execution.keyring import public_key
from chaincode.contracts.records import PinnedKey
from chaincode.embedded import store
from chaincode.embedded.errors import TransactionRefused
from wire.codec import decode
from wire.errors import WireError
from wire.signing import TRANSACTION, key_id_of

#: As Fabric's peers do (TimeWindowCheck): a submitter does not choose its own time.
TIME_WINDOW_MS = 60_000
MAX_OPERATIONS = 1_000
_TRANSACTION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A transaction whose signature holds."""

    envelope: str
    #: Key id of the submitter.
    creator: str
    body: TransactionBody


def verified(connection: sqlite3.Connection, envelope: str) -> Submission:
    """Return the transaction in an envelope.

    :raises TransactionRefused: when no pinned key signed it, or it is malformed.
    """
    try:
        creator = key_id_of(envelope)
        text = store.read_state(connection, [keys.key(creator)]).get(keys.key(creator))
        if text is None:
            raise TransactionRefused(f"the ledger knows no key {creator}")
        pinned = decode(PinnedKey, text)
        body = decode(TransactionBody, public_key(pinned.public_key_pem).verify(envelope, TRANSACTION))
    except WireError as error:
        raise TransactionRefused(str(error)) from error
    if not _TRANSACTION_ID.fullmatch(body.transaction_id):
        raise TransactionRefused("transaction_id: expected letters, digits and ._:-, 1 to 64 of them")
    if not 1 <= len(body.operations) <= MAX_OPERATIONS:
        raise TransactionRefused(f"operations: expected 1 to {MAX_OPERATIONS}, got {len(body.operations)}")
    return Submission(envelope=envelope, creator=creator, body=body)


def in_time(body: TransactionBody, now_ms: int) -> None:
    """Check a transaction's time against the ledger's clock.

    :raises TransactionRefused: when it is more than a minute off.
    """
    if abs(body.timestamp_ms - now_ms) > TIME_WINDOW_MS:
        raise TransactionRefused(f"timestamp_ms: {body.timestamp_ms} is more than a minute from the ledger's {now_ms}")
