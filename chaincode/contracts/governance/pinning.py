"""Pinned keys: who has which, and how one comes and goes. Nothing here asks whether it may."""

from dataclasses import replace

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from wire.ledger import events, state_keys
from wire.ledger.records import OperatorRecord, Owner, PinnedKey, ProviderRecord, RoleKeys
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole

#: Roles of persons: each has one current key, on a record of its own.
PERSONAL = (KeyRole.PROVIDER, KeyRole.OWNER, KeyRole.OPERATOR)


def pin(ctx: Context, role: KeyRole, holder: str, pem: str) -> str:
    """Pin a key that nobody has, as a further one of a role or as the new one of a person; return its id."""
    key_id = checks.public_key("public_key_pem", pem).key_id
    if ctx.cache.get(PinnedKey, state_keys.key(key_id)):
        raise Refused(Refusal.KEY_TAKEN)
    ctx.cache.put(state_keys.key(key_id), PinnedKey(role=role, holder=holder, public_key_pem=pem))
    if role is KeyRole.PROVIDER:
        _pin_provider(ctx, holder, key_id)
    elif role is KeyRole.OWNER:
        _pin_owner(ctx, holder, key_id)
    elif role is KeyRole.OPERATOR:
        _pin_operator(ctx, holder, key_id)
    else:
        team = ctx.record(RoleKeys, state_keys.role(role, holder), Refusal.RAISED)
        ctx.cache.put(state_keys.role(role, holder), RoleKeys(key_ids=(*team.key_ids, key_id)))
    ctx.emit(events.KEY_PINNED, key_id, {"role": role.value, "holder": holder, "public_key_pem": pem})
    return key_id


def revoke(ctx: Context, key_id: str) -> None:
    """End a key: nothing that it signed counts any more."""
    pinned = ctx.record(PinnedKey, state_keys.key(key_id), Refusal.UNKNOWN_KEY)
    if pinned.revoked_at_ms is not None:
        raise Refused(Refusal.WRONG_STATE, f"key {key_id} is revoked already")
    if pinned.role not in PERSONAL:
        place = state_keys.role(pinned.role, pinned.holder)
        team = ctx.record(RoleKeys, place, Refusal.RAISED)
        left = tuple(name for name in team.key_ids if name != key_id)
        if not left:
            raise Refused(Refusal.LAST_KEY)
        ctx.cache.put(place, RoleKeys(key_ids=left))
    ctx.cache.put(state_keys.key(key_id), replace(pinned, revoked_at_ms=ctx.timestamp_ms))
    ctx.emit(events.KEY_REVOKED, key_id, {"role": pinned.role.value, "holder": pinned.holder})


def _pin_provider(ctx: Context, provider_id: str, key_id: str) -> None:
    place = state_keys.provider(provider_id)
    provider = ctx.record(ProviderRecord, place, Refusal.UNKNOWN_PROVIDER)
    _retire(ctx, provider.key_id)
    ctx.cache.put(place, replace(provider, key_id=key_id))


def _pin_owner(ctx: Context, account_id: str, key_id: str) -> None:
    place = state_keys.owner(account_id)
    owner = ctx.cache.get(Owner, place)
    if owner:
        _retire(ctx, owner.key_id)
    ctx.cache.put(place, Owner(key_id=key_id))


def _pin_operator(ctx: Context, operator_id: str, key_id: str) -> None:
    place = state_keys.operator(operator_id)
    operator = ctx.record(OperatorRecord, place, Refusal.UNKNOWN_OPERATOR)
    _retire(ctx, operator.key_id)
    ctx.cache.put(place, replace(operator, key_id=key_id))


def _retire(ctx: Context, key_id: str) -> None:
    place = state_keys.key(key_id)
    pinned = ctx.cache.get(PinnedKey, place)
    if pinned and pinned.active:
        ctx.cache.put(place, replace(pinned, retired_at_ms=ctx.timestamp_ms))
