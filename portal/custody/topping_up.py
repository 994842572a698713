"""Money comes in: minted for a payment outside, approved by both organisations, moved to the deposit."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction

from portal.custody.ownership import act
from portal.keys import AUTHORITIES, KeyName, signing_key
from portal.outbox.models import OutboxOperation
from portal.outbox.operations import Outgoing, enqueue, enqueue_all, text_of
from wire import signing
from wire.ledger.operations import (
    Approve,
    Deposit,
    Mint,
    operation_id_of,
)
from wire.money import Micro
from wire.signing import SigningKey

#: A top-up's deposit gets its id from the external reference, so that a repeat is the same deposit.
_TOP_UPS = UUID("5f0c6f5e-9a53-4d2e-8f38-3f1f0f8f6a1b")


def mint(account_id: UUID, *, amount: Micro, reference: str, now: datetime, treasury: SigningKey | None = None) -> str:
    """Propose to create money on an account against an external reference, and return the operation's id.

    :raises OperationConflict: when the reference was used for another account or amount.
    """
    operation_id = operation_id_of(Mint, reference)
    enqueue(
        operation_id=operation_id,
        arguments=Mint(account_id=str(account_id), amount_micro=amount, reference=reference),
        subject=str(account_id),
        now=now,
        author=treasury or signing_key(KeyName.TREASURY),
    )
    return operation_id


def proposal_approval(organisation: str, *, operation_id: str, text: str, author: SigningKey) -> Outgoing:
    """Return an organisation's approval of exactly this operation."""
    return Outgoing(
        operation_id=operation_id_of(Approve, f"{organisation}:{operation_id}"),
        arguments=Approve(proposal_id=operation_id, digest=signing.sha256_hex(text.encode())),
        subject=operation_id,
        author=author,
    )


def approve_as_all(proposal_id: str, *, keys: Mapping[str, SigningKey], now: datetime) -> tuple[str, ...]:
    """Approve an operation of the outbox in the name of each organisation whose key is given; return the ids."""
    text = text_of(OutboxOperation.objects.get(operation_id=proposal_id).body)
    approvals = [
        proposal_approval(organisation, operation_id=proposal_id, text=text, author=key)
        for organisation, key in keys.items()
    ]
    enqueue_all(approvals, now=now)
    return tuple(item.operation_id for item in approvals)


def top_up(account_id: UUID, *, amount: Micro, reference: str, now: datetime, to_deposit: bool) -> tuple[str, ...]:
    """Propose, approve for both organisations and deposit, once for each reference; return the operations' ids.

    Only who holds the treasury's and both authorities' keys can do that.

    :raises OperationConflict: when the reference was used for another account or amount.
    :raises KeyMissing: when one of the keys is not in the keys directory.
    """
    keys = {organisation: signing_key(name) for organisation, name in AUTHORITIES.items()}
    with transaction.atomic():
        minted = mint(account_id, amount=amount, reference=reference, now=now)
        approved = approve_as_all(minted, keys=keys, now=now)
        if not to_deposit:
            return (minted, *approved)
        deposit, owner = Deposit(account_id=str(account_id), amount_micro=amount), str(account_id)
        return (minted, *approved, act(deposit, account_id=owner, subject=uuid5(_TOP_UPS, reference), now=now))
