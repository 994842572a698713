"""The scheduler's life: it takes over, serves until it is stopped or replaced, and leaves nothing half done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from scheduler import clocks, metrics
from scheduler.errors import BrokerUnavailable, TermSuperseded
from scheduler.loop import events, invocations, placing, results
from scheduler.loop.core import Core
from scheduler.loop.live import LiveInvocation, LiveJob
from scheduler.loop.results import Arrival
from scheduler.loop.watch import Watch
from scheduler.store.ports import OpenJob
from scheduler.transport.ports import Consumer, Handler, Requests
from wire import envelope, names
from wire.codec import decode
from wire.errors import Malformed, UnknownMessage, WireError
from wire.messages import Accepted, Finished, Heartbeat, InvocationRequest, JobRefused, Message, Started, Ticket
from wire.signing import payload_of

log = logging.getLogger(__name__)

#: What is done with one kind of event of one provider.
Step = Callable[[Core, UUID, Any], Awaitable[None]]

_TICK_SECONDS = 0.25
_STOP_SECONDS = 5.0
_PREFETCH = {names.INVOCATIONS: 256, names.HEARTBEATS: 64, names.PROGRESS: 256, names.RESULTS: 256}


class Scheduler:
    """One scheduler; the newest one leads."""

    def __init__(self, core: Core, requests: Requests) -> None:
        self.core = core
        self.requests = requests
        #: True from the take-over until another scheduler takes over.
        self.leads = False

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set.

        :raises TermSuperseded: when another scheduler has taken over.
        """
        stopped = asyncio.create_task(stop.wait())
        starting = asyncio.create_task(self.take_over())
        await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
        try:
            if starting.done():
                starting.result()
                await self._serve(stopped)
        finally:
            self.leads = False
            for task in (starting, stopped):
                task.cancel()
            self.core.commit.close()

    async def _serve(self, stopped: "asyncio.Task[bool]") -> None:
        work = [
            asyncio.create_task(self.core.commit.run()),
            asyncio.create_task(self.requests.run(self.consumers(), self.connected)),
            asyncio.create_task(self._keep_watch()),
        ]
        try:
            done, _ = await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
            await self._finish_what_is_in_hand()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def take_over(self) -> None:
        """Begin a new term and learn what is pending; nobody is judged before it could be heard."""
        core = self.core
        start = await core.commit.call(lambda: core.store.take_over(now_ms=core.clock()))
        core.commit.term = start.term
        await core.refresh_providers()
        core.fleet.recall(start.seen)
        jobs = {job.invocation_id: job for job in start.jobs}
        for pending in start.invocations:
            version = await core.version(UUID(pending.request.version_id))
            if version is None:
                raise LookupError(f"invocation {pending.request.invocation_id} has no version")
            invocation = LiveInvocation(
                request=pending.request, version=version, attempts=pending.attempts, tried=set(pending.tried)
            )
            core.live.add(invocation)
            job = jobs.get(invocation.invocation_id)
            self._resume(invocation, job) if job else core.live.wait(invocation)
        self.leads = True
        ids = {"term": start.term, "jobs": len(start.jobs), "invocations": len(start.invocations)}
        log.info("scheduler.took_over", extra=ids)

    def consumers(self) -> list[Consumer]:
        """Return who takes what from which queue."""
        return [
            self._consumer(names.INVOCATIONS, self._on_request),
            self._consumer(names.HEARTBEATS, self._on_event({Heartbeat: events.heartbeat})),
            self._consumer(names.PROGRESS, self._on_event({Accepted: events.accepted, Started: events.started})),
            self._consumer(names.RESULTS, self._on_event({Finished: _finished, JobRefused: events.refused})),
        ]

    def _resume(self, invocation: LiveInvocation, job: OpenJob) -> None:
        core, now_ms = self.core, self.core.clock()
        live = LiveJob.of_ticket(job.ticket, decode(Ticket, payload_of(job.ticket)), job.state)
        core.live.open(invocation, live)
        core.fleet.take(live.provider_id, live.job_id)
        if live.sent:
            live.silence.accept(now_ms=now_ms)
        live.silence.extend(now_ms=now_ms, away_ms=0)

    def connected(self, away_ms: int) -> None:
        """Judge nobody for the time in which the broker was away, and make up for what it missed."""
        core = self.core
        core.live.extend_silence(now_ms=core.clock(), away_ms=away_ms)
        core.spawn(self._after_connecting())

    async def _after_connecting(self) -> None:
        """Send tickets that may not have been sent, and wait for the heartbeats of agents that are connected."""
        core, now_ms = self.core, self.core.clock()
        for _, job in list(core.live.jobs()):
            if not job.sent and now_ms < job.accept_by_ms:
                await placing.send_ticket(core, job.job_id)
        with suppress(BrokerUnavailable):
            for provider in core.fleet.unheard(now_ms=now_ms):
                if await core.presence.has_consumer(provider):
                    core.fleet.awaited.add(provider.provider_id)
        core.fleet.awaited_until_ms = now_ms + clocks.AWAY_GRACE_MS

    async def _keep_watch(self) -> None:
        watch = Watch(self.core)
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                await watch.tick()
            except TermSuperseded:
                raise
            except Exception:
                # What one look broke on must not end the looking: silent jobs would never be given up.
                log.exception("watch.broke", extra={"term": self.core.term})

    async def _finish_what_is_in_hand(self) -> None:
        await self.requests.stop_consuming()
        await self.core.settle(_STOP_SECONDS)
        self.core.cancel()

    def _consumer(self, queue: str, step: Handler) -> Consumer:
        async def handle(body: bytes, routing_key: str | None) -> None:
            try:
                await step(body, routing_key)
            except TermSuperseded:
                raise
            except WireError as error:
                metrics.DROPPED.labels(queue).inc()
                log.warning("message.dropped", extra={"queue": queue, "key": routing_key, "why": str(error)})
            except Exception:
                # Returned to its queue it would come back for ever.
                metrics.DROPPED.labels(queue).inc()
                log.exception("message.broke", extra={"queue": queue, "key": routing_key})

        return Consumer(queue=queue, prefetch=_PREFETCH[queue], handler=handle)

    async def _on_request(self, body: bytes, _: str | None) -> None:
        await invocations.take(self.core, envelope.parse_as(InvocationRequest, body))

    def _on_event(self, steps: Mapping[type[Message], Step]) -> Handler:
        async def handle(body: bytes, routing_key: str | None) -> None:
            message = envelope.parse(body)
            step = steps.get(type(message))
            if step is None:
                raise UnknownMessage(f"{message.kind} does not belong into this queue")
            await step(self.core, _sender(routing_key), message)

        return handle


async def _finished(core: Core, sender: UUID, message: Finished) -> None:
    provider = await core.provider(sender)
    if provider is None:
        log.warning("result.unknown_provider", extra={"job_id": message.job_id, "provider_id": sender})
        return
    await results.take(core, Arrival(provider=provider, message=message, at_ms=core.clock()))


def _sender(routing_key: str | None) -> UUID:
    """Return which provider the broker let publish under this key.

    :raises Malformed: when the key names none.
    """
    try:
        return UUID(hex=(routing_key or "").partition(".")[0])
    except ValueError as error:
        raise Malformed(f"routing key {routing_key!r} names no provider") from error
