"""One call of a function over HTTP: who calls, with which input, and what came of it."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from portal.functions.models import Access
from portal.functions.queries import Endpoint
from portal.gateway.cache import TimedCache
from portal.gateway.callers import Callers
from portal.gateway.errors import CallerGone, CallRefused
from portal.gateway.http.answers import accepted, failure, no_answer, success
from portal.gateway.http.exchange import HttpAnswer, Request
from portal.gateway.http.routing import CallFunction
from portal.gateway.results import Results
from portal.gateway.waiting import WaitingCallers
from portal.invocations.starting import Input, Means, Wanted, require_published, start
from scheduler.errors import BrokerSilent
from wire.messages import InvocationReply
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
class Calls:
    """Answers `/f/<developer>/<function>`."""

    endpoints: TimedCache[tuple[str, str], Endpoint | None]
    callers: Callers
    waiting: WaitingCallers
    means: Means
    results: Results
    bounds: Bounds

    async def answer(self, request: Request, route: CallFunction, invocation_id: UUID) -> HttpAnswer:
        """Start what a caller wants, wait for its reply and return it.

        :raises CallRefused: when it is refused before it is started.
        :raises NotStarted: when it is not started.
        :raises CallerGone: when the caller left.
        """
        endpoint = await self._endpoint(route)
        _check_method(request.method, endpoint)
        wanted = Wanted(
            invocation_id=invocation_id,
            endpoint=endpoint,
            caller_id=None if endpoint.access == Access.PUBLIC else await self.callers.require(request),
            read_input=lambda: self._input(request, endpoint),
            respond_async="respond-async" in _preferences(request),
        )
        return await self._serve(wanted, request.gone)

    async def answer_page(
        self, route: CallFunction, *, caller_id: UUID, given: Input, invocation_id: UUID
    ) -> HttpAnswer:
        """Start what a developer wants on the portal, wait for its reply and return it.

        :raises CallRefused: when there is no such function, it is another developer's, or all places are taken.
        :raises NotStarted: when it is not started.
        """

        async def read() -> Input:
            return given

        endpoint = await self._endpoint(route)
        if caller_id != endpoint.developer_id:
            raise CallRefused(Reason.FORBIDDEN)
        wanted = Wanted(invocation_id=invocation_id, endpoint=endpoint, caller_id=caller_id, read_input=read)
        return await self._serve(wanted, _never)

    async def _endpoint(self, route: CallFunction) -> Endpoint:
        endpoint = await self.endpoints.get((route.developer, route.function))
        if endpoint is None:
            raise CallRefused(Reason.NOT_FOUND)
        require_published(endpoint)
        return endpoint

    async def _input(self, request: Request, endpoint: Endpoint) -> Input:
        if request.method == "GET":
            await request.body(limit=0, seconds=self.bounds.body_seconds)
            return Input(body=request.query, media_type=_FORM)
        body = await request.body(limit=endpoint.limits.input_bytes, seconds=self.bounds.body_seconds)
        return Input(body=body, media_type=_media_type(request))

    async def _serve(self, wanted: Wanted, leaving: Callable[[], Coroutine[Any, Any, None]]) -> HttpAnswer:
        with self.waiting.place(str(wanted.invocation_id), commit_only=wanted.respond_async) as reply:
            try:
                await start(wanted, means=self.means)
            except BrokerSilent:
                return no_answer(wanted.invocation_id)
            gone: asyncio.Future[None] = asyncio.ensure_future(leaving())
            try:
                return await self._wait(wanted, reply, gone)
            finally:
                gone.cancel()

    async def _wait(
        self, wanted: Wanted, reply: asyncio.Future[InvocationReply], gone: asyncio.Future[None]
    ) -> HttpAnswer:
        limits = wanted.endpoint.limits
        seconds = self.bounds.placing_seconds + limits.timeout_ms / 1000 + self.bounds.grace_seconds
        either: set[asyncio.Future[Any]] = {reply, gone}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if reply.done():
            return _answer(reply.result(), wanted)
        if gone.done():
            raise CallerGone
        # Its reply may have been lost with a connection; the database is the truth.
        return await self.results.late(wanted.invocation_id) or no_answer(wanted.invocation_id)


async def _never() -> None:
    await asyncio.Event().wait()


def _answer(reply: InvocationReply, wanted: Wanted) -> HttpAnswer:
    if reply.reason is not None:
        return failure(reply, reply.reason)
    if wanted.respond_async:
        return accepted(wanted.invocation_id)
    return success(reply, wanted.endpoint.output_type)


def _check_method(method: str, endpoint: Endpoint) -> None:
    allowed = ("GET", "POST") if endpoint.get_allowed else ("POST",)
    if method not in allowed:
        detail = f"This function answers {' and '.join(allowed)}."
        raise CallRefused(Reason.METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(allowed)})


def _preferences(request: Request) -> set[str]:
    return {item.split(";")[0].strip().lower() for item in (request.header("Prefer") or "").split(",")}


def _media_type(request: Request) -> str:
    content_type = request.header("Content-Type") or "application/octet-stream"
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise CallRefused(Reason.INVALID, "Content-Type: use at most 100 printable characters.")
    return content_type
