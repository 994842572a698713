"""Signed receipts, and the events that carry them."""

from dataclasses import dataclass

from provider_agent.ports import Clock, RunReport
from wire import signing
from wire.envelope import dump
from wire.messages import Finished, JobRefused, Receipt
from wire.outcomes import ExitState, RefusalReason
from wire.signing import SigningKey, sha256_hex


@dataclass(frozen=True, slots=True)
class ReceiptWriter:
    """Signs what happened to a ticket with the provider's key. `ticket` is the JWS, byte for byte."""

    key: SigningKey
    clock: Clock

    def finished(self, job_id: str, ticket: str, *, report: RunReport) -> Finished:
        """Return the event for a run that ended, however it ended."""
        return Finished(
            job_id=job_id,
            receipt=self._receipt(job_id, ticket, report=report),
            ticket=ticket,
            output=report.output,
            exit_code=report.exit_code,
            pull_ms=report.pull_ms,
            log_tail=report.log_tail,
        )

    def crashed(self, job_id: str, ticket: str) -> Finished:
        """Return the event for a job that this agent took and lost."""
        return self.finished(job_id, ticket, report=RunReport.failed(ExitState.CRASHED))

    def refused(self, job_id: str, ticket: str, *, reason: RefusalReason) -> JobRefused:
        """Return the event for a trusted ticket that is not taken."""
        receipt = self._receipt(job_id, ticket, report=RunReport(exit_state=ExitState.REFUSED))
        return JobRefused(job_id=job_id, reason=reason, receipt=receipt)

    def _receipt(self, job_id: str, ticket: str, *, report: RunReport) -> str:
        receipt = Receipt(
            job_id=job_id,
            ticket_digest=sha256_hex(signing.payload_of(ticket)),
            run_ms=report.run_ms,
            exit_state=report.exit_state,
            output_digest=sha256_hex(report.output),
            finished_at_ms=self.clock(),
        )
        return self.key.sign(dump(receipt), signing.RECEIPT)
