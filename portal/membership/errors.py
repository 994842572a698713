"""What can go wrong when somebody becomes a member of the Fabric network."""

from portal.errors import Conflict, Invalid, PortalError
from wire.problems import Reason


class RequestInvalid(Invalid):
    """The certificate request cannot be accepted."""


class MemberExpelled(Conflict):
    """This member of the network was expelled: enrol with a new key."""


class RegistrarUnavailable(PortalError):
    """The network's certificate authority does not answer. Try again soon."""

    reason = Reason.UNAVAILABLE
    component = "ledger"


class RegistrarRefused(PortalError):
    """The network's certificate authority refused what the portal asked of it."""

    component = "ledger"
