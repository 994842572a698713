"""What operations on requests refuse."""

from portal.errors import Conflict, NotAllowed, NotThere


class RequestMissing(NotThere):
    """There is no such request, or it is not yours."""


class RequestMovedOn(Conflict):
    """The request was changed or decided meanwhile. Load it again."""


class TooManyRequests(Conflict):
    """As many of your requests are open as may be. Wait until some are decided."""


class ApprovedBefore(Conflict):
    """You, or your organisation, approved this before: the other organisation's administrator has to."""


class NotWithdrawable(Conflict):
    """It is on its way already: an administrator may have paid. Ask the administrators to refuse it."""


class DecisionWaits(Conflict):
    """A decision on this job waits for its second approval already."""


class NoOrganisation(NotAllowed):
    """An administrator without an organisation cannot approve."""


class OwnMoney(NotAllowed):
    """Nobody decides on money, keys or jobs of their own."""


class ReferenceUsed(Conflict):
    """The external reference was used before."""
