"""Owners ask for a top-up or a payout, and withdraw what they asked for."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal.accounts import throttle
from portal.accounts.models import Account
from portal.accounts.throttle import Attempt
from portal.custody import moving
from portal.custody.ownership import act, unsigned_text
from portal.errors import Invalid
from portal.governance import life
from portal.governance.content import PayoutContent, TopUp
from portal.governance.errors import NotWithdrawable, RequestMissing
from portal.governance.life import Move, as_read
from portal.governance.models import GovernedRequest, RequestState
from portal.governance.storing import checked_note, same, store
from wire.ledger.operations import AskPayout
from wire.money import MAX_MICRO, Micro

log = logging.getLogger(__name__)

WITHDRAWN = "Withdrawn by its owner."


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How much somebody asks for, and what they say about it."""

    #: Made by who asks: the same twice is one request.
    request_id: UUID
    amount: Micro
    #: How it was paid, or where it is to be paid to.
    note: str

    def checked_note(self) -> str:
        """Return the note, once amount and note will do.

        :raises Invalid: when one of them will not.
        """
        if not 0 < self.amount <= MAX_MICRO:
            raise Invalid.field("amount_micro", "Give more than nothing.")
        return checked_note(self.note)

    def top_up(self, account: Account) -> TopUp:
        """Return the content of a request to credit an account.

        :raises Invalid: when amount or note will not do.
        """
        return TopUp(account_id=str(account.id), amount_micro=self.amount, note=self.checked_note())


def ask_top_up(owner: Account, *, wish: Wish, now: datetime) -> GovernedRequest:
    """Ask that what was paid outside is credited.

    :raises TooManyAttempts: when the owner has moved money too often.
    :raises Invalid: when amount or note will not do.
    :raises TooManyRequests: when `MOST_OPEN` are open.
    """
    throttle.count(Attempt.MOVE, owner.id, now)
    with transaction.atomic():
        return store(owner, wish.top_up(owner), request_id=wish.request_id, now=now)


def ask_payout(owner: Account, *, wish: Wish, now: datetime) -> GovernedRequest:
    """Ask for money outside; the ledger holds it at once.

    :raises TooManyAttempts: when the owner has moved money too often.
    :raises Invalid: when amount or note will not do, or it is more than is available.
    :raises TooManyRequests: when `MOST_OPEN` are open.
    :raises SignatureNeeded: when the account is its owner's own; the request waits until its operation is sent in.
    """
    throttle.count(Attempt.MOVE, owner.id, now)
    content = PayoutContent(
        account_id=str(owner.id),
        amount_micro=wish.amount,
        note=wish.checked_note(),
        payout_id=str(wish.request_id),
    )
    request = GovernedRequest.objects.filter(id=wish.request_id).first()
    if request is None:
        moving.check_amount(owner, wish.amount)
        request = _open(owner, content, wish.request_id, now)
    same(request, content)
    if request.state == RequestState.OPENING:
        _hold(owner, request, now)
    return request


def _open(owner: Account, content: PayoutContent, request_id: UUID, now: datetime) -> GovernedRequest:
    with transaction.atomic():
        request = store(owner, content, request_id=request_id, now=now, state=RequestState.OPENING)
        if moving.is_in_custody(owner):
            _hold(owner, request, now)
        return request


def _hold(owner: Account, request: GovernedRequest, now: datetime) -> None:
    act(_to_hold(request), account_id=str(owner.id), subject=request.payout_id, now=now)


def _to_hold(request: GovernedRequest) -> AskPayout:
    owner = str(request.account_id)
    return AskPayout(payout_id=request.payout_id or "", account_id=owner, amount_micro=request.amount_micro)


def needs_signature(request: GovernedRequest) -> bool:
    """Return whether a payout waits for its owner's own key."""
    if request.state != RequestState.OPENING or request.account is None or moving.is_in_custody(request.account):
        return False
    return not _is_under_way(request)


def is_withdrawable(request: GovernedRequest) -> bool:
    """Return whether its owner may still take a request back: no administrator can have paid it."""
    return life.can(request, Move.WITHDRAW) and not (request.state == RequestState.OPENING and _is_under_way(request))


def _is_under_way(request: GovernedRequest) -> bool:
    """Return whether the ledger may still hold a payout's money: what it refused, or was set aside, does not count."""
    return request.account is not None and moving.was_sent(AskPayout, request.payout_id, request.account)


def text_to_sign(request: GovernedRequest) -> str:
    """Return the operation that a payout waits for, as its owner's own key has to sign it.

    :raises RequestMissing: when it waits for no signature.
    """
    if not needs_signature(request):
        raise RequestMissing
    return unsigned_text(str(request.account_id), _to_hold(request), request.payout_id)


def withdraw(request: GovernedRequest, *, by: Account, now: datetime) -> GovernedRequest:
    """Take back one's own request; a payout's money is available again once the treasury's signer has seen it.

    :raises NotWithdrawable: when it is another's, no request for money, or an administrator may have paid it.
    :raises RequestMovedOn: when it was decided meanwhile.
    """
    if not is_withdrawable(request):
        raise NotWithdrawable
    # Signed and sent in after all, a payout is another request.
    payout_id = None if request.state == RequestState.OPENING else request.payout_id
    mine = as_read(request).filter(account=by)
    life.move_on(mine, Move.WITHDRAW, at=now, reason=WITHDRAWN, refused_by=by, payout_id=payout_id)
    request.refresh_from_db()
    log.info("request.withdrawn", extra={"request_id": str(request.id), "account_id": str(by.id)})
    return request
