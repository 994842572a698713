"""A provider of a market that ran a job, with its journal, and the claims that it sends to the portal's API."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.test import Client

from provider_agent.claims.claiming import Claimant
from provider_agent.claims.evidence import EvidenceStore
from provider_agent.jobs.journal import Journal
from provider_agent.machine.portal import OperationAnswer
from tests.support.outbox.market import MAX_MS, PRICE, Market
from tests.support.tickets import Controller, a_ticket
from wire import envelope, signing
from wire.codec import decode
from wire.http.portal import PortalRefused
from wire.ledger.operations import CreateJob
from wire.limits import Limits
from wire.messages import Acknowledgement, Receipt, Ticket
from wire.outcomes import ExitState
from wire.signing import SigningKey, sha256_hex

HOUR_MS = 3_600_000
OUTPUT_DIGEST = sha256_hex(b"output")
PATH = "/api/v1/ledger/operations"


def send(operation: str) -> Any:
    """Post an operation, as nobody."""
    client = Client(SERVER_NAME="localhost")
    return client.post(PATH, {"operation": operation}, content_type="application/json")


class ClientPortal:
    """The portal's API, called in this process."""

    def submit(self, operation: str) -> OperationAnswer:
        answer = send(operation)
        if answer.status_code not in (200, 202):
            raise PortalRefused(answer.json()["hint"], reason=answer.json()["reason"])
        return decode(OperationAnswer, answer.content)


@dataclass(kw_only=True)
class ClaimingProvider:
    """Runs jobs of its market, and claims them."""

    market: Market
    directory: Path
    controller: Controller
    #: Lets the ledger's process work, while the command waits.
    work: Callable[[], None]
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.directory / "journal.sqlite3")

    @property
    def claimant(self) -> Claimant:
        return Claimant(
            provider_id=str(self.market.provider_id),
            key=self.market.provider_key,
            store=EvidenceStore(self.directory / "journal.sqlite3"),
            ledger=ClientPortal(),
            clock=self.market.clock.ms,
            pause=lambda _: self.work(),
        )

    def claim(self, job_id: str) -> str:
        evidence = self.claimant.store.of(job_id)
        assert evidence is not None
        return self.claimant.claim(evidence).text

    def runs(
        self, *, on_ledger: bool = True, acknowledged: bool = True, later: Controller | None = None, **changes: Any
    ) -> str:
        """Run a job for 12 s that the controller never confirms; return its id.

        `later` is the controller with its next working key: that one acknowledges.
        """
        ticket = self.ticket(**changes)
        jws = self.controller.working.sign(envelope.dump(ticket), signing.TICKET)
        if on_ledger:
            self._create(ticket, jws)
        for controller in (self.controller, later or self.controller):
            statement = controller.working_key(not_after_ms=self.market.clock.ms() + 24 * HOUR_MS)
            self.journal.vouched(controller.working.public.key_id, statement)
        self.journal.accept(ticket.job_id, ticket=jws, pay_until_ms=ticket.pay_until_ms)
        self.journal.report(ticket.job_id, b"report", next_at_ms=0, receipt=self.receipt(ticket, jws))
        self.journal.acknowledge(ticket.job_id, self._acknowledgement(ticket, jws, later) if acknowledged else None)
        return ticket.job_id

    def ticket(self, **changes: Any) -> Ticket:
        market, now = self.market, self.market.clock.ms()
        plain: dict[str, Any] = {
            "provider_id": str(market.provider_id),
            "developer_id": str(market.developer_id),
            "version_id": str(market.version_id),
            "limits": Limits(timeout_ms=MAX_MS),
            "issued_at_ms": now,
            "accept_by_ms": now + 5_000,
            "pull_by_ms": now + 60_000,
            "pay_until_ms": now + 24 * HOUR_MS,
            "price_nano_per_ms": PRICE,
            "max_ms": MAX_MS,
            "max_cost_micro": MAX_MS * PRICE // 1000,
        }
        return a_ticket(**plain | changes)

    def receipt(self, ticket: Ticket, jws: str, key: SigningKey | None = None) -> str:
        said = Receipt(
            job_id=ticket.job_id,
            ticket_digest=sha256_hex(signing.payload_of(jws)),
            run_ms=12_000,
            exit_state=ExitState.SUCCEEDED,
            output_digest=OUTPUT_DIGEST,
            finished_at_ms=self.market.clock.ms(),
        )
        return (key or self.market.provider_key).sign(envelope.dump(said), signing.RECEIPT)

    def _acknowledgement(self, ticket: Ticket, jws: str, later: Controller | None) -> str:
        said = Acknowledgement(
            job_id=ticket.job_id,
            ticket_digest=sha256_hex(signing.payload_of(jws)),
            output_digest=OUTPUT_DIGEST,
            received_at_ms=self.market.clock.ms(),
        )
        return (later or self.controller).working.sign(envelope.dump(said), signing.ACKNOWLEDGEMENT)

    def _create(self, ticket: Ticket, jws: str) -> None:
        arguments = CreateJob(
            job_id=ticket.job_id,
            invocation_id=ticket.invocation_id,
            replicas=1,
            developer_id=ticket.developer_id,
            provider_id=ticket.provider_id,
            version_id=ticket.version_id,
            price_nano_per_ms=ticket.price_nano_per_ms,
            max_ms=ticket.max_ms,
            max_cost_micro=ticket.max_cost_micro,
            ticket_digest=sha256_hex(signing.payload_of(jws)),
            pay_until_ms=ticket.pay_until_ms,
            placed_at_ms=ticket.issued_at_ms,
        )
        self.market.enqueue(arguments, ticket.job_id)
