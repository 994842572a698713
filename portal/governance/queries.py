"""Reads of requests."""

from uuid import UUID

from django.db.models import QuerySet

from portal.accounts.models import Account
from portal.governance.content import OF_MONEY
from portal.governance.errors import RequestMissing
from portal.governance.models import GovernedRequest, RequestState

_PEOPLE = ("account", "asked_by", "refused_by")


def requests_of(account: Account) -> QuerySet[GovernedRequest]:
    """Return the requests about an account's money, newest first."""
    return _about(account).filter(kind__in=OF_MONEY)


def key_requests_of(account: Account) -> QuerySet[GovernedRequest]:
    """Return the requests about an account's own key and its machines' keys, newest first."""
    return _about(account).exclude(kind__in=OF_MONEY)


def _about(account: Account) -> QuerySet[GovernedRequest]:
    return GovernedRequest.objects.filter(account=account).prefetch_related("approvals").order_by("-asked_at")


def all_requests() -> QuerySet[GovernedRequest]:
    """Return every request, newest first: for administrators."""
    requests = GovernedRequest.objects.select_related(*_PEOPLE).prefetch_related("approvals__by", "signatures")
    return requests.order_by("-asked_at")


def open_requests() -> QuerySet[GovernedRequest]:
    """Return what is not ended, oldest first: for administrators; what still opens is not theirs yet."""
    waiting = all_requests().filter(ended_at__isnull=True).exclude(state=RequestState.OPENING)
    return waiting.order_by("asked_at")


def ended_requests() -> QuerySet[GovernedRequest]:
    """Return what is ended, newest first: for administrators."""
    return all_requests().filter(ended_at__isnull=False)


def request_of(owner: Account, request_id: UUID) -> GovernedRequest:
    """Return one request about an account's own money.

    :raises RequestMissing: to everybody else.
    """
    found = requests_of(owner).filter(id=request_id).first()
    if found is None:
        raise RequestMissing
    return found


def request_for(viewer: Account, request_id: UUID) -> GovernedRequest:
    """Return one request, to whose money it is about and to administrators.

    :raises RequestMissing: to everybody else.
    """
    found = all_requests().filter(id=request_id).first()
    if found is None or (found.account_id != viewer.id and not viewer.is_staff):
        raise RequestMissing
    return found
