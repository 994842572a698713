"""Who asks: an API token, or a browser's session, which has to bring a CSRF token to change anything."""

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from portal.accounts import operations
from portal.accounts.models import Account


class BearerAuthentication(BaseAuthentication):
    """An API token."""

    def authenticate(self, request: Request) -> tuple[Account, None] | None:
        """Return the token's account; None when no token was sent.

        :raises TokenRefused: when it acts for nobody.
        """
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return operations.authenticate_token(text.strip(), now=timezone.now()), None

    def authenticate_header(self, _request: Request) -> str:
        """Return the challenge of a 401."""
        return "Bearer"


def account_of(request: Request) -> Account:
    """Return the account that asks.

    :raises NotAuthenticated: when none does.
    """
    if not isinstance(request.user, Account):
        raise NotAuthenticated
    return request.user


def administrator_of(request: Request) -> Account:
    """Return the administrator that asks.

    :raises NotAuthenticated: when nobody does.
    :raises AdministratorsOnly: when somebody else does.
    """
    account = account_of(request)
    operations.require_administrator(account)
    return account
