"""What providers and the controller signed: tickets, receipts and acknowledgements, verified against pinned keys."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.keyring import public_key
from wire.envelope import parse_as
from wire.errors import BadSignature, OutOfRange, WireError
from wire.ledger import state_keys
from wire.ledger.operations import ClaimJob
from wire.ledger.records import PinnedKey
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole
from wire.messages import Acknowledgement, Message, Receipt, Ticket, WorkingKey
from wire.signing import (
    ACKNOWLEDGEMENT,
    RECEIPT,
    TICKET,
    WORKING_KEY,
    PublicKey,
    key_id_of,
    payload_of,
    sha256_hex,
)

M = TypeVar("M", bound=Message)
#: Of one claim.
MOST_WORKING_KEYS = 2


def signer(jws: str) -> Iterator[str]:
    """Name the key record of who signed a JWS, if it is one."""
    try:
        yield state_keys.key(checks.key_id("kid", key_id_of(jws)))
    except (BadSignature, Refused):
        return


def receipt(ctx: Context, jws: str, *, provider_id: str, job_created_at_ms: int) -> Receipt:
    """Return a receipt that the provider signed with a key that counts for this job.

    A key that was replaced counts for jobs created before; one that was revoked counts for none.
    """
    pinned = ctx.cache.get(PinnedKey, state_keys.key(_key_id("receipt", jws)))
    if pinned is None or pinned.role is not KeyRole.PROVIDER or pinned.holder != provider_id:
        raise Refused(Refusal.FOREIGN_RECEIPT)
    if pinned.revoked_at_ms is not None:
        raise Refused(Refusal.UNKNOWN_KEY, "the receipt's key is revoked")
    if pinned.retired_at_ms is not None and pinned.retired_at_ms < job_created_at_ms:
        raise Refused(Refusal.UNKNOWN_KEY, "the receipt's key was replaced before the job was created")
    said = _read(Receipt, jws, RECEIPT, public_key(pinned.public_key_pem))
    try:
        said.check_values()
    except OutOfRange as error:
        raise Refused(Refusal.MALFORMED, str(error)) from error
    return said


def ticket(ctx: Context, claim: ClaimJob) -> tuple[Ticket, str]:
    """Return the ticket of a claim, signed by a working key that the controller's root key vouches for; its digest."""
    vouched = _working_keys(ctx, claim)
    key = vouched.get(_key_id("ticket", claim.ticket))
    if key is None:
        raise Refused(Refusal.BAD_SIGNATURE, "ticket: no working key of the controller's signed it")
    said = _read(Ticket, claim.ticket, TICKET, key[0])
    if said.issued_at_ms > key[1]:
        raise Refused(Refusal.BAD_SIGNATURE, "ticket: its working key had ended")
    if said.job_id != claim.job_id:
        raise Refused(Refusal.WRONG_TICKET)
    return said, sha256_hex(payload_of(claim.ticket))


def acknowledgement(ctx: Context, claim: ClaimJob, *, ticket_digest: str, output_digest: str) -> bool:
    """Tell whether the claim holds the controller's word that this very result arrived.

    :raises Refused: when it holds one that is not that.
    """
    if claim.acknowledgement is None:
        return False
    key = _working_keys(ctx, claim).get(_key_id("acknowledgement", claim.acknowledgement))
    if key is None:
        raise Refused(Refusal.BAD_SIGNATURE, "acknowledgement: no working key of the controller's signed it")
    said = _read(Acknowledgement, claim.acknowledgement, ACKNOWLEDGEMENT, key[0])
    if (said.job_id, said.ticket_digest, said.output_digest) != (claim.job_id, ticket_digest, output_digest):
        raise Refused(Refusal.WRONG_TICKET, "acknowledgement: it is for another job or output")
    return True


def _working_keys(ctx: Context, claim: ClaimJob) -> Mapping[str, tuple[PublicKey, int]]:
    """Return the vouched keys by their ids, each with the time at which it ends."""
    if len(claim.working_keys) > MOST_WORKING_KEYS:
        raise checks.refuse("working_keys", f"at most {MOST_WORKING_KEYS}")
    found: dict[str, tuple[PublicKey, int]] = {}
    for jws in claim.working_keys:
        root = ctx.cache.get(PinnedKey, state_keys.key(_key_id("working_keys", jws)))
        # A root key that was replaced still vouches for what it signed; a revoked one does not.
        if root is None or root.role is not KeyRole.TICKET_ROOT or root.revoked_at_ms is not None:
            raise Refused(Refusal.UNKNOWN_KEY, "working_keys: not signed by the controller's root key")
        said = _read(WorkingKey, jws, WORKING_KEY, public_key(root.public_key_pem))
        key = checks.public_key("public_key_pem", said.public_key_pem)
        found[key.key_id] = (key, said.not_after_ms)
    return found


def _key_id(name: str, jws: str) -> str:
    try:
        return checks.key_id(f"{name}: kid", key_id_of(jws))
    except BadSignature as error:
        raise Refused(Refusal.BAD_SIGNATURE, f"{name}: {error}") from error


def _read(cls: type[M], jws: str, kind: str, key: PublicKey) -> M:
    try:
        return parse_as(cls, key.verify(jws, kind))
    except BadSignature as error:
        raise Refused(Refusal.BAD_SIGNATURE, f"{cls.__name__.lower()}: {error}") from error
    except WireError as error:
        raise checks.refuse(cls.__name__.lower(), f"what its kind says: {checks.because(error)}") from error
