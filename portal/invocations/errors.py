"""Why an invocation is not started, and what reads of invocations refuse."""

from portal.errors import NotThere, PortalError
from wire.problems import Reason


class InvocationMissing(NotThere):
    """You have no such invocation."""


class NotStarted(PortalError):
    """The invocation was not started: nobody has it, and a repeat makes no second one."""


class FunctionStopped(NotStarted):
    """The developer has stopped this function."""

    reason = Reason.FUNCTION_STOPPED


class CallerRefused(NotStarted):
    """Only the function's developer may call it."""

    reason = Reason.FORBIDDEN


class CallerUnknown(NotStarted):
    """This function does not answer a caller who does not say who that is."""

    reason = Reason.UNAUTHENTICATED


class TooManyCalls(NotStarted):
    """Too many calls a minute. Wait as Retry-After says."""

    reason = Reason.RATE_LIMITED


class InputTooLarge(NotStarted):
    """The input is larger than the function takes."""

    reason = Reason.INPUT_TOO_LARGE


class SchedulerUnreachable(NotStarted):
    """The controller cannot be reached. Try again soon."""

    reason = Reason.UNAVAILABLE


class TooManyWaiting(NotStarted):
    """Too many calls are waiting. Try again soon."""

    reason = Reason.OVERLOADED
