"""Reads for the scheduler: what was open when it took over, and how an invocation ended."""

from datetime import datetime
from uuid import UUID

from portal.invocations.models import Invocation, Job, Result
from portal.providers.models import Provider, ProviderState
from scheduler.states import OPEN_JOB_STATES, InvocationState, JobState
from scheduler.store.ports import OpenInvocation, OpenJob, SeenProvider
from wire.messages import InvocationReply, InvocationRequest, MachineReport
from wire.money import bill
from wire.problems import Reason


def jobs() -> tuple[OpenJob, ...]:
    """Return the jobs that have not ended."""
    return tuple(
        OpenJob(job_id=job.id, invocation_id=job.invocation_id, state=JobState(job.state), ticket=job.ticket)
        for job in Job.objects.filter(finished_at__isnull=True, state__in=OPEN_JOB_STATES).order_by("placed_at")
    )


def invocations() -> tuple[OpenInvocation, ...]:
    """Return the pending invocations, the oldest first."""
    pending = Invocation.objects.filter(ended_at__isnull=True, state=InvocationState.PENDING).order_by("requested_at")
    return tuple(_open(invocation) for invocation in pending.prefetch_related("jobs"))


def seen_providers() -> tuple[SeenProvider, ...]:
    """Return what the last heartbeats said, as far as it was stored."""
    seen = Provider.objects.filter(state=ProviderState.ACTIVE, last_seen_at__isnull=False)
    return tuple(
        SeenProvider(provider_id=provider.id, seen_at_ms=_ms(provider.last_seen_at), report=MachineReport.of(provider))
        for provider in seen
        if provider.last_seen_at
    )


def outcome(invocation_id: UUID) -> InvocationReply | None:
    """Return how an invocation ended; None while it is pending, or when it never existed."""
    ended = Invocation.objects.filter(id=invocation_id).exclude(state=InvocationState.PENDING).first()
    if ended is None:
        return None
    job = Job.objects.filter(invocation_id=invocation_id, state=JobState.FINISHED).first()
    result = Result.objects.filter(invocation_id=invocation_id).first()
    return InvocationReply(
        invocation_id=str(invocation_id),
        reason=Reason(ended.reason) if ended.reason else None,
        job_id=job.id if job else None,
        output=bytes(result.output) if result else b"",
        run_ms=(job.claimed_ms or 0) if job else 0,
        cost_micro=bill(job, claimed_ms=job.claimed_ms, observed_ms=job.observed_ms) if job else 0,
    )


def _open(invocation: Invocation) -> OpenInvocation:
    tried = [job.provider_id for job in invocation.jobs.all()]
    return OpenInvocation(
        request=InvocationRequest(
            invocation_id=str(invocation.id),
            version_id=str(invocation.version_id),
            caller_id=str(invocation.caller_id) if invocation.caller_id else None,
            input=bytes(invocation.input or b""),
            input_type=invocation.input_type,
            requested_at_ms=_ms(invocation.requested_at),
            deadline_at_ms=_ms(invocation.deadline_at),
            replies_to=invocation.replies_to,
        ),
        attempts=len(tried),
        tried=tuple(tried),
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
