"""Operators of peers ask to be taken in; administrators of both organisations decide."""

from datetime import datetime
from uuid import UUID

from portal.accounts.models import Account
from portal.books import records
from portal.governance.content import NewOperator, RequestKind
from portal.governance.models import GovernedRequest
from portal.governance.storing import store
from wire.ledger import state_keys
from wire.ledger.records import OperatorRecord
from wire.signing import PublicKey

_NOTE = "Joined with a peer of its own."


def ask_to_be_operator(owner: Account, *, public_key_pem: str, request_id: UUID, now: datetime) -> None:
    """Ask that both organisations take an account in; nothing to ask where that is done or waits.

    :raises TooManyRequests: when the account has as many open requests as it may have.
    """
    if records.record(OperatorRecord, state_keys.operator(str(owner.id))) or open_request(owner):
        return
    content = NewOperator(
        account_id=str(owner.id),
        public_key_pem=public_key_pem,
        key_id=PublicKey.from_pem(public_key_pem).key_id,
        note=_NOTE,
    )
    store(owner, content, request_id=request_id, now=now)


def open_request(owner: Account) -> GovernedRequest | None:
    """Return the request of an account to be taken in that is not ended."""
    return GovernedRequest.objects.filter(account=owner, kind=RequestKind.OPERATOR, ended_at__isnull=True).first()
