"""Every message kind: what gateway, scheduler and agents say to each other.

A message is one JSON object whose `kind` names its type and version. Additive changes keep the kind; others make a
new one.
Times end in `_at_ms`, `_by_ms`, `_until_ms` or `_after_ms`: milliseconds since 1970 UTC by the sender's clock.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar

from wire.errors import OutOfRange
from wire.limits import Limits
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason

#: Numbers stay within 53 bits, so that every JSON reader counts them exactly.
_MOST_RUN_MS = 2**53
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What every message has in common: a kind."""

    kind: ClassVar[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class InvocationRequest(Message):
    """Gateway to scheduler: an end user called a function."""

    kind: ClassVar[str] = "invocation.v1"
    invocation_id: str
    version_id: str
    #: The account whose token was used; none for a public call.
    caller_id: str | None
    input: bytes
    input_type: str
    requested_at_ms: int
    #: No job is placed after this.
    deadline_at_ms: int
    #: The gateway's queue; `names.replies_queue`.
    replies_to: str
    #: Answer as soon as the invocation is committed instead of when it ends.
    respond_async: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class InvocationReply(Message):
    """Scheduler to gateway: the invocation is committed (`pending`) or has ended."""

    kind: ClassVar[str] = "reply.v1"
    invocation_id: str
    #: True when only committed (the answer to `respond_async`).
    pending: bool = False
    #: None when the function returned a result.
    reason: Reason | None = None
    job_id: str | None = None
    output: bytes = b""
    run_ms: int = 0
    cost_micro: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket(Message):
    """The controller's signed order to a provider to run a job: the payload of a JWS of type `signing.TICKET`."""

    kind: ClassVar[str] = "ticket.v1"
    job_id: str
    invocation_id: str
    provider_id: str
    developer_id: str
    version_id: str
    #: `registry/repository@sha256:…`
    image: str
    mode: str
    limits: Limits
    environment: Mapping[str, str]
    #: SHA-256 of the input, which travels beside the ticket: a claim brings the ticket to the ledger.
    input_sha256: str
    input_bytes: int
    input_type: str
    #: Counted up at each take-over of the scheduler; an agent refuses one older than the newest that it saw.
    term: int
    issued_at_ms: int
    #: The agent accepts before this or not at all.
    accept_by_ms: int
    #: The image is there before this or the job ends with `pull_failed`.
    pull_by_ms: int
    #: Until then the provider can demand its pay.
    pay_until_ms: int
    price_nano_per_ms: int
    max_ms: int
    max_cost_micro: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkingKey(Message):
    """The root key's word for a working key: the payload of a JWS of type `signing.WORKING_KEY`."""

    kind: ClassVar[str] = "working-key.v1"
    public_key_pem: str
    not_after_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOrder(Message):
    """Scheduler to agent, on the jobs queue: a ticket, the proof that its key may sign, and the input."""

    kind: ClassVar[str] = "job-order.v1"
    #: JWS of a `Ticket`.
    ticket: str
    #: JWS of a `WorkingKey`, signed by the root key.
    working_key: str
    #: What the ticket's `input_sha256` names.
    input: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt(Message):
    """The provider's signed statement of a run: the payload of a JWS of type `signing.RECEIPT`."""

    kind: ClassVar[str] = "receipt.v1"
    job_id: str
    #: SHA-256 of the ticket's payload bytes.
    ticket_digest: str
    #: Wall time of the container, at least 1.
    run_ms: int
    exit_state: ExitState
    #: SHA-256 of the output.
    output_digest: str
    finished_at_ms: int

    def check_values(self) -> None:
        """Check run time and digest, however the run ended: what the scheduler takes, the ledger's contracts take too.

        :raises OutOfRange: naming the field.
        """
        if not 1 <= self.run_ms <= _MOST_RUN_MS:
            raise OutOfRange(f"run_ms: expected a whole number from 1 to {_MOST_RUN_MS}")
        if not _DIGEST.fullmatch(self.output_digest):
            raise OutOfRange("output_digest: expected a SHA-256 in lower-case hexadecimal")


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledgement(Message):
    """The controller's signed word that a result arrived: the payload of a JWS of type `signing.ACKNOWLEDGEMENT`."""

    kind: ClassVar[str] = "acknowledgement.v1"
    job_id: str
    ticket_digest: str
    output_digest: str
    received_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineReport:
    """What a provider says of its machine, and people are shown."""

    architecture: str
    slots: int
    free_slots: int
    cpu_millis: int
    memory_mb: int
    price_nano_per_ms: int
    agent_version: str

    @classmethod
    def of(cls, source: object) -> "MachineReport":
        """Return these fields of something that has more: a heartbeat, a provider's row."""
        return MachineReport(**{name: getattr(source, name) for name in REPORT_FIELDS})


REPORT_FIELDS = tuple(item.name for item in fields(MachineReport))


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat(MachineReport, Message):
    """Agent to scheduler: I am alive, and this is what I have free."""

    kind: ClassVar[str] = "heartbeat.v1"
    provider_id: str
    sent_at_ms: int
    draining: bool = False
    #: Digests of the images that are there.
    images: tuple[str, ...] = ()
    #: Job ids that were accepted and have not finished.
    running: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(Message):
    """Agent to scheduler: the ticket is in my journal, I shall run it."""

    kind: ClassVar[str] = "accepted.v1"
    job_id: str
    accepted_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Started(Message):
    """Agent to scheduler: the container runs."""

    kind: ClassVar[str] = "started.v1"
    job_id: str
    started_at_ms: int
    pull_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished(Message):
    """Agent to scheduler: the container has ended, however it ended."""

    kind: ClassVar[str] = "finished.v1"
    job_id: str
    #: JWS of a `Receipt`.
    receipt: str
    #: The JWS of the `Ticket`, so that a controller that forgot the job can still judge it.
    ticket: str
    output: bytes = b""
    exit_code: int | None = None
    pull_ms: int = 0
    #: The last lines that the function wrote to standard error, for its developer.
    log_tail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRefused(Message):
    """Agent to scheduler: I do not take this ticket."""

    kind: ClassVar[str] = "refused.v1"
    job_id: str
    reason: RefusalReason
    #: JWS of a `Receipt` with exit state `refused`; none when the ticket could not be trusted.
    receipt: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel(Message):
    """Scheduler to agent, on the control queue: stop this job, its result is not wanted any more."""

    kind: ClassVar[str] = "cancel.v1"
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultAcknowledged(Message):
    """Scheduler to agent, on the control queue: the result is stored, or refused for good; drop it from the spool."""

    kind: ClassVar[str] = "result-acknowledged.v1"
    job_id: str
    #: JWS of an `Acknowledgement`; none when the result was refused.
    acknowledgement: str | None = field(default=None)
