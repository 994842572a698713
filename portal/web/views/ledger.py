"""The ledger: blocks for every participant; records and changes for those whom they concern."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.books import queries, statement, visibility
from portal.web.pagination import before_of
from portal.web.views.acting import account_of, page

_BLOCKS = 25


@page
def blocks(request: HttpRequest) -> HttpResponse:
    """Show the newest blocks."""
    before = before_of(request)
    rows = queries.latest_blocks(before=before, limit=_BLOCKS)
    shown = {"blocks": rows, "older": rows[-1].number if len(rows) >= _BLOCKS else None, "is_first": before is None}
    return render(request, "web/ledger/blocks.html", shown)


@page
def block(request: HttpRequest, number: int) -> HttpResponse:
    """Show a block."""
    found = visibility.block_for(account_of(request), number)
    shown = {"detail": found, "newer": number + 1, "older": number - 1 if number else None}
    return render(request, "web/ledger/block.html", shown)


@page
def transaction(request: HttpRequest, transaction_id: str) -> HttpResponse:
    """Show a transaction: what was asked and what it changed, as far as it concerns the viewer."""
    viewer = account_of(request)
    found = visibility.transaction_for(viewer, transaction_id)
    return render(request, "web/ledger/transaction.html", {"detail": found, "sees_all": visibility.sees_all(viewer)})


@page
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show a job's record."""
    found = visibility.job_for(account_of(request), job_id)
    return render(request, "web/ledger/job.html", {"job": found, "record": found.record})


@page
def account(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show an account's money."""
    balance = visibility.balance_for(account_of(request), str(account_id))
    shown = {"balance": balance, "lines": statement.statement(account_id)}
    return render(request, "web/ledger/account.html", shown)
