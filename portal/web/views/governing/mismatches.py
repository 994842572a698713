"""Jobs whose digests differ, and proposals how they end."""

from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.governance import mismatches
from portal.governance.mismatches import DecisionWish
from portal.governance.parties import is_party_of_job
from portal.web.forms.governing import DecisionForm
from portal.web.pagination import page_of
from portal.web.views.acting import account_of, action, attempt, for_administrators, page


@page
@for_administrators
def all_mismatches(request: HttpRequest) -> HttpResponse:
    """Show the jobs that wait for a decision."""
    shown = {"page": page_of(mismatches.open_mismatches(), request)}
    return render(request, "web/governing/mismatches.html", shown)


@page
@for_administrators
def mismatch(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show a job that waits for a decision."""
    return _mismatch_page(request, job_id)


def _mismatch_page(request: HttpRequest, job_id: str, failed: DecisionForm | None = None) -> HttpResponse:
    found, viewer = mismatches.mismatch(job_id), account_of(request)
    initial = {"move_id": uuid4(), "pay_ms": found.as_billed.pay_ms}
    shown = {
        "found": found,
        "record": found.job.record,
        "form": failed or DecisionForm(initial=initial),
        "may_decide": bool(viewer.organisation) and not is_party_of_job(viewer, job_id),
    }
    return render(request, "web/governing/mismatch.html", shown, status=422 if failed else 200)


@action
@for_administrators
def decide(request: HttpRequest, job_id: str) -> HttpResponse:
    """Propose how a mismatch ends."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _mismatch_page(request, job_id, form)
    wish = DecisionWish(
        request_id=form.cleaned_data["move_id"],
        job_id=job_id,
        pay_ms=form.pay_ms_chosen(),
        reason=form.cleaned_data["reason"],
    )
    attempt(
        request,
        "Proposed, and approved for your organisation. The other organisation has to approve it, too.",
        lambda: mismatches.propose_decision(account_of(request), wish=wish, now=timezone.now()),
        form=form,
    )
    return _mismatch_page(request, job_id, form) if form.errors else redirect("web:requests")
