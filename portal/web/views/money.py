"""An account's money: balance, statement, what moves it, and what the account asked for."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.accounts.models import Account
from portal.accounts.zones import zone_of
from portal.books import queries, records, statement, statement_csv
from portal.books.statement import StatementLine
from portal.custody import moving
from portal.custody.ownership import own_key_of
from portal.errors import Invalid
from portal.governance import asking
from portal.governance import queries as requests
from portal.governance.models import GovernedRequest
from portal.outbox import queries as outbox
from portal.streaming import streamed
from portal.web.costs import amount_text
from portal.web.forms.money import AskPayoutForm, AskTopUpForm, DepositForm, MoneyForm, NoticeForm, TransferForm
from portal.web.pagination import before_of
from portal.web.views.acting import account_of, action, attempt, page
from wire.money import Micro

#: An event may make two lines: paid and earned, by an account that is both.
_EVENTS = 25
_REQUESTS = 10
_FORMS: tuple[type[MoneyForm], ...] = (DepositForm, NoticeForm, TransferForm, AskTopUpForm, AskPayoutForm)


@page
def money(request: HttpRequest) -> HttpResponse:
    """Show balance and statement."""
    return _money_page(request)


def _money_page(request: HttpRequest, failed: MoneyForm | None = None) -> HttpResponse:
    owner = account_of(request)
    before = before_of(request)
    lines, older = _older(statement.statement(owner.id, before=before, limit=_EVENTS + 1))
    forms = {form.name: form() for form in _FORMS}
    if failed is not None:
        forms[failed.name] = failed
    shown = {
        "balance": queries.balance(owner.id),
        "forms": forms,
        "failed": failed.name if failed else "",
        "notice": records.notice(owner.id),
        "now": timezone.now(),
        "requests": [_asked(item) for item in requests.requests_of(owner).select_related("account")[:_REQUESTS]],
        "has_own_key": own_key_of(str(owner.id)) is not None,
        "lines": lines,
        "older": older,
        "is_first": before is None,
        "waiting": outbox.waiting_operations(owner.id),
    }
    return render(request, "web/money.html", shown, status=422 if failed else 200)


def _asked(item: GovernedRequest) -> dict[str, object]:
    return {
        "item": item,
        "needs_signature": asking.needs_signature(item),
        "is_withdrawable": asking.is_withdrawable(item),
    }


def _older(lines: Sequence[StatementLine]) -> tuple[Sequence[StatementLine], int | None]:
    """Return the lines of one page, and where the next one begins if there is one."""
    events = list(dict.fromkeys(line.id for line in lines))
    if len(events) <= _EVENTS:
        return lines, None
    return [line for line in lines if line.id != events[-1]], events[-2]


@page
def statement_file(request: HttpRequest) -> StreamingHttpResponse:
    """Download the statement as CSV."""
    owner = account_of(request)
    parts = statement_csv.csv_pages(owner.id, zone=zone_of(owner), before=before_of(request))
    return streamed(request, parts, content_type="text/csv; charset=utf-8", name="statement.csv")


@action
def deposit(request: HttpRequest) -> HttpResponse:
    """Move credits from available to deposit."""
    owner, form = account_of(request), DepositForm(request.POST)

    def act(amount: Micro, move_id: UUID) -> object:
        return moving.deposit(owner, amount=amount, deposit_id=move_id, now=timezone.now())

    return _move(request, form, "{amount} on the way to your deposit: the ledger confirms it in a moment.", act)


@action
def notice(request: HttpRequest) -> HttpResponse:
    """Announce that part of the deposit is wanted back."""
    owner, form = account_of(request), NoticeForm(request.POST)

    def act(amount: Micro, move_id: UUID) -> object:
        return moving.give_notice(owner, amount=amount, notice_id=move_id, now=timezone.now())

    return _move(request, form, "Notice of {amount} on the way to the ledger.", act)


@action
def withdraw(request: HttpRequest) -> HttpResponse:
    """Take back what a notice named."""
    owner = account_of(request)
    move_id = _move_id(request)
    if move_id is not None:
        attempt(
            request,
            "The withdrawal is on the way to the ledger.",
            lambda: moving.withdraw(owner, withdrawal_id=move_id, now=timezone.now()),
        )
    return redirect("web:money")


def _move_id(request: HttpRequest) -> UUID | None:
    """Return the id that a page made for an action; none when there is none."""
    try:
        return UUID(request.POST.get("move_id", ""))
    except ValueError:
        messages.error(request, "Load the page again and repeat it.")
        return None


@action
def transfer(request: HttpRequest) -> HttpResponse:
    """Show what a transfer would do; once that is confirmed, move the credits."""
    owner, form = account_of(request), TransferForm(request.POST)

    def act(amount: Micro, move_id: UUID) -> object:
        to = form.cleaned_data["to"]
        return moving.transfer(owner, to=to, amount=amount, transfer_id=move_id, now=timezone.now())

    if request.POST.get("confirmed") == "yes" or not _would_do(owner, form):
        return _move(request, form, "{amount} on the way: the ledger confirms it in a moment.", act)
    return render(request, "web/transfer.html", {"form": form, "values": form.cleaned_data})


def _would_do(owner: Account, form: TransferForm) -> bool:
    if not form.is_valid():
        return False
    try:
        moving.check_transfer(owner, to=moving.recipient(form.cleaned_data["to"]), amount=form.cleaned_data["amount"])
    except Invalid as refused:
        form.show(refused)
        return False
    return True


@action
def top_up(request: HttpRequest) -> HttpResponse:
    """Ask that what was paid outside is credited."""
    return _ask(request, AskTopUpForm(request.POST), asking.ask_top_up)


@action
def payout(request: HttpRequest) -> HttpResponse:
    """Ask for money outside."""
    return _ask(request, AskPayoutForm(request.POST), asking.ask_payout)


def _ask(request: HttpRequest, form: MoneyForm, ask: Callable[..., object]) -> HttpResponse:
    owner = account_of(request)

    def act(amount: Micro, move_id: UUID) -> object:
        wish = asking.Wish(request_id=move_id, amount=amount, note=form.cleaned_data["note"])
        return ask(owner, wish=wish, now=timezone.now())

    return _move(request, form, "You asked for {amount}. Two administrators decide on it.", act)


@action
def withdraw_request(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Take back what was asked for."""
    owner = account_of(request)
    found = requests.request_of(owner, request_id)
    attempt(request, "Withdrawn.", lambda: asking.withdraw(found, by=owner, now=timezone.now()))
    return redirect("web:money")


def _move(request: HttpRequest, form: MoneyForm, done: str, act: Callable[[Micro, UUID], object]) -> HttpResponse:
    """Act once with what the form says; show the form again with what is wrong with it."""
    if not form.is_valid():
        if "move_id" in form.errors:
            messages.error(request, "Load the page again and repeat it.")
            return redirect("web:money")
        return _money_page(request, form)
    amount, move_id = Micro(form.cleaned_data["amount"]), form.cleaned_data["move_id"]
    attempt(request, done.format(amount=amount_text(amount)), lambda: act(amount, move_id), form=form)
    if form.errors:
        return _money_page(request, form)
    return redirect("web:money")
