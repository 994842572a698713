"""The ledger: blocks and transactions for every participant; records of jobs and accounts for their parties."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts.models import Account, Role
from portal.errors import NotThere
from portal.ledger import queries
from portal.providers.queries import providers_of
from portal.web.views.acting import account_of, page

_BLOCKS = 25


@page
def blocks(request: HttpRequest) -> HttpResponse:
    """Show the newest blocks."""
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None  # noqa: PLR2004 - 64 bits
    rows = queries.latest_blocks(before=before, limit=_BLOCKS)
    shown = {"blocks": rows, "older": rows[-1].number if len(rows) >= _BLOCKS else None, "is_first": before is None}
    return render(request, "web/ledger/blocks.html", shown)


@page
def block(request: HttpRequest, number: int) -> HttpResponse:
    """Show a block."""
    found = queries.block(number)
    if found is None:
        raise NotThere("The ledger has no such block.")
    shown = {"detail": found, "newer": number + 1, "older": number - 1 if number else None}
    return render(request, "web/ledger/block.html", shown)


@page
def transaction(request: HttpRequest, transaction_id: str) -> HttpResponse:
    """Show a transaction: what was asked, and what it changed."""
    found = queries.transaction(transaction_id)
    if found is None:
        raise NotThere("The ledger has no such transaction.")
    return render(request, "web/ledger/transaction.html", {"detail": found})


@page
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show a job's record to its developer, its provider, peers and administrators."""
    viewer = account_of(request)
    found = queries.job(job_id)
    if found is None or not (_sees_all(viewer) or _is_party(viewer, found)):
        raise NotThere("The ledger has no such job, or you have no part in it.")
    return render(request, "web/ledger/job.html", {"job": found, "record": found.record})


@page
def account(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show an account's money to its owner, peers and administrators."""
    viewer = account_of(request)
    if account_id != viewer.id and not _sees_all(viewer):
        raise NotThere("The ledger has no such account, or it is not yours.")
    shown = {"balance": queries.balance(account_id), "lines": queries.statement(account_id)}
    return render(request, "web/ledger/account.html", shown)


def _sees_all(viewer: Account) -> bool:
    return viewer.is_staff or viewer.has_role(Role.PEER)


def _is_party(viewer: Account, found: queries.JobView) -> bool:
    if found.record["developer_id"] == str(viewer.id):
        return True
    return providers_of(viewer).filter(id=found.record["provider_id"]).exists()
