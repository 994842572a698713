"""Reads of requests."""

from uuid import UUID

from django.db.models import QuerySet

from portal.accounts.models import Account
from portal.ledger.models import OPEN_REQUESTS, MoneyRequest
from portal.ledger.money.errors import RequestMissing

_PEOPLE = ("account", "asked_by", "first_approved_by", "second_approved_by", "refused_by")


def requests_of(account: Account) -> QuerySet[MoneyRequest]:
    """Return the requests about an account's money, newest first."""
    return MoneyRequest.objects.filter(account=account).order_by("-asked_at")


def all_requests() -> QuerySet[MoneyRequest]:
    """Return every request, newest first: for administrators."""
    return MoneyRequest.objects.select_related(*_PEOPLE).prefetch_related("signatures").order_by("-asked_at")


def open_requests() -> QuerySet[MoneyRequest]:
    """Return what is not ended, oldest first: for administrators."""
    return all_requests().filter(state__in=OPEN_REQUESTS).order_by("asked_at")


def request_for(viewer: Account, request_id: UUID) -> MoneyRequest:
    """Return one request, to whose money it is about and to administrators.

    :raises RequestMissing: to everybody else.
    """
    found = all_requests().filter(id=request_id).first()
    if found is None or (found.account_id != viewer.id and not viewer.is_staff):
        raise RequestMissing
    return found
