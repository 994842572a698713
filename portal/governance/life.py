"""The life of a request: every move that there is, and the one function that makes them."""

from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from django.db.models import QuerySet

from portal.governance.content import RequestKind
from portal.governance.errors import RequestMovedOn
from portal.governance.models import GovernedRequest, RequestState

ASKED, APPROVED_ONCE, REFUSED = RequestState.ASKED, RequestState.APPROVED_ONCE, RequestState.REFUSED
APPROVED, PROPOSED, DONE = RequestState.APPROVED, RequestState.PROPOSED, RequestState.DONE
OPENING, REFUSING, FAILED = RequestState.OPENING, RequestState.REFUSING, RequestState.FAILED
_ENDED = (DONE, REFUSED, FAILED)
_ALL = frozenset(RequestKind)
_PAYOUT = frozenset({RequestKind.PAYOUT})
_TOP_UP = frozenset({RequestKind.TOP_UP})


class Arrow(NamedTuple):
    """Where a move leads from and to, for some kinds of request."""

    old: tuple[RequestState, ...]
    new: RequestState
    kinds: frozenset[RequestKind] = _ALL


class Move(Enum):
    """What happens to a request, and where that leads; docs/states.md says each arrow in a sentence."""

    HOLD = (Arrow((OPENING,), ASKED, _PAYOUT),)
    HOLD_REFUSED = (Arrow((OPENING,), REFUSED, _PAYOUT),)
    APPROVE = (Arrow((ASKED,), APPROVED_ONCE), Arrow((APPROVED_ONCE,), APPROVED))
    REFUSE = (
        # One that failed holds money that has to go back.
        Arrow((ASKED, APPROVED_ONCE, FAILED), REFUSING, _PAYOUT),
        Arrow((ASKED, APPROVED_ONCE), REFUSED, _ALL - _PAYOUT),
    )
    WITHDRAW = (
        Arrow((OPENING,), REFUSED, _PAYOUT),
        Arrow((ASKED,), REFUSING, _PAYOUT),
        Arrow((ASKED, APPROVED_ONCE), REFUSED, _TOP_UP),
    )
    PROPOSE = (Arrow((APPROVED,), PROPOSED),)
    # Where it stands is locked while the signature is stored.
    SIGN = (Arrow((PROPOSED,), PROPOSED), Arrow((REFUSING,), REFUSING))
    NOT_SIGN = (Arrow((APPROVED, PROPOSED, REFUSING), FAILED),)
    ENACT = (Arrow((PROPOSED, FAILED), DONE),)
    REJECT = (Arrow((PROPOSED,), FAILED),)
    GIVE_BACK = (Arrow((REFUSING, FAILED), REFUSED, _PAYOUT),)
    GIVE_BACK_REFUSED = (Arrow((REFUSING,), FAILED, _PAYOUT),)


def can(request: GovernedRequest, move: Move) -> bool:
    """Return whether a request is where a move begins."""
    return any(request.kind in arrow.kinds and request.state in arrow.old for arrow in move.value)


def moved(rows: QuerySet[GovernedRequest], move: Move, *, at: datetime, **columns: Any) -> bool:
    """Move the request among `rows`, wherever the move begins, and return whether there was one."""
    return any(
        rows.filter(kind__in=arrow.kinds, state__in=arrow.old).update(
            state=arrow.new, ended_at=at if arrow.new in _ENDED else None, **columns
        )
        for arrow in move.value
    )


def move_on(rows: QuerySet[GovernedRequest], move: Move, *, at: datetime, **columns: Any) -> None:
    """Move the request among `rows`.

    :raises RequestMovedOn: when it is not where the move begins.
    """
    if not moved(rows, move, at=at, **columns):
        raise RequestMovedOn


def as_read(request: GovernedRequest) -> QuerySet[GovernedRequest]:
    """Return the row as long as it stands where it stood when it was read."""
    return GovernedRequest.objects.filter(id=request.id, state=request.state)
