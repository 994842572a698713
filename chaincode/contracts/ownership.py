"""Who moves an account's money: custody, until the owner has a key of its own; then only that key."""

from collections.abc import Iterator

from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from wire.ledger import state_keys
from wire.ledger.records import Owner
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole

#: Accounts that belong to an organisation: its authority moves their money. The bond's moves by claims only.
_STEWARDS = {state_keys.PLATFORM_ACCOUNT: "controller", state_keys.PEERS_ACCOUNT: "peers"}


def reads(account_id: str) -> Iterator[str]:
    """Name the keys that the question needs."""
    yield state_keys.owner(account_id)
    yield state_keys.account(account_id)


def require_owner(ctx: Context, account_id: str) -> None:
    """Let only the account's owner pass, or custody for it.

    :raises Refused: `not_authorised` for all others.
    """
    if account_id in state_keys.RESERVED_ACCOUNTS:
        ctx.require(KeyRole.AUTHORITY)
        if _STEWARDS.get(account_id) != ctx.author.holder:
            raise Refused(Refusal.NOT_AUTHORISED, f"account {account_id} belongs to another organisation or to none")
    elif ctx.cache.get(Owner, state_keys.owner(account_id)):
        ctx.require(KeyRole.OWNER)
        if ctx.author.holder != account_id:
            raise Refused(Refusal.NOT_AUTHORISED, f"account {account_id} is not the author's")
    else:
        ctx.require(KeyRole.CUSTODY)
