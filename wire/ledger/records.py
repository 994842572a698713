"""The records of the world state. Each is stored as canonical JSON at a key of `state_keys.py`."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from wire.ledger.states import EpochState, JobRecordState, KeyRole, PayoutState, ProposalState
from wire.outcomes import ExitState


@dataclass(frozen=True, kw_only=True, slots=True)
class FeePolicy:
    """What of a job's cost goes to the platform and to the peers, in millionths."""

    version: int
    platform_ppm: int
    peers_ppm: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PinnedKey:
    """A public key that the ledger knows, and what it may sign for."""

    role: KeyRole
    #: The organisation of an authority, the provider of a provider's key; else empty.
    holder: str
    public_key_pem: str
    #: Replaced by another key; counts only for receipts of jobs created until then.
    retired_at_ms: int | None = None
    #: Counts for nothing any more, whenever it signed.
    revoked_at_ms: int | None = None

    @property
    def active(self) -> bool:
        """Whether the key may act."""
        return self.retired_at_ms is None and self.revoked_at_ms is None


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleKeys:
    """The active keys of a role that is not a provider's or an owner's: it never has none."""

    key_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Marks an account that its owner's own key moves, instead of custody's."""

    #: The newest of its keys.
    key_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRecord:
    """A participant's money in micro-credits."""

    available: int = 0
    #: Only jobs spend it.
    deposit: int = 0
    held: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """A credit to an account's `available` that waits to be folded."""

    amount: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """All money that ever came in and went out."""

    minted: int = 0
    burned: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """That an owner wants so much of its deposit back, and from when on it can have it."""

    amount: int
    due_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutRecord:
    """Money on its way out; held on its account while asked for."""

    payout_id: str
    account_id: str
    amount: int
    state: PayoutState
    asked_at_ms: int
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalRecord:
    """An operation that waits for an authority of each organisation."""

    proposal_id: str
    kind: str
    arguments: Mapping[str, Any]
    #: Of the operation's text.
    digest: str
    proposer: KeyRole
    #: The proposing authority's organisation; else empty.
    organisation: str
    opened_at_ms: int
    state: ProposalState = ProposalState.OPEN
    #: Organisations whose authority approved, in alphabetical order.
    approved_by: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What an external reference was used for."""

    operation_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """The operations that were applied whose ids differ in their kinds only: a job's, as a rule."""

    #: Digest of the operation by its kind.
    digests: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderRecord:
    """A provider, the account that is paid, and its signing key."""

    provider_id: str
    account_id: str
    key_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorRecord:
    """Somebody who runs peers, however many: one account, one key, one share."""

    #: Of the account that is paid.
    operator_id: str
    #: The newest of its keys; it attests.
    key_id: str
    registered_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """The newest epoch: the block whose hash operators attest, and how it ended."""

    number: int
    #: The controller's view of the ledger.
    block_number: int
    block_hash: str
    checkpointed_at_ms: int
    state: EpochState = EpochState.OPEN
    #: Operators that agreed and that contradicted, once it is closed.
    agreed: int = 0
    differed: int = 0
    #: What each that agreed was paid.
    share_micro: int = 0
    closed_at_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attestation:
    """What an operator's peer says of an epoch's block; gone when the epoch is closed."""

    operator_id: str
    epoch: int
    #: How many blocks the peer has.
    height: int
    block_hash: str
    #: With the checkpoint.
    agrees: bool
    attested_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionRecord:
    """A function version as its developer published it."""

    version_id: str
    developer_id: str
    image: str
    price_ceiling_nano_per_ms: int
    timeout_ms: int
    memory_mb: int
    cpu_millis: int
    budget_micro_per_day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a version's jobs of one UTC day cost, or may still cost."""

    amount: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class InvocationRecord:
    """How many jobs of an invocation may settle, are open, and have settled."""

    replicas: int
    open: int = 0
    settled: int = 0


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job's record: what the ChainFaaS prototype calls the monitoring ledger.

    Without slots: it is copied with every change, and a dictionary is copied at once.
    """

    job_id: str
    invocation_id: str
    replicas: int
    developer_id: str
    provider_id: str
    #: The account that is paid.
    account_id: str
    version_id: str
    price_nano_per_ms: int
    max_ms: int
    max_cost_micro: int
    #: As it stood when the job was created.
    fee_policy: FeePolicy
    ticket_digest: str
    pay_until_ms: int
    #: On the budget of this day (UTC) the job counts.
    placed_at_ms: int
    state: JobRecordState
    created_at_ms: int
    #: By the receipt, clamped to `max_ms`.
    claimed_ms: int | None = None
    #: By the confirmation.
    observed_ms: int | None = None
    billed_ms: int | None = None
    cost_micro: int | None = None
    #: SHA-256 of the output as the receipt and as the confirmation have it.
    receipt_digest: str | None = None
    confirm_digest: str | None = None
    exit_state: ExitState | None = None
    #: The end user's result reached the controller.
    received: bool = False
    payment_done: bool = False
    receipted_at_ms: int | None = None
    confirmed_at_ms: int | None = None
    settled_at_ms: int | None = None
    #: Whose held money pays: the developer's, or the bond's for a claim on a job that the developer does not owe.
    payer_id: str = ""
    claimed_at_ms: int | None = None
    #: Why a claim was refused, or how a mismatch was decided.
    reason: str = ""

    @property
    def payer(self) -> str:
        """The account whose held money pays."""
        return self.payer_id or self.developer_id

    def differs_from(self, earlier: "JobRecord | None") -> dict[str, Any]:
        """Return the fields that have other values than earlier; of a new job, all that have any."""
        before = vars(earlier) if earlier else _UNSAID
        # Most values are the very same: whether they are is asked at a third of the cost of comparing them.
        return {
            name: value for name, value in vars(self).items() if value is not before[name] and value != before[name]
        }

    def but(self, **changes: Any) -> "JobRecord":
        """Return the record with other values in these fields: `dataclasses.replace`, ten times as fast."""
        return _job({**vars(self), **changes})

    @classmethod
    def new(cls, **said: Any) -> "JobRecord":
        """Return a job of which nothing else is said yet: `JobRecord(…)`, five times as fast.

        :raises TypeError: when a field is not said that has to be, or there is no such field.
        """
        if missing := _ALWAYS_SAID - said.keys():
            raise TypeError(f"a job needs {', '.join(sorted(missing))}")
        return _job({**_UNSAID, **said})


def _job(values: dict[str, Any]) -> JobRecord:
    if len(values) > len(_UNSAID):
        raise TypeError(f"a job has no {', '.join(sorted(values.keys() - _UNSAID.keys()))}")
    job = object.__new__(JobRecord)
    object.__setattr__(job, "__dict__", values)
    return job


#: What a job's fields hold before anything is said; those that are always said have no default, which nothing equals.
_UNSAID = {item.name: item.default for item in fields(JobRecord)}
_ALWAYS_SAID = frozenset(name for name, value in _UNSAID.items() if value is MISSING)
