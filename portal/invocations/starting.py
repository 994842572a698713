"""Starting an invocation: the one way to the scheduler for whoever wants a function called."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from portal.functions.models import Access, FunctionState
from portal.functions.queries import Endpoint
from portal.invocations.errors import (
    CallerRefused,
    CallerUnknown,
    FunctionStopped,
    InputTooLarge,
    SchedulerUnreachable,
    TooManyCalls,
    TooManyWaiting,
)
from portal.invocations.rates import Rates
from scheduler.clocks import Clock
from scheduler.errors import BrokerSilent, BrokerUnavailable, QueueFull
from wire.messages import InvocationRequest

#: Seconds that only go forward, as time.monotonic.
Monotonic = Callable[[], float]
#: After so many seconds a request that the broker did not take may be tried again.
_AGAIN_SECONDS = 2


class RequestSender(Protocol):
    """The way to the scheduler."""

    @property
    def replies_to(self) -> str:
        """The queue on which replies are heard."""

    async def send(self, request: InvocationRequest, *, expires_ms: int) -> None:
        """Put a request into the invocations queue; return once the broker has it.

        :raises QueueFull: when the broker refused it.
        :raises BrokerSilent: when nobody knows whether the broker has it.
        :raises BrokerUnavailable: when the broker took nothing.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """What a function is given."""

    body: bytes
    media_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An invocation that somebody wants."""

    #: Made by who wants it: replies come under it.
    invocation_id: UUID
    endpoint: Endpoint
    #: None: somebody who did not have to say who.
    caller_id: UUID | None
    #: Asked only once the caller is let in; what it raises is passed on.
    read_input: Callable[[], Awaitable[Input]]
    #: Whether the word that it is committed comes as a reply, too.
    respond_async: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What starting takes from outside. One a process: its rates count."""

    requests: RequestSender
    rates: Rates
    clock: Clock
    monotonic: Monotonic
    #: For a job to be placed on a provider.
    placing_seconds: int


async def start(wanted: Wanted, *, means: Means) -> InvocationRequest:
    """Start an invocation; return what was sent, once the broker has it. Replies come to `means.requests.replies_to`.

    Asked in this order, so that whoever is refused costs no more than the questions before:

    :raises FunctionStopped: when the function is not published.
    :raises CallerUnknown: when the version wants to know who calls.
    :raises CallerRefused: when the version is for another caller.
    :raises TooManyCalls: when the version's calls of this minute are used up.
    :raises InputTooLarge: when the input is larger than the version takes.
    :raises SchedulerUnreachable: when the broker took nothing.
    :raises TooManyWaiting: when the broker holds as many requests as it may.
    :raises BrokerSilent: when nobody knows whether it was started; its id says it later.
    """
    endpoint = wanted.endpoint
    require_published(endpoint)
    _require_let_in(endpoint, wanted.caller_id)
    seconds = means.rates.take(endpoint.version_id, per_minute=endpoint.rate_per_minute, now=means.monotonic())
    if seconds:
        raise TooManyCalls(retry_after=seconds)
    given = await wanted.read_input()
    if len(given.body) > endpoint.limits.input_bytes:
        raise InputTooLarge(
            f"The input is larger than the {endpoint.limits.input_bytes} bytes that the function takes."
        )
    request = _request(wanted, given, means)
    try:
        await means.requests.send(request, expires_ms=means.placing_seconds * 1000)
    except QueueFull as error:
        raise TooManyWaiting(retry_after=_AGAIN_SECONDS) from error
    except BrokerSilent:
        raise
    except BrokerUnavailable as error:
        raise SchedulerUnreachable(retry_after=_AGAIN_SECONDS) from error
    return request


def require_published(endpoint: Endpoint) -> None:
    """Go on only with a function that answers.

    :raises FunctionStopped: when it does not.
    """
    if endpoint.state != FunctionState.PUBLISHED:
        raise FunctionStopped


def _require_let_in(endpoint: Endpoint, caller_id: UUID | None) -> None:
    if endpoint.access == Access.PUBLIC:
        return
    if caller_id is None:
        raise CallerUnknown
    if endpoint.access == Access.OWNER and caller_id != endpoint.developer_id:
        raise CallerRefused


def _request(wanted: Wanted, given: Input, means: Means) -> InvocationRequest:
    now_ms = means.clock()
    return InvocationRequest(
        invocation_id=str(wanted.invocation_id),
        version_id=str(wanted.endpoint.version_id),
        caller_id=str(wanted.caller_id) if wanted.caller_id else None,
        input=given.body,
        input_type=given.media_type,
        requested_at_ms=now_ms,
        deadline_at_ms=now_ms + means.placing_seconds * 1000,
        replies_to=means.requests.replies_to,
        respond_async=wanted.respond_async,
    )
