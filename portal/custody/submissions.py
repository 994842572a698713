"""Operations that participants sign themselves: checked as far as the portal can, then stored as they are.

The contracts decide; what is checked here keeps forged, foreign and senseless operations off the outbox.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chaincode.contracts.errors import Refused
from chaincode.contracts.execution.ids import require_own_id
from chaincode.contracts.execution.reading import Submitted, read
from portal.accounts import throttle
from portal.accounts.throttle import Attempt
from portal.books.models import LedgerJob, WorldState
from portal.errors import Conflict, Invalid, NotAllowed, PortalError
from portal.outbox.models import UNDONE, OutboxOperation
from portal.outbox.operations import text_of
from portal.outbox.queries import operation
from wire import signing
from wire.codec import decode
from wire.errors import BadSignature
from wire.ledger import state_keys
from wire.ledger.operations import (
    MAX_OPERATION_CHARS,
    Arguments,
    AskPayout,
    AttestEpoch,
    ClaimJob,
    CloseEpoch,
    Deposit,
    GiveNotice,
    PayClaim,
    PublishVersion,
    RenounceKey,
    RotateKey,
    SubmitReceipt,
    Transfer,
    WithdrawDeposit,
)
from wire.ledger.records import PinnedKey
from wire.ledger.states import JobRecordState, KeyRole
from wire.problems import Reason
from wire.signing import PublicKey


def _kinds(*arguments: type[Arguments]) -> frozenset[str]:
    return frozenset(each.kind for each in arguments)


_OF_OWNER = (Transfer, Deposit, GiveNotice, WithdrawDeposit, AskPayout, PublishVersion, RotateKey, RenounceKey)
#: What each kind of participant may author, by role of its key.
AUTHORS: Mapping[KeyRole, frozenset[str]] = {
    KeyRole.PROVIDER: _kinds(ClaimJob, PayClaim, SubmitReceipt, RotateKey, RenounceKey),
    KeyRole.OWNER: _kinds(*_OF_OWNER),
    KeyRole.OPERATOR: _kinds(AttestEpoch, CloseEpoch, RotateKey, RenounceKey),
}
#: Operations of one participant, and of all together, that may wait for the ledger's answer.
MOST_OF_ONE, MOST_OF_ALL = 100, 10_000
AGAIN_SECONDS = 10
#: Nothing more can be claimed of these.
_PAID = frozenset({JobRecordState.SETTLED, JobRecordState.CANCELLED})


class OperationTooLarge(PortalError):
    """The operation is larger than the ledger takes."""

    reason = Reason.INPUT_TOO_LARGE


class SignatureRefused(NotAllowed):
    """No key that the ledger knows as a provider's, an owner's or an operator's signed this operation."""


class NotYours(NotAllowed):
    """This key may not author such an operation."""


class OperationIdTaken(Conflict):
    """An operation of this id with other content was sent in before."""


class NothingToClaim(PortalError):
    """The job was paid."""

    reason = Reason.GONE


class TooManyOperations(PortalError):
    """Your earlier operations wait for the ledger. Send this one again once some of them are answered."""

    reason = Reason.RATE_LIMITED


