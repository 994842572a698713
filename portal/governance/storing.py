"""How a request comes into the database: once for each id that who asks has made, and so many at one time."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal.accounts.models import Account
from portal.errors import Invalid
from portal.governance import approving
from portal.governance.content import Content, to_columns
from portal.governance.errors import RequestMovedOn, TooManyRequests
from portal.governance.models import GovernedRequest, RequestState

MOST_OPEN = 20
LONGEST_NOTE = 200


def store(
    by: Account, content: Content, *, request_id: UUID, now: datetime, state: RequestState = RequestState.ASKED
) -> GovernedRequest:
    """Store a request; asked before with the same content, it is the one that was stored then.

    :raises TooManyRequests: when `MOST_OPEN` are open.
    :raises RequestMovedOn: when the id is that of another request.
    """
    columns = {**to_columns(content), "state": state, "asked_by": by, "asked_at": now}
    open_ones = GovernedRequest.objects.filter(asked_by=by, ended_at__isnull=True).exclude(id=request_id)
    if open_ones.count() >= MOST_OPEN:
        raise TooManyRequests
    request, created = GovernedRequest.objects.get_or_create(id=request_id, defaults=columns)
    return request if created else same(request, content)


def same(request: GovernedRequest, content: Content) -> GovernedRequest:
    """Return a request that was asked before; other content under its id is another request's.

    :raises RequestMovedOn: when it is.
    """
    for name, value in to_columns(content).items():
        # The reference is named later.
        if name != "reference" and getattr(request, name) != value:
            raise RequestMovedOn
    return request


def propose(by: Account, content: Content, *, request_id: UUID, now: datetime, reference: str = "") -> GovernedRequest:
    """Store a request of an administrator, which approves it for the administrator's own organisation.

    :raises RequestMovedOn: when the id is that of another request.
    """
    with transaction.atomic():
        request = store(by, content, request_id=request_id, now=now)
        if request.state == RequestState.ASKED:
            return approving.approve(request, by=by, seen=request.digest, reference=reference, now=now)
        first = request.approvals.first()
        if first is None or first.by_id != by.id or request.reference != reference:
            raise RequestMovedOn
        return request


def checked_note(note: str, *, field: str = "note") -> str:
    """Return what somebody says about a request, in one line.

    :raises Invalid: when it is empty, too long, or not one line.
    """
    note = note.strip()
    if not 1 <= len(note) <= LONGEST_NOTE or not note.isprintable():
        raise Invalid.field(field, f"Use 1 to {LONGEST_NOTE} characters in one line.")
    return note
