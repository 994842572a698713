"""Administrators propose to pin a key on the ledger or to end one; what keys the ledger knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chaincode.contracts.governance.pinning import PERSONAL
from portal.accounts import queries as accounts
from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.books import records
from portal.errors import Invalid, NotThere
from portal.governance.content import KeyEnd, NewKey
from portal.governance.models import GovernedRequest
from portal.governance.storing import checked_note, propose
from portal.providers import queries as providers
from wire.errors import Malformed
from wire.ledger import state_keys
from wire.ledger.genesis import ORGANISATIONS
from wire.ledger.operations import PinKey
from wire.ledger.records import OperatorRecord, Owner, PinnedKey, ProviderRecord, RoleKeys
from wire.ledger.states import KeyRole
from wire.signing import PublicKey

_UNKNOWN = {
    KeyRole.OWNER: "No account of this id has a key of its own: it is in custody.",
    KeyRole.OPERATOR: "The ledger knows no operator of this id.",
    KeyRole.PROVIDER: "The ledger knows no provider of this id.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownKey:
    """A key that may act on the ledger."""

    key_id: str
    role: str
    holder: str
    #: Who that is, where the id alone says nothing to people.
    name: str = ""
    #: The ledger lets no role be without any key.
    is_last: bool = False


def propose_pin(by: Account, *, pin: PinKey, note: str, request_id: UUID, now: datetime) -> GovernedRequest:
    """Propose to pin a key, and approve it for one's own organisation.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when it is a key of their own account or machine.
    :raises Invalid: naming what will not do.
    """
    require_administrator(by)
    role, key = _role(pin.role), _key(pin.public_key_pem)
    content = NewKey(
        account_id=_owner(role, pin.holder),
        role=role.value,
        holder=pin.holder,
        public_key_pem=key.pem,
        key_id=key.key_id,
        note=checked_note(note),
    )
    if not GovernedRequest.objects.filter(id=request_id).exists():
        _refuse_pinned(key.key_id)
    return propose(by, content, request_id=request_id, now=now)


def propose_revocation(by: Account, *, key_id: str, note: str, request_id: UUID, now: datetime) -> GovernedRequest:
    """Propose to end a key, and approve it for one's own organisation.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when it is a key of their own account or machine.
    :raises Invalid: when the ledger knows no such key, it ended before, or it is the last of its role.
    """
    require_administrator(by)
    pinned = records.record(PinnedKey, state_keys.key(key_id))
    if pinned is None:
        raise Invalid.field("key_id", "The ledger knows no key with this id.")
    content = KeyEnd(
        account_id=_owner(pinned.role, pinned.holder),
        role=pinned.role.value,
        holder=pinned.holder,
        key_id=key_id,
        note=checked_note(note),
    )
    if not GovernedRequest.objects.filter(id=request_id).exists():
        _refuse_ended(key_id, pinned)
    return propose(by, content, request_id=request_id, now=now)


def keys_of_roles() -> list[KnownKey]:
    """Return the keys of the controller's roles and of the organisations' authorities."""
    places = [(role, holder) for role in KeyRole if role not in PERSONAL for holder in _holders(role)]
    return [view for role, holder in places for view in _team(role, holder)]


def keys_of(account: Account) -> list[KnownKey]:
    """Return the keys of an account's owner, node and machines that the ledger knows; the newest of each."""
    own = str(account.id)
    holders = [
        (KeyRole.OWNER, own, f"account {account.username}"),
        (KeyRole.OPERATOR, own, f"operator {account.username}"),
    ]
    holders += [(KeyRole.PROVIDER, str(each.id), f"machine {each.name}") for each in providers.providers_of(account)]
    return [
        KnownKey(key_id=found.key_id, role=role, holder=holder, name=name)
        for role, holder, name in holders
        if (found := _record(role, holder)) is not None and _is_active(found.key_id)
    ]


def _record(role: KeyRole, holder: str) -> Owner | OperatorRecord | ProviderRecord | None:
    """Return what the ledger says of an owner, an operator or a provider."""
    if role is KeyRole.OWNER:
        return records.record(Owner, state_keys.owner(holder))
    if role is KeyRole.OPERATOR:
        return records.record(OperatorRecord, state_keys.operator(holder))
    return records.record(ProviderRecord, state_keys.provider(holder))


def _holders(role: KeyRole) -> tuple[str, ...]:
    return ORGANISATIONS if role is KeyRole.AUTHORITY else ("",)


def _team(role: KeyRole, holder: str) -> Iterator[KnownKey]:
    team = records.record(RoleKeys, state_keys.role(role, holder))
    for key_id in team.key_ids if team else ():
        yield KnownKey(key_id=key_id, role=role, holder=holder, is_last=team is not None and len(team.key_ids) == 1)


def _is_active(key_id: str) -> bool:
    pinned = records.record(PinnedKey, state_keys.key(key_id))
    return pinned is not None and pinned.active


def _role(name: str) -> KeyRole:
    try:
        return KeyRole(name)
    except ValueError:
        raise Invalid.field("role", f"Choose one of {', '.join(KeyRole)}.") from None


def _key(pem: str) -> PublicKey:
    try:
        return PublicKey.from_pem(pem)
    except Malformed:
        raise Invalid.field("public_key_pem", "Expected a P-256 public key in PEM.") from None


def _owner(role: KeyRole, holder: str) -> str | None:
    """Return the id of the account whose key it is; none for keys of organisations and of the controller.

    :raises Invalid: when the ledger knows no such holder.
    """
    if role in PERSONAL:
        found = _record(role, holder)
        if found is None:
            raise Invalid.field("holder", _UNKNOWN[role])
        return _account(found.account_id if isinstance(found, ProviderRecord) else holder)
    if holder not in _holders(role):
        names = " or ".join(ORGANISATIONS)
        is_authority = role is KeyRole.AUTHORITY
        raise Invalid.field("holder", f"Name the organisation: {names}." if is_authority else "Leave it empty.")
    return None


def _account(account_id: str) -> str | None:
    """Return the id of an account of this portal; the ledger may know others."""
    try:
        return str(accounts.account(UUID(account_id)).id)
    except (ValueError, NotThere):
        return None


def _refuse_pinned(key_id: str) -> None:
    pinned = records.record(PinnedKey, state_keys.key(key_id))
    if pinned is not None:
        raise Invalid.field("public_key_pem", f"The ledger knows this key already, as that of a {pinned.role}.")


def _refuse_ended(key_id: str, pinned: PinnedKey) -> None:
    if pinned.revoked_at_ms is not None:
        raise Invalid.field("key_id", "This key was ended before.")
    if pinned.role in PERSONAL:
        return
    team = records.record(RoleKeys, state_keys.role(pinned.role, pinned.holder))
    if team is not None and team.key_ids == (key_id,):
        raise Invalid.field("key_id", "It is the last key of its role. Pin another one first.")
