"""Administrators approve and refuse: two of different organisations, each for exactly what they saw."""

import logging
import re
from datetime import datetime

from django.db import transaction

from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.books import records
from portal.errors import Invalid
from portal.governance import life
from portal.governance.content import OF_MONEY, to_columns
from portal.governance.errors import ApprovedBefore, NoOrganisation, OwnMoney, ReferenceUsed, RequestMovedOn
from portal.governance.life import Move, as_read
from portal.governance.models import GovernedRequest, RequestState
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
    if request.digest != seen or not life.can(request, Move.APPROVE):
        raise RequestMovedOn
    unchanged = as_read(request).filter(**to_columns(request.content))
    before = request.approvals.all()
    if any(by.id == given.by_id or by.organisation == given.organisation for given in before):
        raise ApprovedBefore
    if request.state == RequestState.APPROVED_ONCE:
        if {given.digest for given in before} != {request.digest}:
            raise RequestMovedOn
    elif request.kind in OF_MONEY:
        request.reference = _checked_reference(request, reference)
    with transaction.atomic():
        life.move_on(unchanged, Move.APPROVE, at=now, reference=request.reference)
        request.approvals.create(by=by, organisation=by.organisation, at=now, digest=request.digest)
    request.refresh_from_db()
    log.info(
        "request.approved",
        extra={"request_id": str(request.id), "administrator_id": str(by.id), "organisation": by.organisation},
    )
    return request


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
