"""The ASGI application: from a request to the part that answers it, and every failure to a JSON error."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from portal.gateway.calls import Calls
from portal.gateway.errors import CallerGone, CallRefused
from portal.gateway.http.answers import ok, refusal
from portal.gateway.http.exchange import HttpAnswer, Receive, Request, Scope, Send
from portal.gateway.http.routing import AskHealth, CallFunction, route
from portal.gateway.metrics import ANSWERS, CALLERS_GONE, SECONDS, STRAY_REPLIES
from portal.gateway.ports import GatewayBroker, Records
from portal.gateway.results import Results
from portal.gateway.waiting import WaitingCallers
from portal.invocations.errors import NotStarted
from portal.invocations.starting import Input
from wire.messages import InvocationReply
from wire.problems import Reason

log = logging.getLogger(__name__)

#: What a process that goes away has to be told to close a WebSocket that was never accepted.
_NO_WEBSOCKET = {"type": "websocket.close", "code": 1002}


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionGateway:
    """Answers functions' callers. One instance a process."""

    calls: Calls
    results: Results
    broker: GatewayBroker
    records: Records
    new_id: Callable[[], UUID] = uuid4

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Request(scope, receive), send)
        else:
            await send(dict(_NO_WEBSOCKET))

    async def start(self) -> None:
        """Begin to connect to the broker."""
        await self.broker.start()

    async def stop(self) -> None:
        """Close what is open."""
        await self.broker.stop()
        await self.records.close()

    async def run(self, route: CallFunction, *, caller_id: UUID, given: Input) -> HttpAnswer:
        """Run a function once for its developer, who asks on the portal."""
        invocation_id = self.new_id()
        answering = self.calls.answer_page(route, caller_id=caller_id, given=given, invocation_id=invocation_id)
        return await self._answer(answering, invocation_id) or refusal(CallRefused(Reason.NO_ANSWER), invocation_id)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, request: Request, send: Send) -> None:
        request_id = self.new_id()
        answer = await self._answer(self._dispatch(request, request_id), request_id)
        if answer is not None:
            await answer.send(send)

    async def _answer(self, answering: Awaitable[HttpAnswer], request_id: UUID) -> HttpAnswer | None:
        reason = ""
        try:
            with SECONDS.time():
                answer = await answering
        except CallerGone:
            CALLERS_GONE.inc()
            log.info("gateway.caller_gone", extra={"request_id": request_id})
            return None
        except (CallRefused, NotStarted) as error:
            refused = error if isinstance(error, CallRefused) else CallRefused.of(error)
            reason = refused.reason.value
            answer = refusal(refused, request_id)
        except Exception:  # The outermost loop: a caller gets an answer, and the log says why it is this one.
            log.exception("gateway.failed", extra={"request_id": request_id})
            reason = Reason.INTERNAL.value
            answer = refusal(CallRefused(Reason.INTERNAL), request_id)
        ANSWERS.labels(status=str(answer.status), reason=reason).inc()
        log.info("gateway.answered", extra={"request_id": request_id, "status": answer.status, "reason": reason})
        return answer

    async def _dispatch(self, request: Request, request_id: UUID) -> HttpAnswer:
        wanted = route(request.path)
        if isinstance(wanted, CallFunction):
            return await self.calls.answer(request, wanted, request_id)
        if isinstance(wanted, AskHealth):
            return self._health()
        if wanted is None:
            raise CallRefused(Reason.NOT_FOUND)
        return await self.results.answer(request, wanted)

    def _health(self) -> HttpAnswer:
        if not self.broker.ready:
            raise CallRefused(Reason.UNAVAILABLE, "No connection to the broker.")
        return ok({"status": "ok"})


def deliver_to(waiting: WaitingCallers) -> Callable[[InvocationReply], None]:
    """Return what hands replies to waiting callers, and counts those that nobody waits for."""

    def deliver(reply: InvocationReply) -> None:
        if not waiting.deliver(reply):
            STRAY_REPLIES.inc()
            log.info("gateway.reply_stray", extra={"invocation_id": reply.invocation_id})

    return deliver
