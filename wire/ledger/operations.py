"""Every operation that the ledger knows: its kind and its arguments.

An `Operation` is authorised by its author: the key that signed it as a JWS, else the key that submitted the
transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from wire.codec import canonical_json, to_plain

#: Of one operation as it is sent.
MAX_OPERATION_CHARS = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One operation as it is signed and sent."""

    #: The same id twice changes nothing; the same id with other content is a conflict.
    operation_id: str
    kind: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """What the arguments of every operation have in common: the kind they belong to."""

    kind: ClassVar[str]


def operation_id_of(arguments: Arguments | type[Arguments], *names: object) -> str:
    """Return an operation's id: its kind and what makes it unique, as `job.create:<job id>`."""
    return ":".join((arguments.kind, *map(str, names)))


def subject_in(operation_id: str) -> str:
    """Return what makes an operation unique among those of its kind."""
    return operation_id.partition(":")[2]


def operation_text(operation_id: str, arguments: Arguments) -> str:
    """Return an operation as canonical JSON: what is signed, stored in the outbox and sent."""
    plain = {"operation_id": operation_id, "kind": arguments.kind, "arguments": to_plain(arguments)}
    return canonical_json(plain).decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterProvider(Arguments):
    """The controller pins a provider's signing key and the account that is paid."""

    kind: ClassVar[str] = "provider.register"
    provider_id: str
    account_id: str
    public_key_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishVersion(Arguments):
    """A developer (by custody, until it has a key of its own) publishes what jobs of a version may cost."""

    kind: ClassVar[str] = "version.publish"
    version_id: str
    developer_id: str
    #: `registry/name@sha256:…`
    image: str
    price_ceiling_nano_per_ms: int
    timeout_ms: int
    memory_mb: int
    cpu_millis: int
    budget_micro_per_day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateJob(Arguments):
    """The controller records a job; its `max_cost_micro` moves from the developer's deposit to held."""

    kind: ClassVar[str] = "job.create"
    job_id: str
    invocation_id: str
    #: How many jobs of the invocation may settle.
    replicas: int
    developer_id: str
    provider_id: str
    version_id: str
    price_nano_per_ms: int
    max_ms: int
    max_cost_micro: int
    ticket_digest: str
    pay_until_ms: int
    #: When the controller placed it; the job counts on the budget of that day (UTC).
    placed_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitReceipt(Arguments):
    """Anyone hands in a provider's receipt."""

    kind: ClassVar[str] = "job.receipt"
    job_id: str
    #: JWS of a `wire.messages.Receipt`.
    receipt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmResult(Arguments):
    """The controller states that the result arrived, and how long it saw the job take."""

    kind: ClassVar[str] = "job.confirm"
    job_id: str
    output_digest: str
    observed_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SupersedeJob(Arguments):
    """The controller gives up on an attempt, before its successor may settle; what was held is released."""

    kind: ClassVar[str] = "job.supersede"
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpireJob(Arguments):
    """The controller releases a job after `pay_until` that has no receipt."""

    kind: ClassVar[str] = "job.expire"
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mint(Arguments):
    """The treasury creates money against an external reference, with both organisations' approval."""

    kind: ClassVar[str] = "account.mint"
    account_id: str
    amount_micro: int
    reference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Deposit(Arguments):
    """An owner (by custody) moves money from available to deposit, which only jobs spend."""

    kind: ClassVar[str] = "account.deposit"
    account_id: str
    amount_micro: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelJob(Arguments):
    """The controller stops a job: before it started all is released, after that the used time is paid."""

    kind: ClassVar[str] = "job.cancel"
    job_id: str
    #: 0 when it had not started.
    used_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimJob(Arguments):
    """A provider demands its pay for a job that nobody confirmed."""

    kind: ClassVar[str] = "job.claim"
    job_id: str
    #: JWS of a `wire.messages.Ticket`.
    ticket: str
    #: JWS of a `wire.messages.Receipt`.
    receipt: str
    #: JWS of a `wire.messages.WorkingKey` for each key that signed ticket or acknowledgement.
    working_keys: tuple[str, ...]
    #: JWS of a `wire.messages.Acknowledgement`: with it the claim is paid at once.
    acknowledgement: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PayClaim(Arguments):
    """Anyone has a claim paid that the controller left standing for its time."""

    kind: ClassVar[str] = "job.pay_claim"
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefuseClaim(Arguments):
    """The controller refuses a claim, on the record."""

    kind: ClassVar[str] = "job.refuse_claim"
    job_id: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DecideJob(Arguments):
    """Both organisations decide a job whose digests differ."""

    kind: ClassVar[str] = "job.decide"
    job_id: str
    #: 0 releases all; else so much time is paid, at most what the receipt says.
    pay_ms: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer(Arguments):
    """An owner moves money from available to another account."""

    kind: ClassVar[str] = "account.transfer"
    account_id: str
    to_account_id: str
    amount_micro: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold(Arguments):
    """The recorder adds waiting credits to an account's available."""

    kind: ClassVar[str] = "account.fold"
    account_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveNotice(Arguments):
    """An owner says that it wants so much of its deposit back."""

    kind: ClassVar[str] = "deposit.notice"
    account_id: str
    amount_micro: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WithdrawDeposit(Arguments):
    """An owner takes back what it gave notice of, once the notice is over."""

    kind: ClassVar[str] = "deposit.withdraw"
    account_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AskPayout(Arguments):
    """An owner asks for money outside the ledger; until then it is held."""

    kind: ClassVar[str] = "payout.ask"
    payout_id: str
    account_id: str
    amount_micro: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BurnPayout(Arguments):
    """The treasury paid a payout outside; with both organisations' approval the held money is destroyed."""

    kind: ClassVar[str] = "payout.burn"
    payout_id: str
    #: Of the payment outside.
    reference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusePayout(Arguments):
    """The treasury does not pay a payout: what was held is available again."""

    kind: ClassVar[str] = "payout.refuse"
    payout_id: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SetFees(Arguments):
    """Both organisations change the fee policy for jobs created from then on."""

    kind: ClassVar[str] = "fees.set"
    #: One more than the version before.
    version: int
    platform_ppm: int
    peers_ppm: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PinKey(Arguments):
    """Both organisations pin a key: a role's, an authority's, or a new one for somebody who lost theirs."""

    kind: ClassVar[str] = "key.pin"
    role: str
    #: The organisation, provider or account; empty for the controller's own roles.
    holder: str
    public_key_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokeKey(Arguments):
    """Both organisations end a key: nothing that it signed counts from then on, whenever it was signed."""

    kind: ClassVar[str] = "key.revoke"
    key_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RotateKey(Arguments):
    """A provider or owner replaces its own key; the old one still counts for receipts of earlier jobs."""

    kind: ClassVar[str] = "key.rotate"
    public_key_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RenounceKey(Arguments):
    """A provider or owner declares its own key stolen: nothing that it signed counts from then on."""

    kind: ClassVar[str] = "key.renounce"
    key_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnAccount(Arguments):
    """Custody hands an account over to a key of its owner's: from then on only that moves its money."""

    kind: ClassVar[str] = "account.own"
    account_id: str
    public_key_pem: str
    #: JWS (type `signing.ENROLMENT`) of the account's id by that key.
    proof: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterOperator(Arguments):
    """Both organisations take somebody in who runs peers and shares in the commission."""

    kind: ClassVar[str] = "operator.register"
    #: The account that is paid.
    operator_id: str
    public_key_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointEpoch(Arguments):
    """The controller names a block of the ledger, and its hash, for operators to attest in this epoch."""

    kind: ClassVar[str] = "epoch.checkpoint"
    epoch: int
    block_number: int
    block_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AttestEpoch(Arguments):
    """An operator states what its own peer has as the hash of the checkpoint's block."""

    kind: ClassVar[str] = "epoch.attest"
    epoch: int
    #: How many blocks its peer has.
    height: int
    block_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseEpoch(Arguments):
    """Anyone has the peers' pool shared between the operators that attested, once the epoch is over."""

    kind: ClassVar[str] = "epoch.close"
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Approve(Arguments):
    """An authority approves an operation that waits for both organisations."""

    kind: ClassVar[str] = "proposal.approve"
    #: Id of the operation.
    proposal_id: str
    #: SHA-256 of its text: what was approved is what is done.
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject(Arguments):
    """An authority, or who proposed it, ends a proposal."""

    kind: ClassVar[str] = "proposal.reject"
    proposal_id: str
    reason: str
