"""What reads of invocations refuse."""

from portal.errors import NotThere


class InvocationMissing(NotThere):
    """You have no such invocation."""
