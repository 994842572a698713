"""An account's money: balance, statement, deposit."""

import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.accounts import throttle
from portal.accounts.models import Account
from portal.ledger import operations, queries
from portal.ledger.queries import StatementLine
from portal.web.costs import amount_text
from portal.web.forms.money import DepositForm
from portal.web.pagination import before_of
from portal.web.views.acting import account_of, action, attempt, page
from wire.money import Micro

#: An event may make two lines: paid and earned, by an account that is both.
_EVENTS = 25


@page
def money(request: HttpRequest) -> HttpResponse:
    """Show balance and statement."""
    return _money_page(request, None)


def _money_page(request: HttpRequest, form: DepositForm | None) -> HttpResponse:
    owner = account_of(request)
    balance = queries.balance(owner.id)
    before = before_of(request)
    lines, older = _older(queries.statement(owner.id, before=before, limit=_EVENTS + 1))
    shown = {
        "balance": balance,
        "form": form or DepositForm(available_micro=0, initial={"deposit_id": uuid.uuid4()}),
        "lines": lines,
        "older": older,
        "is_first": before is None,
        "waiting": queries.waiting_operations(owner.id),
    }
    return render(request, "web/money.html", shown, status=422 if form else 200)


def _older(lines: Sequence[StatementLine]) -> tuple[Sequence[StatementLine], int | None]:
    """Return the lines of one page, and where the next one begins if there is one."""
    events = list(dict.fromkeys(line.id for line in lines))
    if len(events) <= _EVENTS:
        return lines, None
    return [line for line in lines if line.id != events[-1]], events[-2]


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
        f"{amount_text(amount)} on the way to your deposit: the ledger confirms it in a moment.",
        lambda: _deposit(owner, amount, deposit_id),
    )
    return redirect("web:money")


def _deposit(owner: Account, amount: Micro, deposit_id: uuid.UUID) -> None:
    now = timezone.now()
    throttle.limit_deposits(owner, now)
    operations.deposit(owner.id, amount=amount, deposit_id=deposit_id, now=now)
