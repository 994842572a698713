"""Jobs as rows: what document 002 calls the monitoring ledger."""

from collections.abc import Mapping
from uuid import UUID

from chaincode.contracts import keys
from chaincode.contracts.records import Job
from portal.ledger.models import LedgerJob
from portal.ledger.read_model.moments import moment
from wire.codec import from_plain, parse_object

_PREFIX = keys.job("")
_JOB_COLUMNS = [
    field.name
    for field in LedgerJob._meta.concrete_fields  # noqa: SLF001 - Django documents it
    if not field.primary_key
]


def store_jobs(writes: Mapping[str, str | None]) -> None:
    """Bring the rows of all jobs among these writes up to their records."""
    LedgerJob.objects.bulk_create(
        (job_row(value) for key, value in writes.items() if value is not None and key.startswith(_PREFIX)),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_JOB_COLUMNS,
    )


def job_row(text: str) -> LedgerJob:
    """Return the row of a job's record."""
    plain = parse_object(text)
    job = from_plain(Job, plain)
    return LedgerJob(
        id=job.job_id,
        invocation_id=UUID(job.invocation_id),
        developer_id=UUID(job.developer_id),
        provider_id=UUID(job.provider_id),
        version_id=UUID(job.version_id),
        state=job.state.value,
        price_nano_per_ms=job.price_nano_per_ms,
        max_ms=job.max_ms,
        max_cost_micro=job.max_cost_micro,
        claimed_ms=job.claimed_ms,
        observed_ms=job.observed_ms,
        billed_ms=job.billed_ms,
        cost_micro=job.cost_micro,
        output_digest=job.receipt_digest or job.confirm_digest or "",
        received=job.received,
        payment_done=job.payment_done,
        created_at=moment(job.created_at_ms),
        settled_at=None if job.settled_at_ms is None else moment(job.settled_at_ms),
        record=plain,
    )
