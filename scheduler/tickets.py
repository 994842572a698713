"""Signed tickets, and the signed word that a result arrived."""

from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from scheduler import clocks
from scheduler.placement import Capacity
from scheduler.specs import VersionSpec
from scheduler.store.changes import PlaceJob
from wire import envelope, signing
from wire.errors import BadSignature
from wire.messages import Acknowledgement, InvocationRequest, JobOrder, Receipt, Ticket, WorkingKey
from wire.money import cost_of


def job_id_of(invocation_id: UUID, attempt: int) -> str:
    """Return the id of an invocation's job; attempts count from 1."""
    return f"{invocation_id.hex}-{attempt}"


def digest_of(ticket: str) -> str:
    """Return the name of a ticket in receipts and on the ledger: the SHA-256 of its payload.

    :raises BadSignature: when it is not a JWS.
    """
    return signing.sha256_hex(signing.payload_of(ticket))


@dataclass(frozen=True, slots=True)
class TicketSigner:
    """The controller's working key, and the root key's word for it."""

    key: signing.SigningKey
    #: JWS of a `WorkingKey`.
    working_key: str
    #: The keys before this one: tickets that they signed are still under way.
    earlier: tuple[signing.PublicKey, ...] = ()

    @property
    def vouched(self) -> WorkingKey:
        """What the root key says of the working key.

        :raises WireError: when that cannot be read.
        """
        return envelope.parse_as(WorkingKey, signing.payload_of(self.working_key))

    def left_ms(self, *, now_ms: int) -> int:
        """Return for how long agents still take this key's tickets."""
        return self.vouched.not_after_ms - now_ms

    def followed_by(self, signer: "TicketSigner") -> "TicketSigner":
        """Return the next working key, which still knows the tickets of this one."""
        known = (self.key.public, *self.earlier)
        return replace(signer, earlier=tuple(key for key in known if key.key_id != signer.key.public.key_id))

    def order(self, ticket: str, request: InvocationRequest) -> JobOrder:
        """Return what the agent gets: a ticket, the proof that its key may sign, and the input that it names."""
        return JobOrder(ticket=ticket, working_key=self.working_key, input=request.input)

    def place(
        self, request: InvocationRequest, version: VersionSpec, capacity: Capacity, *, attempt: int, issue: "Issue"
    ) -> PlaceJob:
        """Return the job that serves an invocation at a provider's price, with its signed ticket."""
        ticket = _ticket(request, version, capacity, attempt=attempt, issue=issue)
        payload = envelope.dump(ticket)
        return PlaceJob(
            job_id=ticket.job_id,
            invocation_id=UUID(ticket.invocation_id),
            attempt=attempt,
            version=version,
            provider_id=capacity.provider_id,
            ticket=self.key.sign(payload, signing.TICKET),
            ticket_digest=signing.sha256_hex(payload),
            price_nano_per_ms=ticket.price_nano_per_ms,
            max_ms=ticket.max_ms,
            max_cost_micro=ticket.max_cost_micro,
            placed_at_ms=ticket.issued_at_ms,
            accept_by_ms=ticket.accept_by_ms,
            pay_until_ms=ticket.pay_until_ms,
        )

    def read(self, ticket: str) -> Ticket:
        """Return a ticket that this key signed, or one before it.

        :raises BadSignature: when none did.
        """
        for key in self.earlier:
            with suppress(BadSignature):
                return envelope.parse_as(Ticket, key.verify(ticket, signing.TICKET))
        return envelope.parse_as(Ticket, self.key.public.verify(ticket, signing.TICKET))

    def acknowledge(self, receipt: Receipt, *, now_ms: int) -> str:
        """Return the controller's signed word that a result arrived."""
        acknowledgement = Acknowledgement(
            job_id=receipt.job_id,
            ticket_digest=receipt.ticket_digest,
            output_digest=receipt.output_digest,
            received_at_ms=now_ms,
        )
        return self.key.sign(envelope.dump(acknowledgement), signing.ACKNOWLEDGEMENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """When a ticket is issued, and by which scheduler."""

    term: int
    now_ms: int


def _ticket(
    request: InvocationRequest, version: VersionSpec, capacity: Capacity, *, attempt: int, issue: Issue
) -> Ticket:
    max_ms = version.limits.timeout_ms
    accept_by_ms = issue.now_ms + clocks.ACCEPT_MS
    return Ticket(
        job_id=job_id_of(UUID(request.invocation_id), attempt),
        invocation_id=request.invocation_id,
        provider_id=str(capacity.provider_id),
        developer_id=str(version.developer_id),
        version_id=str(version.version_id),
        image=version.image,
        mode=version.mode,
        limits=version.limits,
        environment=dict(version.environment),
        input_sha256=signing.sha256_hex(request.input),
        input_bytes=len(request.input),
        input_type=request.input_type,
        term=issue.term,
        issued_at_ms=issue.now_ms,
        accept_by_ms=accept_by_ms,
        pull_by_ms=accept_by_ms + clocks.PULL_MS,
        pay_until_ms=issue.now_ms + clocks.pay_window_ms(max_ms),
        price_nano_per_ms=capacity.price_nano_per_ms,
        max_ms=max_ms,
        max_cost_micro=cost_of(run_ms=max_ms, price_nano_per_ms=capacity.price_nano_per_ms),
    )
