"""What operations on providers refuse."""

from portal.errors import Conflict, Invalid, NotThere, PortalError
from wire.problems import Reason


class ProviderInvalid(Invalid):
    """The machine cannot be called this."""


class ProviderMissing(NotThere):
    """You have no such provider."""


class ProviderNameTaken(Conflict):
    """You have a provider of this name."""


class TooManyCodes(Conflict):
    """You have as many unused one-time codes as you may have. Use one, or wait until they expire."""


class StatementInvalid(Invalid):
    """The enrolment statement cannot be accepted."""


class CodeUnknown(NotThere):
    """There is no such one-time code. Check it, or make a new one in the portal."""


class CodeExpired(PortalError):
    """The one-time code has expired. Make a new one in the portal."""

    reason = Reason.GONE


class CodeUsed(Conflict):
    """Another machine has used this one-time code. Make a new one in the portal."""


class KeyEnrolled(Conflict):
    """This machine's key is enrolled already. Run chainfaas-agent enroll with another --home."""


class ProviderRevoked(Conflict):
    """This provider was revoked. Make a new enrolment code on the portal's page of your providers."""


class BrokerAdminUnavailable(PortalError):
    """The message broker cannot be reached. Try again soon."""

    reason = Reason.UNAVAILABLE
    component = "broker"


class BrokerAdminRefused(PortalError):
    """The message broker refused what the portal asked of it."""

    component = "broker"
