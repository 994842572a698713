"""What the scheduler needs from outside: a store of jobs, a broker, a clock."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from scheduler.states import JobState
from wire.limits import Limits
from wire.messages import Cancel, InvocationReply, InvocationRequest, JobOrder, ResultAcknowledged
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason

#: Milliseconds since 1970 UTC.
Clock = Callable[[], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionSpec:
    """What the scheduler has to know of a function version; immutable, so it may be kept for ever."""

    version_id: UUID
    function_id: UUID
    developer_id: UUID
    image: str
    architecture: str
    mode: str
    limits: Limits
    environment: tuple[tuple[str, str], ...]
    price_ceiling_nano_per_ms: int
    budget_micro_per_day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSpec:
    """What the scheduler has to know of an enrolled provider that is not revoked."""

    provider_id: UUID
    owner_id: UUID
    signing_key_pem: str
    queue_secret: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenJob:
    """A job that had not ended when this scheduler took over."""

    job_id: str
    invocation_id: UUID
    attempt: int
    provider_id: UUID
    state: JobState
    ticket: str
    placed_at_ms: int
    accept_by_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenInvocation:
    """A pending invocation, with its jobs so far."""

    request: InvocationRequest
    attempts: int
    #: Providers that were tried.
    tried: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenProvider:
    """What people are shown of a provider's last heartbeat."""

    provider_id: UUID
    seen_at_ms: int
    architecture: str
    slots: int
    free_slots: int
    cpu_millis: int
    memory_mb: int
    price_nano_per_ms: int
    agent_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeOver:
    """What a scheduler starts with."""

    epoch: int
    jobs: tuple[OpenJob, ...]
    invocations: tuple[OpenInvocation, ...]
    #: What providers' last heartbeats said, as far as it was stored.
    seen: tuple[SeenProvider, ...] = ()


class Verdict(StrEnum):
    """What became of one change."""

    DONE = "done"
    #: The same change was made before.
    REPEATED = "repeated"
    #: The row is no longer in the state that the change starts from.
    MOVED_ON = "moved_on"
    UNKNOWN = "unknown"
    INSUFFICIENT_DEPOSIT = "insufficient_deposit"
    BUDGET_SPENT = "budget_spent"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreInvocation:
    """Commit a new invocation as pending."""

    request: InvocationRequest
    input_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceJob:
    """Reserve the job's `max_cost_micro`, commit its row, and put `job.create` into the outbox.

    `REPEATED` when the same ticket is there and its job open; `MOVED_ON` when the invocation has ended or is served.
    """

    job_id: str
    invocation_id: UUID
    attempt: int
    version: VersionSpec
    provider_id: UUID
    ticket: str
    ticket_digest: str
    price_nano_per_ms: int
    max_ms: int
    max_cost_micro: int
    placed_at_ms: int
    accept_by_ms: int
    pay_until_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptJob:
    """placed -> accepted."""

    job_id: str
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StartJob:
    """placed or accepted -> started."""

    job_id: str
    at_ms: int
    pull_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishJob:
    """An open job -> finished, its invocation -> succeeded or failed; receipt and confirmation into the outbox.

    The exit state is none of the provider's faults. `MOVED_ON` when the job was replaced meanwhile.
    """

    job_id: str
    invocation_id: UUID
    receipt: str
    run_ms: int
    exit_state: ExitState
    output: bytes
    output_digest: str
    observed_ms: int
    finished_at_ms: int
    exit_code: int | None = None
    pull_ms: int = 0
    log_tail: str = ""
    #: Why the invocation failed; none when it succeeded.
    reason: Reason | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailJob:
    """An open job -> failed (receipt of the provider's fault, or refusal) or lost (silence); the invocation stays.

    With a receipt, `job.receipt` goes into the outbox; without, `job.supersede`. Either releases what was held.
    """

    job_id: str
    state: JobState
    at_ms: int
    receipt: str | None = None
    exit_state: ExitState | None = None
    refusal: RefusalReason | None = None
    log_tail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndInvocation:
    """pending -> failed, without a job that could still serve it."""

    invocation_id: UUID
    reason: Reason
    at_ms: int


Change = StoreInvocation | PlaceJob | AcceptJob | StartJob | FinishJob | FailJob | EndInvocation


class JobStore(Protocol):
    """The database, as the scheduler sees it. Calls block; the scheduler makes them on a thread of their own."""

    def take_over(self, *, now_ms: int) -> TakeOver:
        """Count the epoch up and return what is open. From now on every older epoch is refused."""

    def version(self, version_id: UUID) -> VersionSpec | None:
        """Return a version that is live or was; None when there is none."""

    def providers(self) -> Sequence[ProviderSpec]:
        """Return all providers that are not revoked."""

    def apply(self, epoch: int, changes: Sequence[Change]) -> Sequence[Verdict]:
        """Make all changes in order in one database transaction (group commit) and return a verdict for each.

        :raises EpochSuperseded: when another scheduler has taken over; nothing has changed.
        :raises StoreUnavailable: when the database cannot be reached; nothing has changed, a retry can help.
        """

    def job_invocation(self, job_id: str) -> UUID | None:
        """Return whose job this is, whatever its state; None when it never existed."""

    def outcome(self, invocation_id: UUID) -> InvocationReply | None:
        """Return how an invocation ended; None while it is pending, or when it never existed."""

    def seen(self, epoch: int, providers: Sequence[SeenProvider]) -> None:
        """Store what heartbeats said, for people to see."""

    def clean_up(self, epoch: int, *, now_ms: int) -> int:
        """Delete some results that have expired, and return how many."""


#: Called with a delivery's body and routing key; returning acknowledges it to the broker, raising returns it to its
#: queue. The broker let the sender use that routing key: for an event it says which provider sent it.
Handler = Callable[[bytes, str | None], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """Who takes what arrives in one queue."""

    queue: str
    #: How many deliveries may be in hand at once.
    prefetch: int
    handler: Handler


class Broker(Protocol):
    """RabbitMQ, as the scheduler sees it. Publishing returns once the broker has confirmed."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent and are received now."""

    async def run(self, consumers: Sequence[Consumer], on_connected: Callable[[int], None]) -> None:
        """Stay connected and hand out what arrives, until cancelled.

        `on_connected` is called each time the connection is there, with the milliseconds for which it was not.
        """

    async def stop_consuming(self) -> None:
        """Take no more deliveries; what is in hand may still be acknowledged."""

    async def send_order(self, provider: ProviderSpec, order: JobOrder) -> None:
        """Put a ticket into the provider's jobs queue.

        :raises Undeliverable: when the queue is gone or full.
        :raises BrokerUnavailable: when the broker did not confirm in time; a retry can help.
        """

    async def send_control(self, provider: ProviderSpec, message: Cancel | ResultAcknowledged) -> None:
        """Put a message into the provider's control queue.

        :raises BrokerUnavailable: as above.
        """

    async def send_reply(self, replies_to: str, reply: InvocationReply) -> None:
        """Tell a gateway how its invocation ended; a gateway that is gone is no error."""

    async def has_consumer(self, provider: ProviderSpec) -> bool:
        """Return whether the provider's agent is connected to its jobs queue."""
