"""Signed tickets, and the signed word that a result arrived."""

from dataclasses import dataclass
from uuid import UUID

from scheduler import clocks
from scheduler.placement import Capacity
from scheduler.ports import PlaceJob, VersionSpec
from wire import envelope, signing
from wire.messages import Acknowledgement, InvocationRequest, JobOrder, Receipt, Ticket
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
class Signer:
    """The controller's working key, and the root key's word for it."""

    key: signing.SigningKey
    #: JWS of a `WorkingKey`.
    working_key: str

    def order(self, ticket: str) -> JobOrder:
        """Return what the agent gets: a ticket and the proof that its key may sign."""
        return JobOrder(ticket=ticket, working_key=self.working_key)

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
        """Return a ticket that this key signed.

        :raises BadSignature: when it did not.
        """
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

    epoch: int
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
        input=request.input,
        input_type=request.input_type,
        epoch=issue.epoch,
        issued_at_ms=issue.now_ms,
        accept_by_ms=accept_by_ms,
        pull_by_ms=accept_by_ms + clocks.PULL_MS,
        pay_until_ms=issue.now_ms + clocks.pay_window_ms(max_ms),
        price_nano_per_ms=capacity.price_nano_per_ms,
        max_ms=max_ms,
        max_cost_micro=cost_of(run_ms=max_ms, price_nano_per_ms=capacity.price_nano_per_ms),
    )
