"""Why the gateway does not answer with a result."""

from collections.abc import Mapping

from portal.invocations.errors import NotStarted
from wire.problems import Reason


class GatewayError(Exception):
    """A request came to no result."""


class CallRefused(GatewayError):
    """The request is answered with a JSON error."""

    def __init__(self, reason: Reason, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        #: Replaces the hint of the reason.
        self.detail = detail
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: NotStarted) -> "CallRefused":
        """Return what is answered when an invocation is not started."""
        again = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return cls(error.reason, error.detail, headers=again)


class CallerGone(GatewayError):
    """The caller closed the connection; nobody is left to answer."""
