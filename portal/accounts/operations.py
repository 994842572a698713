"""Writes on accounts, roles and API tokens."""

import re
import secrets
import zoneinfo
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from portal.accounts import throttle
from portal.accounts.errors import (
    AdministratorsOnly,
    NameBelongsToAnother,
    RoleDecided,
    RoleHeld,
    RoleMissing,
    SignUpRefused,
    TokenMissing,
    TokenRefused,
    TooManyTokens,
)
from portal.accounts.models import Account, ApiToken, Organisation, Role, RoleGrant, RoleState
from portal.accounts.names import validate_name
from portal.accounts.throttle import Attempt
from portal.errors import Invalid
from wire.signing import sha256_hex

#: Roles that wait for an administrator; the others are active at once.
APPROVED_ROLES = frozenset({Role.PEER})
MAX_TOKENS = 50
_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_TOKEN = re.compile(r"cf_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Newcomer:
    """Who signs up, and from which network address."""

    username: str
    email: str
    password: str = field(repr=False)
    roles: Collection[Role]
    address: str


class NewToken(NamedTuple):
    """A token that was just made: the only time its text exists."""

    token: ApiToken
    text: str


def sign_up(newcomer: Newcomer, *, now: datetime) -> Account:
    """Make an account with some roles; a peer's waits for an administrator.

    :raises TooManyAttempts: when too many signed up from this address.
    :raises SignUpRefused: when a field is wrong; `fields` says which and why.
    """
    throttle.count(Attempt.SIGN_UP, newcomer.address, now)
    account = _checked_account(newcomer)
    if not newcomer.roles:
        raise SignUpRefused(fields={"roles": ["Choose at least one role."]})
    try:
        with transaction.atomic():
            account.save()
            for role in sorted(set(newcomer.roles)):
                RoleGrant.objects.create(account=account, role=role, state=_first_state(role), asked_at=now)
    except IntegrityError as error:
        raise SignUpRefused(fields={"username": ["This name or address is taken."]}) from error
    return account


def _first_state(role: Role) -> RoleState:
    return RoleState.PENDING if role in APPROVED_ROLES else RoleState.ACTIVE


def _checked_account(newcomer: Newcomer) -> Account:
    account = Account(username=newcomer.username, email=newcomer.email.strip().lower())
    fields: dict[str, list[str]] = {}
    try:
        account.full_clean(exclude=["password"])
    except ValidationError as error:
        fields |= error.message_dict
    try:
        validate_password(newcomer.password, account)
    except ValidationError as error:
        fields["password"] = error.messages
    if fields:
        raise SignUpRefused(fields=fields)
    account.set_password(newcomer.password)
    return account


def make_administrator(
    username: str, *, email: str, password: str, organisation: Organisation = Organisation.CONTROLLER
) -> Account:
    """Make an administrator, or make one of an account with the same name and address; a repeat changes nothing.

    Money needs the approval of an administrator of each organisation.

    :raises NameBelongsToAnother: when the name exists with another address.
    :raises Invalid: when the name, address or password is not good enough.
    """
    address = email.strip().lower()
    account = Account.objects.filter(username=username).first() or Account(username=username, email=address)
    if account.email != address:
        raise NameBelongsToAnother
    try:
        # Names such as `administrator` are reserved for exactly this command.
        validate_name(username)
        account.full_clean(exclude=["password", "username"])
        validate_password(password, account)
    except ValidationError as error:
        raise Invalid.from_validation(error) from error
    account.is_staff, account.organisation = True, organisation
    if not account.check_password(password):
        account.set_password(password)
    account.save()
    return account


def change_password(account: Account, *, old_password: str, new_password: str) -> None:
    """Give an account another password; the caller keeps its own session alive.

    :raises Invalid: when the old one is wrong or the new one is not good enough.
    """
    if not account.check_password(old_password):
        raise Invalid.field("old_password", "This is not your password.")
    try:
        validate_password(new_password, account)
    except ValidationError as error:
        raise Invalid(fields={"new_password": error.messages}) from error
    account.set_password(new_password)
    account.save(update_fields=["password"])


def set_time_zone(account: Account, *, time_zone: str) -> None:
    """Show times to an account in another zone.

    :raises Invalid: when there is no such zone.
    """
    if time_zone not in zoneinfo.available_timezones():
        raise Invalid.field("time_zone", "Choose a zone such as Europe/Berlin.")
    account.time_zone = time_zone
    account.save(update_fields=["time_zone"])


def ask_role(account: Account, *, role: Role, now: datetime) -> RoleGrant:
    """Ask for a role; asking again after a refusal is allowed.

    :raises RoleHeld: when the account holds it.
    """
    grant, created = RoleGrant.objects.get_or_create(
        account=account, role=role, defaults={"state": _first_state(role), "asked_at": now}
    )
    if not created and grant.state == RoleState.ACTIVE:
        raise RoleHeld
    if not created and grant.state == RoleState.REFUSED:
        columns = {"state": _first_state(role), "asked_at": now, "decided_at": None, "decided_by": None}
        RoleGrant.objects.filter(id=grant.id, state=RoleState.REFUSED).update(**columns)
        grant.refresh_from_db()
    return grant


def decide_role(grant: RoleGrant, *, approve: bool, by: Account, now: datetime) -> RoleGrant:
    """Approve or refuse a role that waits.

    :raises AdministratorsOnly: when `by` is none.
    :raises RoleDecided: when it does not wait any more.
    """
    require_administrator(by)
    state = RoleState.ACTIVE if approve else RoleState.REFUSED
    waiting = RoleGrant.objects.filter(id=grant.id, state=RoleState.PENDING)
    if not waiting.update(state=state, decided_at=now, decided_by=by):
        raise RoleDecided
    grant.refresh_from_db()
    return grant


def withdraw_role(account: Account, *, role: Role, by: Account, now: datetime) -> None:
    """Take a role from an account, if it holds it; it may ask for it again.

    :raises AdministratorsOnly: when `by` is none.
    """
    require_administrator(by)
    held = RoleGrant.objects.filter(account=account, role=role, state=RoleState.ACTIVE)
    held.update(state=RoleState.REFUSED, decided_at=now, decided_by=by)


def require_administrator(account: Account) -> None:
    """Go on only for an administrator.

    :raises AdministratorsOnly: for everybody else.
    """
    if not account.is_staff:
        raise AdministratorsOnly


def require_role(account: Account, role: Role) -> None:
    """Go on only for an account that holds the role.

    :raises RoleMissing: for everybody else.
    """
    if not account.has_role(role):
        raise RoleMissing(f"This takes the role {role.label.lower()}. Ask for it on your account's page.")


def make_token(account: Account, *, name: str, now: datetime, expires_at: datetime | None = None) -> NewToken:
    """Make an API token; its text is returned once and stored nowhere.

    :raises Invalid: when the name is empty or too long, or the expiry lies in the past.
    :raises TooManyTokens: when the account has `MAX_TOKENS` that are not revoked.
    """
    if not 1 <= len(name.strip()) <= 64:  # noqa: PLR2004 - the column's width
        raise Invalid.field("name", "Use 1 to 64 characters.")
    if expires_at is not None and expires_at <= now:
        raise Invalid.field("expires_at", "Choose a time in the future.")
    if ApiToken.objects.filter(account=account, revoked_at__isnull=True).count() >= MAX_TOKENS:
        raise TooManyTokens
    prefix = "cf_" + "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(8))
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        account=account,
        name=name.strip(),
        prefix=prefix,
        token_hash=sha256_hex(text.encode()),
        created_at=now,
        expires_at=expires_at,
    )
    return NewToken(token, text)


def revoke_token(account: Account, *, token_id: UUID, now: datetime) -> None:
    """Revoke one of the account's tokens.

    :raises TokenMissing: when it has no such token that is not revoked.
    """
    if not ApiToken.objects.filter(id=token_id, account=account, revoked_at__isnull=True).update(revoked_at=now):
        raise TokenMissing


def authenticate_token(text: str, *, now: datetime) -> Account:
    """Return the account that a token acts for, and note its use at most once a minute.

    :raises TokenRefused: when the token is unknown, expired or revoked, or its account is closed.
    """
    if not _TOKEN.fullmatch(text):
        raise TokenRefused
    valid = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    found = ApiToken.objects.filter(valid, token_hash=sha256_hex(text.encode()), revoked_at__isnull=True)
    token = found.filter(account__is_active=True).select_related("account").first()
    if token is None:
        raise TokenRefused
    if token.last_used_at is None or token.last_used_at <= now - _TOUCH_EVERY:
        ApiToken.objects.filter(id=token.id, last_used_at=token.last_used_at).update(last_used_at=now)
    return token.account
