"""Reads of invocations, jobs and results."""

from datetime import date
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.accounts.models import Account
from portal.functions.models import Function
from portal.invocations.errors import InvocationMissing
from portal.invocations.models import DailySpending, Invocation, Job, Result
from portal.providers.models import Provider
from scheduler.states import InvocationState


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


def invocations_of_function(function: Function) -> QuerySet[Invocation]:
    """Return the calls of a function, newest first."""
    found = Invocation.objects.filter(version__function=function).defer("input")
    return found.select_related("version").order_by("-requested_at")


def spent_on(function: Function, day: date) -> int:
    """Return what a function's jobs of a day (UTC) cost or may still cost, in micro-credits."""
    row = DailySpending.objects.filter(function=function, day=day).first()
    return 0 if row is None else row.spent_micro


def open_invocations() -> int:
    """Return how many invocations have not ended: for administrators."""
    return Invocation.objects.filter(ended_at__isnull=True, state=InvocationState.PENDING).count()


def jobs_of_provider(provider: Provider) -> QuerySet[Job]:
    """Return the jobs that a provider got, newest first."""
    return Job.objects.filter(provider=provider).select_related("invocation").order_by("-placed_at")
