"""Accounts with a key of their own: handing one over, and taking in what its key signed."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from portal.accounts import passwords
from portal.custody import handing_over, submissions
from portal.custody.ownership import own_key_of
from portal.governance import asking, queries
from portal.outbox import queries as ledger
from portal.web.forms.owning import OwnKeyForm, SignedForm
from portal.web.views.acting import account_of, action, attempt, form_page, page
from portal.web.views.asking_to_sign import signing_page
from wire.ledger.operations import OwnAccount, PublishVersion

_REQUESTS = 10


@sensitive_post_parameters("password")
@form_page
def own_key(request: HttpRequest) -> HttpResponse:
    """Say what a key of one's own means; hand the account over to it."""
    owner, form = account_of(request), OwnKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values, now = form.cleaned_data, timezone.now()

        def act() -> None:
            passwords.confirm_password(owner, password=values["password"], now=now)
            handing_over.hand_over(owner.id, public_key_pem=values["public_key_pem"], proof=values["proof"], now=now)

        attempt(request, "Your account goes over to your own key: the ledger confirms it in a moment.", act, form=form)
        if not form.errors:
            return redirect("web:own_key")
    waiting = [item for item in ledger.waiting_operations(owner.id) if item.kind == OwnAccount.kind]
    shown = {
        "form": form,
        "key_id": own_key_of(str(owner.id)),
        "is_waiting": bool(waiting),
        "requests": queries.key_requests_of(owner)[:_REQUESTS],
    }
    return render(request, "web/own_key.html", shown, status=422 if form.errors else 200)


@page
def payout_to_sign(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show the operation that a payout waits for."""
    found = queries.request_of(account_of(request), request_id)
    return signing_page(request, asking.text_to_sign(found))


@action
def send_signed(request: HttpRequest) -> HttpResponse:
    """Send an operation to the ledger that the account's own key signed."""
    owner, form = account_of(request), SignedForm(request.POST)
    now = timezone.now()
    kind = form.submit(lambda: submissions.send_own(owner.id, form.cleaned_data["operation"].strip(), now=now))
    if form.errors:
        return signing_page(request, form.data.get("text", ""), form)
    if kind == PublishVersion.kind:
        messages.success(request, "Signed. Once the ledger has it, in a moment, publish the version again.")
        return redirect("web:functions")
    messages.success(request, "Signed, and on the way: the ledger confirms it in a moment.")
    return redirect("web:money")
