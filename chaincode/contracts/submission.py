"""What a transaction has to be before the contracts see it: signed by a pinned key and of bounded size."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from chaincode.contracts.errors import ContractError
from chaincode.contracts.transaction.keyring import public_key
from wire.codec import decode
from wire.errors import WireError
from wire.ledger import state_keys
from wire.ledger.blocks import TransactionBody
from wire.ledger.records import PinnedKey
from wire.signing import TRANSACTION, Jws

MAX_OPERATIONS = 1_000
_TRANSACTION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


class BadSubmission(ContractError):
    """No pinned key signed the transaction, or it is malformed; the message says what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedTransaction:
    """A transaction whose signature holds."""

    #: Key id of the submitter.
    creator: str
    body: TransactionBody


def verified(get: Callable[[str], str | None], envelope: Jws) -> SignedTransaction:
    """Return the transaction in an envelope; `get` reads a key of the world state.

    :raises BadSubmission: when no pinned key signed it, or it is malformed.
    """
    try:
        creator = envelope.key_id
        text = get(state_keys.key(creator))
        if text is None:
            raise BadSubmission(f"the ledger knows no key {creator}")
        pinned = decode(PinnedKey, text)
        if not pinned.active:
            raise BadSubmission(f"key {creator} was replaced or revoked")
        body = decode(TransactionBody, public_key(pinned.public_key_pem).verify(envelope, TRANSACTION))
    except WireError as error:
        raise BadSubmission(str(error)) from error
    if not _TRANSACTION_ID.fullmatch(body.transaction_id):
        raise BadSubmission("transaction_id: expected letters, digits and ._:-, 1 to 64 of them")
    if not 1 <= len(body.operations) <= MAX_OPERATIONS:
        raise BadSubmission(f"operations: expected 1 to {MAX_OPERATIONS}, got {len(body.operations)}")
    return SignedTransaction(creator=creator, body=body)
