"""Sends claims and tells what became of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from provider_agent.claims.drafts import Draft, NothingToSend, draft, signed
from provider_agent.claims.evidence import Evidence, EvidenceStore
from provider_agent.machine.portal import OperationAnswer
from provider_agent.ports import Clock
from wire.http.portal import PortalRefused
from wire.ledger.states import JobRecordState
from wire.problems import Reason
from wire.signing import SigningKey

#: How often the portal is asked what the ledger answered, after so long a pause.
_QUESTIONS = 20
_PAUSE_SECONDS = 1.0
_WAITING = frozenset({"pending", "submitted"})
#: What is said of a claim that the ledger took, by the state of its job.
_TAKEN: Mapping[str, str] = {
    JobRecordState.SETTLED: "paid",
    JobRecordState.CLAIMED: "on the ledger; the controller has 24 hours to refuse it, with a reason; then it is paid",
    JobRecordState.MISMATCH: "on the ledger; its output differs from what the controller got, "
    "both organisations decide",
    JobRecordState.REFUSED: "refused by the controller; the reason is in the job's record",
}
_ENDED = frozenset({JobRecordState.SETTLED, JobRecordState.REFUSED})


class ClaimDesk(Protocol):
    """The ledger, through the portal or through a peer of the network."""

    def submit(self, operation: str) -> OperationAnswer:
        """Send a signed operation; the same again only asks where it stands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What to tell of a job."""

    job_id: str
    text: str
    #: Whether the claim was refused: something to look at.
    is_refused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimant:
    """A provider that claims."""

    provider_id: str
    key: SigningKey
    store: EvidenceStore
    ledger: ClaimDesk
    clock: Clock
    #: Waits so many seconds.
    pause: Callable[[float], object]

    def claim(self, evidence: Evidence, *, dry_run: bool = False) -> Told:
        """Claim a job, unless there is nothing to claim.

        :raises PortalRefused: when the portal refuses for a reason that is not the job's.
        :raises PortalUnreachable: when it does not answer.
        """
        if evidence.outcome:
            return Told(job_id=evidence.job_id, text=f"done before: {evidence.outcome}")
        try:
            claim = self.draft(evidence)
            jws = signed(claim, self.key)
        except NothingToSend as why:
            return Told(job_id=evidence.job_id, text=f"not claimed: {why}")
        if dry_run:
            kind = "with" if claim.is_acknowledged else "without"
            return Told(job_id=evidence.job_id, text=f"would be claimed, {kind} the controller's acknowledgement")
        return self._send(evidence, jws)

    def draft(self, evidence: Evidence) -> Draft:
        """Return the claim of a job as it would be signed.

        :raises NothingToSend: when the ledger would refuse it.
        """
        keys = self.store.working_keys()
        return draft(evidence, keys, provider_id=self.provider_id, now_ms=self.clock())

    def _send(self, evidence: Evidence, jws: str) -> Told:
        try:
            answer = self.ledger.submit(jws)
        except PortalRefused as refused:
            if refused.reason != Reason.GONE:
                raise
            self.store.ended(evidence.job_id, "paid")
            return Told(job_id=evidence.job_id, text=f"not claimed: {refused}")
        before = "" if answer.is_new or answer.state in _WAITING else "done before: "
        for _ in range(_QUESTIONS):
            if answer.state not in _WAITING:
                return self._tell(evidence, answer, before)
            if answer.reason:
                text = f"sent; it waits and is sent again by itself for two days: {answer.reason}"
                return Told(job_id=evidence.job_id, text=text)
            self.pause(_PAUSE_SECONDS)
            answer = self.ledger.submit(jws)
        return Told(job_id=evidence.job_id, text="sent; the ledger has not answered yet, claim it again to see")

    def _tell(self, evidence: Evidence, answer: OperationAnswer, before: str) -> Told:
        if answer.state != "committed":
            self.store.refused(evidence.job_id)
            return Told(job_id=evidence.job_id, text=f"refused by the ledger: {answer.reason}", is_refused=True)
        text = _TAKEN.get(answer.job_state, "on the ledger")
        if answer.job_state in _ENDED:
            self.store.ended(evidence.job_id, text)
        return Told(
            job_id=evidence.job_id, text=f"{before}{text}", is_refused=answer.job_state == JobRecordState.REFUSED
        )


def standing(job_id: str, state: str) -> Told:
    """Return what to tell of a job by its state on the ledger, which is empty when the ledger has none."""
    unclaimed = f"{state}, and not claimed" if state else "the ledger has no such job of this machine's"
    return Told(job_id=job_id, text=_TAKEN.get(state, unclaimed), is_refused=state == JobRecordState.REFUSED)
