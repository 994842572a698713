"""Jobs whose digests differ, and proposals how they end."""

from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.governance import mismatches
from portal.governance.content import Decision
from portal.governance.parties import is_party_of_job
from portal.web.forms.governing import DecisionForm
from portal.web.pagination import page_of
from portal.web.views.acting import account_of, action, for_administrators, page
from portal.web.views.governing.proposing import proposed


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

    def act(values: dict[str, Any]) -> object:
        decision = Decision(job_id=job_id, pay_ms=form.pay_ms_chosen(), note=values["reason"])
        by, request_id = account_of(request), values["move_id"]
        return mismatches.propose_decision(by, decision=decision, request_id=request_id, now=timezone.now())

    return proposed(request, form, act, lambda _, failed: _mismatch_page(request, job_id, failed))
