"""What stops the follower, or a comparison of the books."""

from portal.errors import PortalError


class BookmarkMoved(PortalError):
    """Another process has advanced the read model meanwhile."""


class ReadModelUnfinished(PortalError):
    """The read model is being rebuilt, or a rebuild of it was cut short."""
