"""Reads of invocations, jobs and results."""

from uuid import UUID

from django.db.models import Q, QuerySet

from portal.accounts.models import Account
from portal.invocations.errors import InvocationMissing
from portal.invocations.models import Invocation, Job, Result
from portal.providers.models import Provider


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


def invocations_of(account: Account) -> QuerySet[Invocation]:
    """Return what the account called and what others called of its functions, newest first."""
    mine = Q(version__function__owner=account) | Q(caller=account)
    return (
        Invocation.objects.filter(mine)
        .defer("input")
        .select_related("version", "version__function", "version__function__owner")
        .order_by("-requested_at")
    )


def invocation_for(viewer: Account, invocation_id: UUID) -> Invocation:
    """Return an invocation with its jobs, to who called it, its function's developer, or an administrator.

    :raises InvocationMissing: when there is none.
    """
    visible = Invocation.objects.defer("input") if viewer.is_staff else invocations_of(viewer)
    selected = visible.select_related("version", "version__function", "version__function__owner")
    found = selected.filter(id=invocation_id).prefetch_related("jobs").first()
    if found is None:
        raise InvocationMissing
    return found


def jobs_of_provider(provider: Provider) -> QuerySet[Job]:
    """Return the jobs that a provider got, newest first."""
    return Job.objects.filter(provider=provider).select_related("invocation").order_by("-placed_at")
