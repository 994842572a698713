"""Administrators propose top-ups and fees, which is their first approval."""

from datetime import datetime
from uuid import UUID

from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.books import records
from portal.errors import Invalid
from portal.governance.asking import Wish
from portal.governance.content import Fees
from portal.governance.models import GovernedRequest
from portal.governance.storing import propose
from wire.ledger.fees import WHOLE_PPM


def propose_top_up(by: Account, *, account: Account, wish: Wish, reference: str, now: datetime) -> GovernedRequest:
    """Propose to credit an account with what was paid outside, and approve it for one's own organisation.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when it is their own account.
    :raises ReferenceUsed: when the payment was credited before.
    """
    require_administrator(by)
    return propose(by, wish.top_up(account), request_id=wish.request_id, reference=reference, now=now)


def propose_fees(by: Account, *, platform_ppm: int, peers_ppm: int, request_id: UUID, now: datetime) -> GovernedRequest:
    """Propose another fee policy, and approve it for one's own organisation.

    :raises AdministratorsOnly: when `by` is none.
    :raises Invalid: when the shares are more than the whole, or the ledger has not begun.
    """
    require_administrator(by)
    _check_shares(platform_ppm=platform_ppm, peers_ppm=peers_ppm)
    current = records.fee_policy()
    if current is None:
        raise Invalid.field("__all__", "No block of the ledger has been read yet.")
    asked = GovernedRequest.objects.filter(id=request_id).first()
    before = asked.content if asked else None
    version = before.version if isinstance(before, Fees) else current.version + 1
    content = Fees(version=version, platform_ppm=platform_ppm, peers_ppm=peers_ppm)
    return propose(by, content, request_id=request_id, now=now)


def _check_shares(**shares: int) -> None:
    fields = {name: ["Choose 0 to 100 %."] for name, value in shares.items() if not 0 <= value <= WHOLE_PPM}
    if not fields and sum(shares.values()) > WHOLE_PPM:
        fields = {name: ["Together they are more than the whole cost."] for name in shares}
    if fields:
        raise Invalid(fields=fields)
