"""What operations on accounts refuse."""

from portal.errors import Conflict, Invalid, NotAllowed, NotThere, PortalError
from wire.problems import Reason


class SignUpRefused(Invalid):
    """The account cannot be made like this."""


class SignInFailed(PortalError):
    """Name and password do not belong together."""

    reason = Reason.UNAUTHENTICATED


class TokenRefused(PortalError):
    """The token is unknown, expired or revoked."""

    reason = Reason.UNAUTHENTICATED


class TokenMissing(NotThere):
    """You have no such token."""


class TooManyTokens(Conflict):
    """The account has as many tokens as it may have. Revoke one first."""


class RoleMissing(NotAllowed):
    """The account does not hold the role that this takes."""


class RoleHeld(Conflict):
    """The account holds this role."""


class RoleDecided(Conflict):
    """This request was decided before."""


class AdministratorsOnly(NotAllowed):
    """Only an administrator may do that."""


class NameBelongsToAnother(Conflict):
    """An account of this name exists with another address."""
