"""One call of a function: may it, how large is it, who runs it, what came of it."""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from portal.functions.models import Access, FunctionState
from portal.functions.queries import Endpoint
from portal.gateway.cache import Cache
from portal.gateway.callers import Callers
from portal.gateway.errors import CallerGone, CallRefused
from portal.gateway.http.answers import accepted, failure, no_answer, success
from portal.gateway.http.exchange import HttpAnswer, Request
from portal.gateway.http.routing import CallFunction
from portal.gateway.ports import Broker, Monotonic
from portal.gateway.rates import Rates
from portal.gateway.results import Results
from portal.gateway.waiting import WaitingCallers
from scheduler.clocks import Clock
from scheduler.errors import BrokerSilent, BrokerUnavailable, QueueFull
from wire.messages import InvocationReply, InvocationRequest
from wire.problems import Reason

_FORM = "application/x-www-form-urlencoded"
#: What `Content-Type` may look like: it becomes a database column and part of the ticket.
_MEDIA_TYPE = re.compile(r"[\x20-\x7e]{1,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How long and how many a gateway process waits for."""

    #: Calls at one time, from their first byte to their answer.
    calls: int = 512
    #: For a request body to arrive.
    body_seconds: float = 15
    #: For a job to be placed on a provider.
    placing_seconds: int = 30
    #: Besides placing and the version's timeout: pulling the image, another attempt, the ways between.
    grace_seconds: int = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class CallInput:
    """What a caller wants a function to do."""

    invocation_id: UUID
    caller_id: UUID | None
    body: bytes
    input_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """Answers `/f/<developer>/<function>`."""

    endpoints: Cache[tuple[str, str], Endpoint | None]
    callers: Callers
    rates: Rates
    waiting: WaitingCallers
    broker: Broker
    results: Results
    bounds: Bounds
    clock: Clock
    monotonic: Monotonic

    async def answer(self, request: Request, route: CallFunction, invocation_id: UUID) -> HttpAnswer:
        """Let a call through, wait for its reply and return it.

        :raises CallRefused: when it is not let through.
        :raises CallerGone: when the caller left.
        """
        endpoint = await self._endpoint(route)
        _check_method(request.method, endpoint)
        caller_id = await self._caller(request, endpoint)
        self._check_rate(endpoint)
        commit_only = "respond-async" in _preferences(request)
        with self.waiting.place(str(invocation_id), commit_only=commit_only) as reply:
            body, input_type = await self._input(request, endpoint), _input_type(request)
            call = CallInput(invocation_id=invocation_id, caller_id=caller_id, body=body, input_type=input_type)
            order = self._order(endpoint, call, respond_async=commit_only)
            return await self._serve(endpoint, order, reply, request.gone())

    async def answer_owner(self, route: CallFunction, call: CallInput) -> HttpAnswer:
        """Serve a call that the portal makes for a function's developer, whoever else may call it.

        :raises CallRefused: when it is not let through.
        """
        endpoint = await self._endpoint(route)
        if call.caller_id != endpoint.developer_id:
            raise CallRefused(Reason.FORBIDDEN)
        if len(call.body) > endpoint.limits.input_bytes:
            raise CallRefused(Reason.INPUT_TOO_LARGE)
        self._check_rate(endpoint)
        with self.waiting.place(str(call.invocation_id), commit_only=False) as reply:
            return await self._serve(endpoint, self._order(endpoint, call), reply, _never())

    def _order(self, endpoint: Endpoint, call: CallInput, *, respond_async: bool = False) -> InvocationRequest:
        now_ms = self.clock()
        return InvocationRequest(
            invocation_id=str(call.invocation_id),
            version_id=str(endpoint.version_id),
            caller_id=str(call.caller_id) if call.caller_id else None,
            input=call.body,
            input_type=call.input_type,
            requested_at_ms=now_ms,
            deadline_at_ms=now_ms + self.bounds.placing_seconds * 1000,
            replies_to=self.broker.replies_to,
            respond_async=respond_async,
        )

    async def _serve(
        self,
        endpoint: Endpoint,
        order: InvocationRequest,
        reply: asyncio.Future[InvocationReply],
        leaving: Coroutine[Any, Any, None],
    ) -> HttpAnswer:
        gone: asyncio.Future[None] = asyncio.ensure_future(leaving)
        try:
            if not await self._send(order):
                return no_answer(UUID(order.invocation_id))
            return await self._wait(endpoint, order, reply, gone)
        finally:
            gone.cancel()

    async def _endpoint(self, route: CallFunction) -> Endpoint:
        endpoint = await self.endpoints.get((route.developer, route.function))
        if endpoint is None:
            raise CallRefused(Reason.NOT_FOUND)
        if endpoint.state != FunctionState.PUBLISHED:
            raise CallRefused(Reason.FUNCTION_STOPPED)
        return endpoint

    async def _caller(self, request: Request, endpoint: Endpoint) -> UUID | None:
        if endpoint.access == Access.PUBLIC:
            return None
        caller_id = await self.callers.require(request)
        if endpoint.access == Access.OWNER and caller_id != endpoint.developer_id:
            raise CallRefused(Reason.FORBIDDEN, "Only the function's developer may call it.")
        return caller_id

    def _check_rate(self, endpoint: Endpoint) -> None:
        seconds = self.rates.take(endpoint.version_id, per_minute=endpoint.rate_per_minute, now=self.monotonic())
        if seconds:
            raise CallRefused(Reason.RATE_LIMITED, headers={"Retry-After": str(seconds)})

    async def _input(self, request: Request, endpoint: Endpoint) -> bytes:
        limit = endpoint.limits.input_bytes
        if request.method != "GET":
            return await request.body(limit=limit, seconds=self.bounds.body_seconds)
        await request.body(limit=0, seconds=self.bounds.body_seconds)
        if len(request.query) > limit:
            raise CallRefused(Reason.INPUT_TOO_LARGE, f"The query is larger than the function's {limit} bytes.")
        return request.query

    async def _send(self, order: InvocationRequest) -> bool:
        """Give the order to the broker; return False when nobody knows whether it has it."""
        try:
            await self.broker.send(order, expires_ms=self.bounds.placing_seconds * 1000)
        except QueueFull:
            raise CallRefused(Reason.OVERLOADED, headers={"Retry-After": "2"}) from None
        except BrokerSilent:
            return False
        except BrokerUnavailable:
            raise CallRefused(Reason.UNAVAILABLE, headers={"Retry-After": "2"}) from None
        return True

    async def _wait(
        self,
        endpoint: Endpoint,
        order: InvocationRequest,
        reply: asyncio.Future[InvocationReply],
        gone: asyncio.Future[None],
    ) -> HttpAnswer:
        seconds = self.bounds.placing_seconds + endpoint.limits.timeout_ms / 1000 + self.bounds.grace_seconds
        either: set[asyncio.Future[Any]] = {reply, gone}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if reply.done():
            return _answer(reply.result(), order, endpoint)
        if gone.done():
            raise CallerGone
        # Its reply may have been lost with a connection; the database is the truth.
        return await self.results.late(UUID(order.invocation_id)) or no_answer(UUID(order.invocation_id))


async def _never() -> None:
    await asyncio.Event().wait()


def _answer(reply: InvocationReply, order: InvocationRequest, endpoint: Endpoint) -> HttpAnswer:
    if reply.reason is not None:
        return failure(reply, reply.reason)
    if order.respond_async:
        return accepted(UUID(order.invocation_id))
    return success(reply, endpoint.output_type)


def _check_method(method: str, endpoint: Endpoint) -> None:
    allowed = ("GET", "POST") if endpoint.get_allowed else ("POST",)
    if method not in allowed:
        detail = f"This function answers {' and '.join(allowed)}."
        raise CallRefused(Reason.METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(allowed)})


def _preferences(request: Request) -> set[str]:
    return {item.split(";")[0].strip().lower() for item in (request.header("Prefer") or "").split(",")}


def _input_type(request: Request) -> str:
    if request.method == "GET":
        return _FORM
    content_type = request.header("Content-Type") or "application/octet-stream"
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise CallRefused(Reason.INVALID, "Content-Type: use at most 100 printable characters.")
    return content_type
