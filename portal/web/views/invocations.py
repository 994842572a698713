"""Invocations and what became of them."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts.models import Account
from portal.functions import queries as functions
from portal.invocations import queries
from portal.invocations.models import Invocation
from portal.invocations.times import five_times
from portal.web.output import shown_text
from portal.web.pagination import page_of
from portal.web.views.acting import account_of, page


@page
def invocations(request: HttpRequest) -> HttpResponse:
    """Show what the account called and what others called of its functions."""
    rows = page_of(queries.invocations_of(account_of(request)), request)
    return render(request, "web/invocations.html", {"page": rows})


@page
def of_function(request: HttpRequest, name: str) -> HttpResponse:
    """Show the calls of a function."""
    function = functions.function_of(account_of(request), name)
    rows = page_of(queries.invocations_of_function(function), request)
    return render(request, "web/invocations.html", {"page": rows, "function": function})


@page
def invocation(request: HttpRequest, invocation_id: UUID) -> HttpResponse:
    """Show an invocation, its jobs with their five times, its result, and the log to its developer."""
    viewer = account_of(request)
    found = queries.invocation_for(viewer, invocation_id)
    jobs = sorted(found.jobs.all(), key=lambda job: job.attempt)
    shown = {
        "invocation": found,
        "function": found.version.function,
        "jobs": [(job, five_times(job, found.requested_at)) for job in jobs],
        "is_mine": viewer.id == found.version.function.owner_id,
        "output": _output(viewer, found),
    }
    return render(request, "web/invocation.html", shown)


def _output(viewer: Account, found: Invocation) -> dict[str, object] | None:
    """Return the result to its caller and to the developer, as far as it can be shown."""
    if viewer.id not in {found.version.function.owner_id, found.caller_id}:
        return None
    kept = queries.find_result(found.id)
    if kept is None:
        return None
    output = bytes(kept[0].output)
    return {"size": len(output), "digest": kept[0].output_digest, "text": shown_text(output)}
