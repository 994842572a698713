"""What stops the outbox."""

from portal.errors import Conflict, PortalError


class OperationConflict(Conflict):
    """An operation of this id, or with this reference, was sent before with other content."""


class Superseded(PortalError):
    """Another process has taken over; this one changes nothing any more."""
