"""What administrators see and decide."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.accounts import operations as accounts
from portal.accounts import queries
from portal.books import queries as ledger
from portal.books import set_aside
from portal.books.audit.oversight import oversight
from portal.errors import PortalError
from portal.governance import asking, mismatches, proposing
from portal.governance import queries as money
from portal.invocations import queries as invocations
from portal.providers import queries as providers
from portal.web.costs import amount_text
from portal.web.forms.money import TopUpForm
from portal.web.pagination import page_of
from portal.web.views.acting import account_of, action, attempt, for_administrators, page
from wire.money import Micro


@page
@for_administrators
def overview(request: HttpRequest) -> HttpResponse:
    """Show how the marketplace does, and what waits for a decision."""
    return _overview(request, TopUpForm())


def _overview(request: HttpRequest, form: TopUpForm) -> HttpResponse:
    now = timezone.now()
    shown = {
        "requests": queries.waiting_roles()[:50],
        "online": providers.online_providers(now).count(),
        "active": providers.active_providers().count(),
        "market": providers.asked_prices(now),
        "ledger": oversight(now),
        "mismatches": mismatches.open_mismatches().count(),
        "newest_block": next(iter(ledger.latest_blocks(limit=1)), None),
        "open_invocations": invocations.open_invocations(),
        "open_requests": money.open_requests().count(),
        "form": form,
    }
    return render(request, "web/administration.html", shown, status=422 if form.errors else 200)


@action
@for_administrators
def send_again(request: HttpRequest) -> HttpResponse:
    """Send an operation that was set aside to the ledger again."""
    if set_aside.retry_set_aside(request.POST.get("operation_id", "")):
        messages.success(request, "It goes to the ledger again. Look here in a minute.")
    else:
        messages.error(request, "It is not set aside any more.")
    return redirect("web:administration")


@action
@for_administrators
def give_up(request: HttpRequest) -> HttpResponse:
    """Give an operation up that was set aside."""
    if set_aside.drop_set_aside(request.POST.get("operation_id", ""), now=timezone.now()):
        messages.success(request, "Given up. What its job had reserved is free again.")
    else:
        messages.error(request, "It is not set aside any more.")
    return redirect("web:administration")


@page
@for_administrators
def all_providers(request: HttpRequest) -> HttpResponse:
    """Show every machine."""
    online = set(providers.online_providers(timezone.now()).values_list("id", flat=True))
    shown = {"page": page_of(providers.all_providers(), request), "online": online}
    return render(request, "web/all_providers.html", shown)


@action
@for_administrators
def decide_role(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Approve or refuse a role that waits."""
    grant, approve = queries.role_request(grant_id), request.POST.get("decision") == "approve"
    attempt(
        request,
        f"{grant.account.username}: {grant.get_role_display().lower()} {'approved' if approve else 'refused'}.",
        lambda: accounts.decide_role(grant, approve=approve, by=account_of(request), now=timezone.now()),
    )
    return redirect("web:administration")


@action
@for_administrators
def top_up(request: HttpRequest) -> HttpResponse:
    """Propose to credit an account with what was paid outside."""
    form = TopUpForm(request.POST)
    if not form.is_valid():
        return _overview(request, form)
    values = form.cleaned_data
    try:
        account = queries.account_named(values["username"].strip())
    except PortalError:
        form.add_error("username", "There is no account of this name.")
        return _overview(request, form)
    wish = asking.Wish(request_id=values["move_id"], amount=Micro(values["amount"]), note=values["note"])
    attempt(
        request,
        f"{amount_text(values['amount'])} for {account.username}: proposed, and approved for your organisation.",
        lambda: proposing.propose_top_up(
            account_of(request), account=account, wish=wish, reference=values["reference"], now=timezone.now()
        ),
        form=form,
    )
    return _overview(request, form) if form.errors else redirect("web:requests")
