"""Reads of accounts, roles and API tokens."""

from uuid import UUID

from django.db.models import QuerySet

from portal.accounts.models import Account, ApiToken, RoleGrant, RoleState
from portal.errors import NotThere


def tokens_of(account: Account) -> QuerySet[ApiToken]:
    """Return the account's tokens that are not revoked, newest first."""
    return ApiToken.objects.filter(account=account, revoked_at__isnull=True).order_by("-created_at")


def roles_of(account: Account) -> QuerySet[RoleGrant]:
    """Return the roles that the account holds, awaits or was refused."""
    return RoleGrant.objects.filter(account=account).order_by("role")


def waiting_roles() -> QuerySet[RoleGrant]:
    """Return what waits for an administrator, oldest first."""
    return RoleGrant.objects.filter(state=RoleState.PENDING).select_related("account").order_by("asked_at")


def role_request(grant_id: int) -> RoleGrant:
    """Return one role grant.

    :raises NotThere: when there is none of this id.
    """
    grant = RoleGrant.objects.filter(id=grant_id).select_related("account").first()
    if grant is None:
        raise NotThere
    return grant


def account_named(username: str) -> Account:
    """Return the account of a name.

    :raises NotThere: when there is none.
    """
    found = Account.objects.filter(username=username).first()
    if found is None:
        raise NotThere
    return found


def account(account_id: UUID) -> Account:
    """Return one account.

    :raises NotThere: when there is none of this id.
    """
    found = Account.objects.filter(id=account_id).first()
    if found is None:
        raise NotThere
    return found
