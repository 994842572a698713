"""A small marketplace for the scheduler's tests: a version, providers with their keys, requests, tickets, results."""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from scheduler.placement import Capacity
from scheduler.specs import ProviderSpec, VersionSpec
from scheduler.store.changes import FinishJob, PlaceJob
from scheduler.tickets import Issue, TicketSigner
from wire import envelope, signing
from wire.limits import Limits
from wire.messages import Finished, Heartbeat, InvocationRequest, Receipt, Ticket, WorkingKey
from wire.outcomes import ExitState
from wire.problems import REASON_OF_EXIT
from wire.signing import SigningKey, sha256_hex

NOW_MS = 1_795_000_000_000
#: One micro-credit a millisecond.
PRICE = 1_000
TIMEOUT_MS = 10_000
MAX_COST = TIMEOUT_MS * PRICE // 1_000
IMAGE_DIGEST = f"sha256:{'a' * 64}"
REPLIES = "replies.test"


@dataclass
class ManualClock:
    """A clock that moves only when told."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, milliseconds: int) -> None:
        self.now_ms += milliseconds


def make_signer() -> TicketSigner:
    root, working = SigningKey.generate(), SigningKey.generate()
    word = WorkingKey(public_key_pem=working.public.pem, not_after_ms=2**52)
    return TicketSigner(working, root.sign(envelope.dump(word), signing.WORKING_KEY))


def make_version(**changes: object) -> VersionSpec:
    version = VersionSpec(
        version_id=uuid4(),
        function_id=uuid4(),
        developer_id=uuid4(),
        image=f"localhost:5000/demo@{IMAGE_DIGEST}",
        architecture="amd64",
        mode="command",
        limits=Limits(timeout_ms=TIMEOUT_MS),
        environment=(),
        price_ceiling_nano_per_ms=PRICE,
        budget_micro_per_day=1_000 * MAX_COST,
    )
    return replace(version, **changes)  # type: ignore[arg-type]


def make_request(version: VersionSpec, **changes: object) -> InvocationRequest:
    request = InvocationRequest(
        invocation_id=str(uuid4()),
        version_id=str(version.version_id),
        caller_id=None,
        input=b"question",
        input_type="text/plain",
        requested_at_ms=NOW_MS,
        deadline_at_ms=NOW_MS + 60_000,
        replies_to=REPLIES,
    )
    return replace(request, **changes)  # type: ignore[arg-type]


@dataclass
class FakeProvider:
    """An enrolled machine: what it says, and what it signs."""

    key: SigningKey = field(default_factory=SigningKey.generate)
    spec: ProviderSpec = field(init=False)

    def __post_init__(self) -> None:
        self.spec = ProviderSpec(
            provider_id=uuid4(),
            owner_id=uuid4(),
            signing_key_pem=self.key.public.pem,
            queue_secret=uuid4().hex,
        )

    @property
    def id(self) -> UUID:
        return self.spec.provider_id

    def heartbeat(self, **changes: object) -> Heartbeat:
        heartbeat = Heartbeat(
            provider_id=str(self.id),
            sent_at_ms=NOW_MS,
            agent_version="1",
            architecture="amd64",
            slots=2,
            free_slots=2,
            cpu_millis=2_000,
            memory_mb=1_024,
            price_nano_per_ms=PRICE,
            images=(IMAGE_DIGEST,),
        )
        return replace(heartbeat, **changes)  # type: ignore[arg-type]

    def capacity(self) -> Capacity:
        return Capacity(
            provider_id=self.id,
            architecture="amd64",
            memory_mb=1_024,
            cpu_millis=2_000,
            price_nano_per_ms=PRICE,
            slots=2,
            free_slots=2,
            draining=False,
            images=(IMAGE_DIGEST,),
        )

    def receipt(self, ticket: str, output: bytes = b"answer", **changes: object) -> str:
        """Return a signed receipt for a ticket."""
        payload = signing.payload_of(ticket)
        receipt = Receipt(
            job_id=envelope.parse_as(Ticket, payload).job_id,
            ticket_digest=sha256_hex(payload),
            run_ms=40,
            exit_state=ExitState.SUCCEEDED,
            output_digest=sha256_hex(output),
            finished_at_ms=NOW_MS + 50,
        )
        return self.key.sign(envelope.dump(replace(receipt, **changes)), signing.RECEIPT)  # type: ignore[arg-type]

    def finished(self, ticket: str, output: bytes = b"answer", **changes: object) -> Finished:
        """Return what the agent sends when a ticket's container has ended."""
        job_id = envelope.parse_as(Ticket, signing.payload_of(ticket)).job_id
        return Finished(
            job_id=job_id, receipt=self.receipt(ticket, output, **changes), ticket=ticket, output=output, exit_code=0
        )


def make_place(
    signer: TicketSigner, request: InvocationRequest, version: VersionSpec, provider: FakeProvider, attempt: int = 1
) -> PlaceJob:
    issue = Issue(term=1, now_ms=NOW_MS)
    return signer.place(request, version, provider.capacity(), attempt=attempt, issue=issue)


def make_finish(
    place: PlaceJob, provider: FakeProvider, exit_state: ExitState = ExitState.SUCCEEDED, **changes: object
) -> FinishJob:
    output = b"answer"
    finish = FinishJob(
        job_id=place.job_id,
        invocation_id=place.invocation_id,
        receipt=provider.receipt(place.ticket, output, exit_state=exit_state),
        run_ms=40,
        exit_state=exit_state,
        output=output,
        output_digest=sha256_hex(output),
        observed_ms=60,
        finished_at_ms=NOW_MS + 50,
        reason=REASON_OF_EXIT.get(exit_state),
    )
    return replace(finish, **changes)  # type: ignore[arg-type]
