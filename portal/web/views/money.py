"""An account's money: balance, statement, deposit."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.ledger import operations, queries
from portal.web.forms.money import DepositForm
from portal.web.views.acting import account_of, action, attempt, page
from wire.money import Micro, credits_text

_LINES = 25


@page
def money(request: HttpRequest) -> HttpResponse:
    """Show balance and statement."""
    return _money_page(request, None)


def _money_page(request: HttpRequest, form: DepositForm | None) -> HttpResponse:
    owner = account_of(request)
    balance = queries.balance(owner.id)
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None  # noqa: PLR2004 - 64 bits
    lines = queries.statement(owner.id, before=before, limit=_LINES)
    shown = {
        "balance": balance,
        "form": form or DepositForm(available_micro=0, initial={"deposit_id": uuid.uuid4()}),
        "lines": lines,
        "older": lines[-1].id if len(lines) >= _LINES else None,
        "is_first": before is None,
        "waiting": queries.waiting_operations(owner.id),
    }
    return render(request, "web/money.html", shown, status=422 if form else 200)


@action
def deposit(request: HttpRequest) -> HttpResponse:
    """Move credits from available to deposit."""
    owner = account_of(request)
    form = DepositForm(request.POST, available_micro=queries.balance(owner.id).available_micro)
    if not form.is_valid():
        if "deposit_id" in form.errors:
            messages.error(request, "Load the page again and repeat it.")
            return redirect("web:money")
        return _money_page(request, form)
    amount, deposit_id = Micro(form.cleaned_data["amount"]), form.cleaned_data["deposit_id"]
    attempt(
        request,
        f"{credits_text(amount)} credits are on their way to your deposit: the ledger confirms it in a moment.",
        lambda: operations.deposit(owner.id, amount=amount, deposit_id=deposit_id, now=timezone.now()),
    )
    return redirect("web:money")
