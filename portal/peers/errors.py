"""What operations on peers refuse."""

from portal.errors import Conflict, Invalid, PortalError
from wire.problems import Reason


class JoinStatementInvalid(Invalid):
    """The machine's statement cannot be accepted."""


class OperatorKeyKnown(Conflict):
    """This operator's key belongs to another account. Join with another --data directory."""


class AnotherOperatorKey(Conflict):
    """Your account attests with another key. Copy operator.pem of your first peer into the --data directory."""


class NoNetwork(PortalError):
    """This marketplace has no network to join: its ledger is embedded, or no registrar is set."""

    reason = Reason.UNAVAILABLE
    component = "ledger"
