"""Handing an account over to a key of its owner's; from then on custody cannot move it."""

from datetime import datetime
from uuid import UUID

from portal.custody.ownership import own_key_of
from portal.errors import Conflict, Invalid
from portal.keys import KeyName, signing_key
from portal.outbox.operations import enqueue
from wire.errors import BadSignature, Malformed
from wire.ledger.operations import OwnAccount, operation_id_of
from wire.signing import ENROLMENT, PublicKey


class OwnedAlready(Conflict):
    """The account has a key of its own already. That key replaces itself by an operation `key.rotate`."""


def hand_over(account_id: UUID, *, public_key_pem: str, proof: str, now: datetime) -> str:
    """Hand an account over to the owner's own key, by custody for the last time; return the operation's id.

    `proof` is a JWS of the account's id, of type `signing.ENROLMENT`, by that key.

    :raises Invalid: when the key or its proof is not what it should be.
    :raises OwnedAlready: when the account is not in custody any more.
    """
    key_id = _proved(str(account_id), public_key_pem, proof)
    if own_key_of(str(account_id)) is not None:
        raise OwnedAlready
    operation_id = operation_id_of(OwnAccount, f"{account_id}:{key_id}")
    enqueue(
        operation_id=operation_id,
        arguments=OwnAccount(account_id=str(account_id), public_key_pem=public_key_pem, proof=proof),
        subject=str(account_id),
        now=now,
        author=signing_key(KeyName.CUSTODY),
    )
    return operation_id


def _proved(account_id: str, public_key_pem: str, proof: str) -> str:
    try:
        key = PublicKey.from_pem(public_key_pem)
    except Malformed as error:
        raise Invalid.field("public_key_pem", "Expected a P-256 public key in PEM.") from error
    try:
        proved = key.verify(proof, ENROLMENT)
    except BadSignature as error:
        raise Invalid.field("proof", f"Expected a JWS of type {ENROLMENT} by this key.") from error
    if proved != account_id.encode():
        raise Invalid.field("proof", f"Expected a JWS of this account's id, {account_id}.")
    return key.key_id