class OutboxFull(PortalError):
    """Too many operations of participants wait for the ledger. Send this one again soon."""

    reason = Reason.OVERLOADED


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """One operation whose signature is its author's."""

    submitted: Submitted
    #: The provider or the account that the key is pinned for.
    holder: str

    @property
    def subject(self) -> str:
        """What it is about: a job, a version, an account, else the author."""
        arguments = self.submitted.arguments
        names = ("job_id", "version_id", "account_id")
        return next((str(getattr(arguments, name)) for name in names if hasattr(arguments, name)), self.holder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """Where an operation stands, and the job that it is about."""

    operation: OutboxOperation
    #: As the newest block has it; empty when it is about no job of the author's, or none that the ledger knows.
    job_state: str = ""


def verified(text: str) -> Signed:
    """Return the operation in a JWS, once it is certain who signed it and that such a one may.

    :raises OperationTooLarge: when it is larger than the ledger takes.
    :raises Invalid: when it is not the JWS of an operation.
    :raises SignatureRefused: when it is by no key that the ledger knows.
    :raises NotYours: when its author may not author it.
    """
    if len(text) > MAX_OPERATION_CHARS:
        raise OperationTooLarge(f"An operation has at most {MAX_OPERATION_CHARS} characters.")
    submitted = read(text)
    if isinstance(submitted, Refused):
        raise Invalid.field("operation", submitted.detail)
    if not submitted.key_id:
        raise Invalid.field("operation", f"Expected a JWS of type {signing.OPERATION}.")
    author = _author(submitted)
    _require_own(submitted, author)
    return Signed(submitted=submitted, holder=author.holder)


def send(text: str, *, address: str, now: datetime) -> Submission:
    """Store an operation that came from a network address, whoever signed it, and return where it stands.

    :raises TooManyAttempts: when too many came from this address, or are by this key.
    :raises PortalError: when it is refused otherwise, as by `verified` and `store`.
    """
    throttle.count(Attempt.OPERATION, address, now)
    signed = verified(text)
    throttle.count(Attempt.OPERATION_KEY, signed.submitted.key_id, now)
    return store(signed, now=now)


def send_own(account_id: UUID, text: str, *, now: datetime) -> str:
    """Store an operation that the account's own key signed, and return its kind.

    :raises NotYours: when it is by another account's key, or may not be authored.
    :raises PortalError: when it is refused otherwise, as by `verified` and `store`.
    """
    signed = verified(text)
    if signed.holder != str(account_id):
        raise NotYours("It is signed by a key of another account or machine.")
    throttle.count(Attempt.OPERATION_KEY, signed.submitted.key_id, now)
    sent = store(signed, now=now)
    if sent.operation.state in UNDONE:
        raise Invalid.field("operation", f"The ledger refused it: {sent.operation.reason}")
    return signed.submitted.kind


def store(signed: Signed, *, now: datetime) -> Submission:
    """Put an operation into the outbox, as it was signed, and return where it stands; a repeat only returns that.

    :raises OperationIdTaken: when one of its id with other content was sent in before.
    :raises NothingToClaim: when it claims a job that was paid.
    :raises TooManyOperations: when as many of its author's wait for the ledger as may.
    :raises OutboxFull: when as many of all participants do.
    """
    submitted = signed.submitted
    if operation(submitted.operation_id) is None:
        if submitted.kind == ClaimJob.kind and (state := _job_state(signed)) in _PAID:
            raise NothingToClaim(f"Job {signed.subject} is {state}: it was paid.")
        _insert(signed, now)
    row = OutboxOperation.objects.get(operation_id=submitted.operation_id)
    if text_of(row.body) != text_of(submitted.text):
        raise OperationIdTaken
    return Submission(operation=row, job_state=_job_state(signed))


def _insert(signed: Signed, now: datetime) -> None:
    _require_room(signed.holder)
    submitted = signed.submitted
    row = OutboxOperation(
        operation_id=submitted.operation_id,
        kind=submitted.kind,
        subject=signed.subject,
        body=submitted.text,
        author=signed.holder,
        created_at=now,
    )
    OutboxOperation.objects.bulk_create([row], ignore_conflicts=True)


def _require_room(author: str) -> None:
    """Keep the outbox for everybody: what comes from outside never makes the controller's own wait for long."""
    waiting = OutboxOperation.objects.filter(answered_at__isnull=True, author__isnull=False)
    if waiting.filter(author=author).count() >= MOST_OF_ONE:
        raise TooManyOperations(retry_after=AGAIN_SECONDS)
    if waiting.count() >= MOST_OF_ALL:
        raise OutboxFull(retry_after=AGAIN_SECONDS)


def _author(submitted: Submitted) -> PinnedKey:
    text = WorldState.objects.filter(key=state_keys.key(submitted.key_id)).values_list("value", flat=True).first()
    pinned = None if text is None else decode(PinnedKey, text)
    if pinned is None or not pinned.active or pinned.role not in AUTHORS:
        raise SignatureRefused
    try:
        PublicKey.from_pem(pinned.public_key_pem).verify(submitted.text, signing.OPERATION)
    except BadSignature as error:
        raise SignatureRefused(f"The signature does not fit: {error}.") from error
    return pinned


def _require_own(submitted: Submitted, author: PinnedKey) -> None:
    """Let authors send what they may, under ids and about accounts of their own."""
    if submitted.kind not in AUTHORS[author.role]:
        raise NotYours(f"A key of role {author.role} may not author {submitted.kind}.")
    try:
        require_own_id(submitted, author)
    except Refused as refused:
        raise Invalid.field("operation", refused.detail) from refused
    for name in ("account_id", "developer_id"):
        if getattr(submitted.arguments, name, author.holder) != author.holder:
            raise NotYours(f"{name} is not {author.holder}, which this key was pinned for.")


def _job_state(signed: Signed) -> str:
    job = LedgerJob.objects.filter(id=signed.subject).values_list("provider_id", "state").first()
    return job[1] if job is not None and str(job[0]) == signed.holder else ""
