"""What operations on money refuse."""

from portal.errors import Conflict, NotAllowed, NotThere


class RequestMissing(NotThere):
    """There is no such request, or it is not yours."""


class RequestMovedOn(Conflict):
    """The request was changed or decided meanwhile. Load it again."""


class TooManyRequests(Conflict):
    """As many of your requests are open as may be. Wait until some are decided."""


class ApprovedBefore(Conflict):
    """You, or your organisation, approved this before: the other organisation's administrator has to."""


class NoOrganisation(NotAllowed):
    """An administrator without an organisation cannot approve."""


class OwnMoney(NotAllowed):
    """Nobody decides on money of their own."""


class ReferenceUsed(Conflict):
    """The external reference was used before."""


class OwnKey(NotAllowed):
    """The account is moved by its owner's own key; the portal cannot act for it."""
