"""A provider's machines: what they do, what they earned, a new one, the end of one."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal import composition
from portal.accounts.models import Role
from portal.accounts.operations import require_role
from portal.books import earnings as ledger
from portal.invocations import queries as invocations
from portal.providers import operations, queries
from portal.web.forms.providers import MachineForm
from portal.web.pagination import page_of
from portal.web.views.acting import account_of, action, attempt, form_page, page


@page
def providers(request: HttpRequest) -> HttpResponse:
    """Show the account's machines."""
    owner, now = account_of(request), timezone.now()
    online = set(queries.online_providers(now).filter(owner=owner).values_list("id", flat=True))
    rows = page_of(queries.providers_of(owner), request)
    shown = {
        "page": rows,
        "online": online,
        "codes": queries.open_codes_of(owner, now),
        "earned": ledger.earned_by(owner.id),
    }
    return render(request, "web/providers.html", shown)


@form_page
def new_machine(request: HttpRequest) -> HttpResponse:
    """Make a one-time code for a machine; its text is shown this once."""
    owner, now, form = account_of(request), timezone.now(), MachineForm(request.POST or None)
    require_role(owner, Role.PROVIDER)
    made = form.submit(lambda: operations.create_code(owner, name=form.cleaned_data["name"].strip(), now=now))
    shown = {"form": form, "made": made, "portal_url": settings.PORTAL_URL}
    return render(request, "web/new_machine.html", shown, status=422 if form.errors else 200)


@page
def provider(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """Show a machine and its jobs."""
    found = queries.provider_for(account_of(request), provider_id)
    rows = page_of(invocations.jobs_of_provider(found), request)
    shares = ledger.provider_shares([job.id for job in rows.rows])
    shown = {
        "provider": found,
        "is_online": queries.online_providers(timezone.now()).filter(id=found.id).exists(),
        "page": rows,
        "jobs": [(job, shares.get(job.id)) for job in rows.rows],
    }
    return render(request, "web/provider.html", shown)


@action
def revoke(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """Take a machine out for good."""
    found = queries.provider_for(account_of(request), provider_id)
    attempt(
        request,
        f"{found.name} is revoked: it gets no more jobs and is signed out of the broker.",
        lambda: operations.revoke_provider(
            found, broker=composition.broker_admin(), now=timezone.now(), registrar=composition.registrar()
        ),
    )
    return redirect("web:provider", found.id)
