"""Reads of invocations, jobs and results."""

from uuid import UUID

from portal.invocations.models import Invocation, Job, Result


def find_invocation(invocation_id: UUID) -> Invocation | None:
    """Return an invocation with its version and function; None when there is none."""
    found = Invocation.objects.filter(id=invocation_id).defer("input")
    return found.select_related("version", "version__function").first()


def find_result(invocation_id: UUID) -> tuple[Result, Job] | None:
    """Return an invocation's result and the job that made it; None when it has none, or none any more."""
    result = Result.objects.filter(invocation_id=invocation_id).first()
    if result is None:
        return None
    job = Job.objects.filter(id=result.job_id).first()
    return None if job is None else (result, job)
