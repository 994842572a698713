"""Owners ask for a top-up or a payout; administrators propose top-ups and fees, which is their first approval."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from chaincode.contracts.genesis import WHOLE_PPM
from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.errors import Invalid
from portal.ledger.models import GovernedRequest, RequestKind, RequestState
from portal.ledger.money import moving, standing
from portal.ledger.requests import approving, content
from portal.ledger.requests.errors import RequestMovedOn, TooManyRequests
from wire.money import MAX_MICRO, Micro

MOST_OPEN = 20
LONGEST_NOTE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How much somebody asks for, and what they say about it."""

    #: Made by who asks: the same twice is one request.
    request_id: UUID
    amount: Micro
    #: How it was paid, or where it is to be paid to.
    note: str


def ask_top_up(owner: Account, *, wish: Wish, now: datetime) -> GovernedRequest:
    """Ask that what was paid outside is credited.

    :raises Invalid: when amount or note will not do.
    :raises TooManyRequests: when `MOST_OPEN` are open.
    """
    _check(wish)
    with transaction.atomic():
        return _store(owner, _columns(RequestKind.TOP_UP, owner, wish), wish.request_id, now)


def ask_payout(owner: Account, *, wish: Wish, now: datetime) -> GovernedRequest:
    """Ask for money outside; the ledger holds it at once.

    :raises Invalid: when amount or note will not do, or it is more than is available.
    :raises TooManyRequests: when `MOST_OPEN` are open.
    :raises OwnKey: when the account is not in custody any more.
    """
    _check(wish)
    columns = _columns(RequestKind.PAYOUT, owner, wish)
    asked = GovernedRequest.objects.filter(id=wish.request_id).first()
    if asked is not None:
        return _same(asked, columns)
    moving.check_amount(owner, wish.amount)
    with transaction.atomic():
        request = _store(owner, columns | {"state": RequestState.OPENING}, wish.request_id, now)
        moving.ask_to_hold(owner, amount=wish.amount, payout_id=request.id, now=now)
        return request


def propose_top_up(by: Account, *, account: Account, wish: Wish, reference: str, now: datetime) -> GovernedRequest:
    """Propose to credit an account with what was paid outside, and approve it for one's own organisation.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when it is their own account.
    :raises ReferenceUsed: when the payment was credited before.
    """
    require_administrator(by)
    _check(wish)
    columns = _columns(RequestKind.TOP_UP, account, wish)
    return _propose(by, columns, wish.request_id, reference=reference, now=now)


def propose_fees(by: Account, *, platform_ppm: int, peers_ppm: int, request_id: UUID, now: datetime) -> GovernedRequest:
    """Propose another fee policy, and approve it for one's own organisation.

    :raises AdministratorsOnly: when `by` is none.
    :raises Invalid: when the shares are more than the whole, or the ledger has not begun.
    """
    require_administrator(by)
    _check_shares(platform_ppm=platform_ppm, peers_ppm=peers_ppm)
    current = standing.fee_policy()
    if current is None:
        raise Invalid.field("__all__", "No block of the ledger has been read yet.")
    asked = GovernedRequest.objects.filter(id=request_id).first()
    columns = {
        "kind": RequestKind.FEES,
        "account": None,
        "fee_version": asked.fee_version if asked else current.version + 1,
        "platform_ppm": platform_ppm,
        "peers_ppm": peers_ppm,
    }
    return _propose(by, columns, request_id, reference="", now=now)


def _propose(
    by: Account, columns: Mapping[str, object], request_id: UUID, *, reference: str, now: datetime
) -> GovernedRequest:
    with transaction.atomic():
        request = _store(by, columns, request_id, now)
        if request.state == RequestState.ASKED:
            return approving.approve(request, by=by, seen=content.digest(request), reference=reference, now=now)
        if request.first_approved_by_id != by.id or request.reference != reference:
            raise RequestMovedOn
        return request


def _columns(kind: RequestKind, account: Account, wish: Wish) -> dict[str, object]:
    return {"kind": kind, "account": account, "amount_micro": wish.amount, "note": wish.note.strip()}


def _store(by: Account, columns: Mapping[str, object], request_id: UUID, now: datetime) -> GovernedRequest:
    defaults = {"state": RequestState.ASKED, **columns, "asked_by": by, "asked_at": now}
    if GovernedRequest.objects.filter(asked_by=by, ended_at__isnull=True).exclude(id=request_id).count() >= MOST_OPEN:
        raise TooManyRequests
    request, created = GovernedRequest.objects.get_or_create(id=request_id, defaults=defaults)
    return request if created else _same(request, columns)


def _same(request: GovernedRequest, columns: Mapping[str, object]) -> GovernedRequest:
    """Return a request that was asked before; other content under its id is another request's."""
    for name, value in columns.items():
        if name != "state" and getattr(request, name) != value:
            raise RequestMovedOn
    return request


def _check(wish: Wish) -> None:
    fields: dict[str, list[str]] = {}
    if not 0 < wish.amount <= MAX_MICRO:
        fields["amount_micro"] = ["Give more than nothing."]
    note = wish.note.strip()
    if not 1 <= len(note) <= LONGEST_NOTE or not note.isprintable():
        fields["note"] = [f"Use 1 to {LONGEST_NOTE} characters in one line."]
    if fields:
        raise Invalid(fields=fields)


def _check_shares(**shares: int) -> None:
    fields = {name: ["Choose 0 to 100 %."] for name, value in shares.items() if not 0 <= value <= WHOLE_PPM}
    if not fields and sum(shares.values()) > WHOLE_PPM:
        fields = {name: ["Together they are more than the whole cost."] for name in shares}
    if fields:
        raise Invalid(fields=fields)
