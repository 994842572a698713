"""Movements of money between the parts of accounts. Nothing here creates or destroys any."""

from dataclasses import replace

from chaincode.contracts import keys
from chaincode.contracts.errors import Refusal, Refused
from chaincode.contracts.execution.context import Context
from chaincode.contracts.genesis import WHOLE_PPM
from chaincode.contracts.records import Account, Delta, FeePolicy


def account(ctx: Context, account_id: str) -> Account:
    """Return an account; one that never had money has none."""
    return ctx.cache.get(Account, keys.account(account_id)) or Account()


def deposit(ctx: Context, account_id: str, amount: int) -> Account:
    """Move money from available to deposit."""
    owner = account(ctx, account_id)
    if owner.available < amount:
        raise Refused(Refusal.AVAILABLE_TOO_LOW, f"account {account_id} has {owner.available} available")
    moved = replace(owner, available=owner.available - amount, deposit=owner.deposit + amount)
    return _store(ctx, account_id, moved)


def add(ctx: Context, account_id: str, amount: int) -> Account:
    """Add new money to an account's available; the caller counts it into the supply."""
    owner = account(ctx, account_id)
    return _store(ctx, account_id, replace(owner, available=owner.available + amount))


def plain(value: Account) -> dict[str, int]:
    """Return an account as events show it."""
    return {"available": value.available, "deposit": value.deposit, "held": value.held}


def hold(ctx: Context, account_id: str, amount: int) -> None:
    """Move money from deposit to held."""
    owner = account(ctx, account_id)
    if owner.deposit < amount:
        raise Refused(Refusal.DEPOSIT_TOO_LOW, f"account {account_id} has a deposit of {owner.deposit}")
    _store(ctx, account_id, replace(owner, deposit=owner.deposit - amount, held=owner.held + amount))


def release(ctx: Context, account_id: str, amount: int) -> None:
    """Move money from held back to deposit."""
    owner = account(ctx, account_id)
    _store(ctx, account_id, replace(owner, deposit=owner.deposit + amount, held=owner.held - amount))


def take(ctx: Context, account_id: str, amount: int) -> None:
    """Take held money out of an account; the caller credits the same amount to others."""
    owner = account(ctx, account_id)
    _store(ctx, account_id, replace(owner, held=owner.held - amount))


def credit(ctx: Context, account_id: str, amount: int) -> None:
    """Add to an account's available as a delta row, so that concurrent transactions do not meet on the account.

    All credits that one transaction makes to an account share one row.
    """
    if amount:
        key = keys.delta(account_id, ctx.transaction_id, 0)
        # The transaction's id is part of the key.
        ctx.cache.assume_absent(key)
        waiting = ctx.cache.get(Delta, key) or Delta(amount=0)
        ctx.cache.put(key, Delta(amount=waiting.amount + amount))


def split(ctx: Context, account_id: str, cost: int, policy: FeePolicy) -> None:
    """Credit a job's cost: fees rounded down, the rest to the provider's account."""
    platform = cost * policy.platform_ppm // WHOLE_PPM
    peers = cost * policy.peers_ppm // WHOLE_PPM
    credit(ctx, keys.PLATFORM_ACCOUNT, platform)
    credit(ctx, keys.PEERS_ACCOUNT, peers)
    credit(ctx, account_id, cost - platform - peers)


def _store(ctx: Context, account_id: str, value: Account) -> Account:
    if min(value.available, value.deposit, value.held) < 0:
        raise ArithmeticError(f"account {account_id} would be negative")
    ctx.cache.put(keys.account(account_id), value)
    return value
