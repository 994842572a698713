"""The first page: what this is to a visitor, what to do next to an account."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts import queries as accounts
from portal.accounts.models import Account, RoleState
from portal.books import queries as ledger
from portal.functions import queries as functions
from portal.invocations import queries as invocations
from portal.providers import queries as providers
from portal.providers.models import Provider

_LATEST = 8


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Show the landing page or the dashboard."""
    if not isinstance(request.user, Account):
        return render(request, "web/landing.html")
    account, now = request.user, timezone.now()
    shown = {
        "functions": functions.functions_of(account)[:_LATEST],
        "providers": _machines(account, now),
        "balance": ledger.balance(account.id),
        "invocations": invocations.invocations_of(account)[:_LATEST],
        "waiting_roles": accounts.roles_of(account).exclude(state=RoleState.ACTIVE),
    }
    return render(request, "web/dashboard.html", shown)


def _machines(account: Account, now: datetime) -> list[tuple[Provider, bool]]:
    """Return the account's machines, and whether each is online."""
    online = set(providers.online_providers(now).filter(owner=account).values_list("id", flat=True))
    active = providers.active_providers().filter(owner=account).order_by("name")
    return [(item, item.id in online) for item in active[:_LATEST]]
