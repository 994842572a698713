"""The controller's answer to claims."""

from datetime import datetime

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from portal.books.models import LedgerJob
from portal.errors import Conflict, Invalid
from portal.outbox.operations import enqueue
from wire.ledger.operations import RefuseClaim, operation_id_of
from wire.ledger.states import JobRecordState

LONGEST_REASON = 200


class ClaimNotOpen(Conflict):
    """No claim of this job waits for an answer."""


class ReasonUnusable(Invalid):
    """A reason is one line of 1 to 200 printable characters."""


def refuse_claim(job_id: str, *, reason: str, now: datetime) -> str:
    """Refuse a claim, with a reason that everybody can read on the ledger; return the operation's id.

    :raises ClaimNotOpen: when no claim of this job waits.
    :raises ReasonUnusable: when the reason is empty, too long, or not one line.
    :raises OperationConflict: when the claim was refused with another reason.
    """
    try:
        checks.text("reason", reason, LONGEST_REASON)
    except Refused as error:
        raise ReasonUnusable(str(error.detail)) from error
    state = LedgerJob.objects.filter(id=job_id).values_list("state", flat=True).first()
    if state != JobRecordState.CLAIMED:
        raise ClaimNotOpen(f"job {job_id} is {state or 'not on the ledger'}: there is no claim to refuse")
    operation_id = operation_id_of(RefuseClaim, job_id)
    enqueue(operation_id=operation_id, arguments=RefuseClaim(job_id=job_id, reason=reason), subject=job_id, now=now)
    return operation_id
