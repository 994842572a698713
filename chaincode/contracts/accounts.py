"""Movements of money between the parts of accounts. Nothing here creates or destroys any, or asks whether it may."""

from dataclasses import replace

from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from wire.ledger import state_keys
from wire.ledger.fees import shares
from wire.ledger.records import AccountRecord, Delta, FeePolicy
from wire.ledger.refusals import Refusal

#: Credits that one operation folds at most: a batch stays bounded.
FOLDED_AT_ONCE = 500


def account(ctx: Context, account_id: str) -> AccountRecord:
    """Return an account; one that never had money has none."""
    return ctx.cache.get(AccountRecord, state_keys.account(account_id)) or AccountRecord()


def open_account(ctx: Context, account_id: str) -> None:
    """Make an account known, so that money can be sent to it."""
    store(ctx, account_id, account(ctx, account_id))


def plain(value: AccountRecord) -> dict[str, int]:
    """Return an account as events show it."""
    return {"available": value.available, "deposit": value.deposit, "held": value.held}


def fold(ctx: Context, account_id: str) -> AccountRecord:
    """Add credits that wait as delta rows to an account's available."""
    total = 0
    for key, delta in list(ctx.cache.items(Delta, state_keys.delta_prefix(account_id), FOLDED_AT_ONCE)):
        total += delta.amount
        ctx.cache.delete(key)
    owner = account(ctx, account_id)
    return store(ctx, account_id, replace(owner, available=owner.available + total))


def with_available(ctx: Context, account_id: str, amount: int) -> AccountRecord:
    """Return an account that has the amount available; waiting credits are folded when they are needed for that.

    :raises Refused: `available_too_low`.
    """
    owner = account(ctx, account_id)
    if owner.available < amount:
        owner = fold(ctx, account_id)
    if owner.available < amount:
        raise Refused(Refusal.AVAILABLE_TOO_LOW, f"account {account_id} has {owner.available} available")
    return owner


def deposit(ctx: Context, account_id: str, amount: int) -> AccountRecord:
    """Move money from available to deposit."""
    owner = with_available(ctx, account_id, amount)
    return store(ctx, account_id, replace(owner, available=owner.available - amount, deposit=owner.deposit + amount))


def hold(ctx: Context, account_id: str, amount: int) -> None:
    """Move money from deposit to held."""
    owner = account(ctx, account_id)
    if owner.deposit < amount:
        raise Refused(Refusal.DEPOSIT_TOO_LOW, f"account {account_id} has a deposit of {owner.deposit}")
    moved = AccountRecord(available=owner.available, deposit=owner.deposit - amount, held=owner.held + amount)
    store(ctx, account_id, moved)


def hold_bond(ctx: Context, amount: int) -> None:
    """Hold so much of the platform's bond; all that it has available is there for that."""
    bond = account(ctx, state_keys.BOND_ACCOUNT)
    if bond.deposit < amount:
        bond = fold(ctx, state_keys.BOND_ACCOUNT)
        store(ctx, state_keys.BOND_ACCOUNT, replace(bond, available=0, deposit=bond.deposit + bond.available))
    if account(ctx, state_keys.BOND_ACCOUNT).deposit < amount:
        raise Refused(Refusal.BOND_TOO_LOW)
    hold(ctx, state_keys.BOND_ACCOUNT, amount)


def release(ctx: Context, account_id: str, amount: int) -> None:
    """Move money from held back to deposit."""
    owner = account(ctx, account_id)
    store(ctx, account_id, replace(owner, deposit=owner.deposit + amount, held=owner.held - amount))


def spend(ctx: Context, account_id: str, *, held: int, cost: int) -> None:
    """Take a cost out of what was held for it, and move the rest back to deposit; the caller credits the cost."""
    owner = account(ctx, account_id)
    left = owner.deposit + held - cost
    store(ctx, account_id, AccountRecord(available=owner.available, deposit=left, held=owner.held - held))


def take(ctx: Context, account_id: str, amount: int) -> None:
    """Take held money out of an account; the caller credits the same amount to others, or burns it."""
    owner = account(ctx, account_id)
    store(ctx, account_id, replace(owner, held=owner.held - amount))


def credit(ctx: Context, account_id: str, amount: int) -> None:
    """Add to an account's available as a delta row, so that concurrent transactions do not meet on the account.

    All credits that one transaction makes to an account share one row.
    """
    if amount:
        key = state_keys.delta(account_id, ctx.transaction_id, 0)
        # The transaction's id is part of the key.
        ctx.cache.assume_absent(key)
        waiting = ctx.cache.get(Delta, key) or Delta(amount=0)
        ctx.cache.put(key, Delta(amount=waiting.amount + amount))


def split(ctx: Context, account_id: str, cost: int, policy: FeePolicy) -> None:
    """Credit everybody's share of a job's cost; the rest after fees is the account's."""
    parts = shares(cost, policy)
    credit(ctx, state_keys.PLATFORM_ACCOUNT, parts.platform)
    credit(ctx, state_keys.PEERS_ACCOUNT, parts.peers)
    credit(ctx, account_id, parts.provider)


def store(ctx: Context, account_id: str, value: AccountRecord) -> AccountRecord:
    """Write an account; a negative part is a mistake of the caller's."""
    if min(value.available, value.deposit, value.held) < 0:
        raise ArithmeticError(f"account {account_id} would be negative")
    ctx.cache.put(state_keys.account(account_id), value)
    return value
