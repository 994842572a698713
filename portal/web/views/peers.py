"""An operator's peers: codes to join with, how epochs go, what they bring; and all of them, for administrators."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal import composition
from portal.accounts import queries as accounts
from portal.accounts.models import Role
from portal.accounts.operations import require_role
from portal.peers import operations, queries
from portal.web.forms.base import PageForm
from portal.web.views.acting import account_of, action, attempt, for_administrators, form_page, page


@page
def peers(request: HttpRequest) -> HttpResponse:
    """Show the account's peers and what they earn."""
    owner = account_of(request)
    shown = {
        "operator": queries.operator(owner),
        "peers": queries.peers_of(owner),
        "codes": queries.open_join_codes(owner, timezone.now()),
        "epoch": queries.newest_epoch(),
        "pool": queries.pool_micro(),
    }
    return render(request, "web/peers/mine.html", shown)


@form_page
def new_peer(request: HttpRequest) -> HttpResponse:
    """Make a one-time code for a peer; its text is shown this once."""
    owner = account_of(request)
    require_role(owner, Role.PEER)
    form = PageForm(request.POST if request.method == "POST" else None)
    made = form.submit(lambda: operations.create_join_code(owner, now=timezone.now()))
    shown = {"form": form, "made": made, "portal_url": settings.PORTAL_URL}
    return render(request, "web/peers/new.html", shown, status=422 if form.errors else 200)


@page
@for_administrators
def all_peers(request: HttpRequest) -> HttpResponse:
    """Show every operator: what its peer has, what it was paid, and where one disagrees."""
    shown = {
        "operators": queries.operators(),
        "epoch": queries.newest_epoch(),
        "pool": queries.pool_micro(),
        "alarms": queries.alarms(),
    }
    return render(request, "web/peers/all.html", shown)


@action
@for_administrators
def expel_operator(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Take an operator's place on the network."""
    owner = accounts.account(account_id)
    attempt(
        request,
        f"{owner.username} is expelled. Propose under Keys to end its key on the ledger as well.",
        lambda: operations.expel(owner, by=account_of(request), registrar=composition.registrar(), now=timezone.now()),
    )
    return redirect("web:all_peers")
