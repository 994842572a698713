"""Administrators approve and refuse: two of different organisations, each for exactly what they saw."""

import logging
import re
from datetime import datetime

from django.db.models import QuerySet

from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.books import records
from portal.errors import Invalid
from portal.governance import content, life
from portal.governance.errors import ApprovedBefore, NoOrganisation, OwnMoney, ReferenceUsed, RequestMovedOn
from portal.governance.life import Move, as_read
from portal.governance.models import OF_MONEY, GovernedRequest, RequestState
from portal.governance.parties import is_party

log = logging.getLogger(__name__)

LONGEST_REASON = 200
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def approve(request: GovernedRequest, *, by: Account, seen: str, reference: str, now: datetime) -> GovernedRequest:
    """Approve a request for one's own organisation; the first who does names the payment's reference.

    `seen` is the digest of what the administrator was shown.

    :raises AdministratorsOnly: when `by` is none.
    :raises NoOrganisation: when the administrator has none.
    :raises OwnMoney: when it is about money, a key or a job of the administrator's own.
    :raises ApprovedBefore: when the administrator or the organisation did.
    :raises ReferenceUsed: when the payment was used for another request.
    :raises RequestMovedOn: when it is not what was seen any more, or was decided.
    """
    _require_approver(by, request)
    if content.digest(request) != seen:
        raise RequestMovedOn
    if request.state == RequestState.ASKED:
        _first(request, by, reference, now)
    elif request.state == RequestState.APPROVED_ONCE:
        _second(request, by, now)
    else:
        raise RequestMovedOn
    request.refresh_from_db()
    log.info(
        "request.approved",
        extra={"request_id": str(request.id), "administrator_id": str(by.id), "organisation": by.organisation},
    )
    return request


def _first(request: GovernedRequest, by: Account, reference: str, now: datetime) -> None:
    unchanged = _unchanged(request)
    if request.kind in OF_MONEY:
        request.reference = _checked_reference(request, reference)
    columns = {
        "reference": request.reference,
        "first_approved_by": by,
        "first_approved_at": now,
        "first_organisation": by.organisation,
        "first_digest": content.digest(request),
    }
    life.move_on(unchanged.filter(state=RequestState.ASKED), Move.APPROVE, at=now, **columns)


def _second(request: GovernedRequest, by: Account, now: datetime) -> None:
    if request.first_approved_by_id == by.id or request.first_organisation == by.organisation:
        raise ApprovedBefore
    waiting = _unchanged(request).filter(state=RequestState.APPROVED_ONCE, first_digest=content.digest(request))
    columns = {
        "second_approved_by": by,
        "second_approved_at": now,
        "second_organisation": by.organisation,
        "second_digest": content.digest(request),
    }
    others = waiting.exclude(first_approved_by=by).exclude(first_organisation=by.organisation)
    life.move_on(others, Move.APPROVE, at=now, **columns)


def refuse(request: GovernedRequest, *, by: Account, reason: str, now: datetime) -> GovernedRequest:
    """Refuse a request, with a reason; a payout's money goes back to its owner.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when it is about money, a key or a job of the administrator's own.
    :raises Invalid: when there is no reason.
    :raises RequestMovedOn: when it was decided.
    """
    _require_approver(by, request)
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise Invalid.field("reason", f"Say why in one line of at most {LONGEST_REASON} characters.")
    life.move_on(as_read(request), Move.REFUSE, at=now, reason=reason, refused_by=by)
    request.refresh_from_db()
    log.info("request.refused", extra={"request_id": str(request.id), "administrator_id": str(by.id)})
    return request


def _unchanged(request: GovernedRequest) -> QuerySet[GovernedRequest]:
    """Return the row as long as it says what was read from it."""
    return GovernedRequest.objects.filter(id=request.id, **{name: getattr(request, name) for name in content.CONTENT})


def _require_approver(by: Account, request: GovernedRequest) -> None:
    require_administrator(by)
    if not by.organisation:
        raise NoOrganisation
    if is_party(by, request):
        raise OwnMoney


def _checked_reference(request: GovernedRequest, reference: str) -> str:
    if not _REFERENCE.fullmatch(reference):
        raise Invalid.field("reference", "Use 1 to 64 letters, digits and . _ : -, such as invoice-2026-17.")
    over = (RequestState.REFUSED, RequestState.FAILED)
    others = GovernedRequest.objects.filter(reference=reference).exclude(id=request.id).exclude(state__in=over)
    if records.reference_used(reference) or others.exists():
        raise ReferenceUsed
    return reference
