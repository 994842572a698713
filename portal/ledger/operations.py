"""Writes to the outbox: what has to reach the ledger is committed together with what makes it true."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction

from chaincode.contracts.errors import Refusal
from chaincode.contracts.operations import (
    Approve,
    Arguments,
    CreateJob,
    Deposit,
    Mint,
    PublishVersion,
    RegisterProvider,
    operation_text,
)
from portal.functions.models import FunctionVersion
from portal.ledger.errors import OperationConflict
from portal.ledger.keys import AUTHORITIES, KeyName, signing_key
from portal.ledger.models import OutboxOperation, OutboxState
from portal.ledger.participants.custody import own_key_of, publication_by_owner, signed_by_owner
from portal.ledger.read_model.reservations import release
from portal.providers.models import Provider
from wire import signing
from wire.money import Micro
from wire.signing import SigningKey

#: A top-up's deposit gets its id from the external reference, so that a repeat is the same deposit.
DROPPED = "dropped: given up by the administrator"
_TOP_UPS = UUID("5f0c6f5e-9a53-4d2e-8f38-3f1f0f8f6a1b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One operation on its way into the outbox."""

    operation_id: str
    arguments: Arguments
    #: What it is about: a job, an account, a version, a provider.
    subject: str
    #: Who signs it; none: the recorder's signature on the transaction is enough.
    author: SigningKey | None = None


def operation_id_of(arguments: type[Arguments], subject: object) -> str:
    """Return an operation's identity on the ledger: its kind and what makes it unique, as `job.create:<job id>`."""
    return f"{arguments.kind}:{subject}"


def enqueue(
    *, operation_id: str, arguments: Arguments, subject: str, now: datetime, author: SigningKey | None = None
) -> None:
    """Put one operation into the outbox, inside the caller's database transaction.

    :raises OperationConflict: when an operation of this id with other content is there; the same content is harmless.
    """
    outgoing = Outgoing(operation_id=operation_id, arguments=arguments, subject=subject, author=author)
    enqueue_all([outgoing], now=now)


def enqueue_all(outgoing: Sequence[Outgoing], *, now: datetime) -> None:
    """Put several operations into the outbox, in this order, with two statements.

    :raises OperationConflict: when one of these ids is there with other content.
    """
    texts = {item.operation_id: operation_text(item.operation_id, item.arguments) for item in outgoing}
    rows = [_row(item, texts[item.operation_id], now) for item in outgoing]
    OutboxOperation.objects.bulk_create(rows, ignore_conflicts=True)
    stored = OutboxOperation.objects.filter(operation_id__in=texts).values_list("operation_id", "body")
    _refuse_conflicts(texts, stored)


def _row(item: Outgoing, text: str, now: datetime) -> OutboxOperation:
    return OutboxOperation(
        operation_id=item.operation_id,
        kind=item.arguments.kind,
        subject=item.subject,
        body=item.author.sign(text.encode(), signing.OPERATION) if item.author else text,
        created_at=now,
    )


def _refuse_conflicts(texts: dict[str, str], stored: Iterable[tuple[str, str]]) -> None:
    for operation_id, body in stored:
        if text_of(body) != texts[operation_id]:
            raise OperationConflict(f"operation {operation_id} is in the outbox with other content")


def text_of(body: str) -> str:
    """Return the operation's text: an outbox row or a transaction holds it as it is, or inside its author's JWS."""
    return body if body.startswith("{") else signing.payload_of(body).decode()


