"""Requests that wait for both organisations, and the fee policy."""

from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.accounts.models import Account
from portal.books import records
from portal.governance import approving, life, mismatches, proposing, queries
from portal.governance.content import OF_MONEY
from portal.governance.life import Move
from portal.governance.models import GovernedRequest, RequestState
from portal.governance.parties import is_party
from portal.web.forms.money import FeesForm
from portal.web.pagination import page_of
from portal.web.views.acting import account_of, action, attempt, for_administrators, page
from portal.web.views.governing.proposing import proposed


@page
@for_administrators
def requests(request: HttpRequest) -> HttpResponse:
    """Show what waits for approvals, and what was decided."""
    viewer = account_of(request)
    waiting = page_of(queries.open_requests(), request)
    shown = {"page": waiting, "waiting": [_entry(viewer, item) for item in waiting.rows]}
    return render(request, "web/governing/requests.html", shown)


@page
@for_administrators
def decided(request: HttpRequest) -> HttpResponse:
    """Show what was decided."""
    return render(request, "web/governing/decided.html", {"page": page_of(queries.ended_requests(), request)})


@page
@for_administrators
def one_request(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show one request, whether it waits or is decided."""
    viewer = account_of(request)
    return render(request, "web/governing/request.html", _entry(viewer, queries.request_for(viewer, request_id)))


def _entry(viewer: Account, item: GovernedRequest) -> dict[str, object]:
    may = life.can(item, Move.APPROVE) and bool(viewer.organisation) and not is_party(viewer, item)
    return {
        "item": item,
        "can_approve": may and viewer.organisation not in {given.organisation for given in item.approvals.all()},
        "can_refuse": may,
        "names_reference": item.state == RequestState.ASKED and item.kind in OF_MONEY,
        "payment": mismatches.payment_of(item),
    }


@action
@for_administrators
def approve(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Approve a request as it was shown."""
    by = account_of(request)
    found = queries.request_for(by, request_id)
    seen, reference = request.POST.get("digest", ""), request.POST.get("reference", "").strip()
    attempt(
        request,
        f"Approved for the {by.get_organisation_display().lower()} organisation.",
        lambda: approving.approve(found, by=by, seen=seen, reference=reference, now=timezone.now()),
    )
    return redirect("web:requests")


@action
@for_administrators
def refuse(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Refuse a request, with a reason."""
    by = account_of(request)
    found = queries.request_for(by, request_id)
    reason = request.POST.get("reason", "")
    attempt(
        request,
        "Refused. The owner sees your reason.",
        lambda: approving.refuse(found, by=by, reason=reason, now=timezone.now()),
    )
    return redirect("web:requests")


@page
@for_administrators
def fees(request: HttpRequest) -> HttpResponse:
    """Show the fee policy and its history."""
    return _fees_page(request, FeesForm(initial={"move_id": uuid4()}))


def _fees_page(request: HttpRequest, form: FeesForm) -> HttpResponse:
    history = records.fee_history()
    shown = {"current": history[0] if history else None, "history": history, "form": form}
    return render(request, "web/governing/fees.html", shown, status=422 if form.errors else 200)


@action
@for_administrators
def propose_fees(request: HttpRequest) -> HttpResponse:
    """Propose another fee policy."""
    form = FeesForm(request.POST)

    def act(values: dict[str, Any]) -> object:
        by, platform, peers = account_of(request), form.ppm("platform"), form.ppm("peers")
        request_id, now = values["move_id"], timezone.now()
        return proposing.propose_fees(by, platform_ppm=platform, peers_ppm=peers, request_id=request_id, now=now)

    return proposed(request, form, act, _fees_page)