def announce_version(version: FunctionVersion, *, now: datetime, custody: SigningKey | None = None) -> None:
    """Publish a function version on the ledger, by custody for its developer; jobs of it are refused before that.

    Where the developer's account is its own, the developer has to have sent in the operation itself.

    :raises SignatureNeeded: when it has not.
    :raises NotOnLedgerYet: when the ledger has not answered it.
    :raises KeyMissing: when the custody key is not given and not in the keys directory.
    """
    arguments = PublishVersion(
        version_id=str(version.id),
        developer_id=str(version.function.owner_id),
        image=version.image,
        price_ceiling_nano_per_ms=version.price_ceiling_nano_per_ms,
        timeout_ms=version.timeout_ms,
        memory_mb=version.memory_mb,
        cpu_millis=version.cpu_millis,
        budget_micro_per_day=version.budget_micro_per_day,
    )
    operation_id = operation_id_of(PublishVersion, version.id)
    if own_key_of(arguments.developer_id) and not OutboxOperation.objects.filter(operation_id=operation_id).exists():
        publication_by_owner(arguments.developer_id, arguments, version.id)
        return
    enqueue(
        operation_id=operation_id,
        arguments=arguments,
        subject=str(version.id),
        now=now,
        author=custody or signing_key(KeyName.CUSTODY),
    )


def announce_provider(provider: Provider, *, now: datetime) -> None:
    """Pin a provider's signing key on the ledger, and its owner's account as the one that is paid."""
    arguments = RegisterProvider(
        provider_id=str(provider.id), account_id=str(provider.owner_id), public_key_pem=provider.signing_key_pem
    )
    enqueue(
        operation_id=operation_id_of(RegisterProvider, provider.id),
        arguments=arguments,
        subject=str(provider.id),
        now=now,
    )


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


def approval(organisation: str, *, operation_id: str, text: str, author: SigningKey) -> Outgoing:
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
        approval(organisation, operation_id=proposal_id, text=text, author=key) for organisation, key in keys.items()
    ]
    enqueue_all(approvals, now=now)
    return tuple(item.operation_id for item in approvals)


def deposit(
    account_id: UUID, *, amount: Micro, deposit_id: UUID, now: datetime, custody: SigningKey | None = None
) -> str:
    """Move money of an account from available to deposit, by custody, and return the operation's id.

    Where the account is its owner's own, the owner has to have sent in the operation itself.

    :raises SignatureNeeded: when it has not.
    :raises OperationConflict: when the deposit's id was used for another account or amount.
    """
    operation_id = operation_id_of(Deposit, deposit_id)
    arguments = Deposit(account_id=str(account_id), amount_micro=amount)
    if own_key_of(str(account_id)):
        return signed_by_owner(str(account_id), arguments, deposit_id).operation_id
    enqueue(
        operation_id=operation_id,
        arguments=arguments,
        subject=str(account_id),
        now=now,
        author=custody or signing_key(KeyName.CUSTODY),
    )
    return operation_id


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
        deposit_id = uuid5(_TOP_UPS, reference)
        return (minted, *approved, deposit(account_id, amount=amount, deposit_id=deposit_id, now=now))


def retry_set_aside(operation_id: str) -> int:
    """Send an operation that was set aside to the ledger again, and those that waited for it in vain.

    Return how many that are; 0 when none of this id is set aside. What a job has reserved stays reserved meanwhile.
    """
    again = {"state": OutboxState.PENDING, "transaction_id": "", "reason": "", "due_at": None, "settled_at": None}
    with transaction.atomic():
        rows = OutboxOperation.objects.filter(operation_id=operation_id, state=OutboxState.SET_ASIDE)
        found = rows.values_list("id", "kind", "subject").first()
        if found is None or not rows.update(**again):
            return 0
        if found[1] != CreateJob.kind:
            return 1
        later = OutboxOperation.objects.filter(subject=found[2], id__gt=found[0], state=OutboxState.REFUSED)
        return 1 + later.filter(reason__startswith=Refusal.UNKNOWN_JOB).update(**again)


def drop_set_aside(operation_id: str, *, now: datetime) -> bool:
    """Give an operation that was set aside up for good, and what its job has reserved back.

    Return False when none of this id is set aside.
    """
    with transaction.atomic():
        rows = OutboxOperation.objects.filter(operation_id=operation_id, state=OutboxState.SET_ASIDE)
        found = rows.values_list("kind", "subject").first()
        if found is None or not rows.update(state=OutboxState.REFUSED, reason=DROPPED, settled_at=now):
            return False
        if found[0] == CreateJob.kind:
            release([found[1]])
    return True
