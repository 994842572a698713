"""A scheduler that starts anew goes on where the last one stopped."""

import asyncio

from scheduler import clocks
from scheduler.states import InvocationState, JobState
from tests.support.scheduling.marketplace import NOW_MS, FakeProvider
from tests.support.scheduling.stage import Stage
from wire.messages import Accepted, InvocationRequest
from wire.problems import Reason


class _Successor(Stage):
    """A second scheduler on the first one's store and keys."""

    def __init__(self, first: Stage, *, after_ms: int = 0) -> None:
        super().__init__(0, store=first.store, signer=first.core.signer)
        self.clock.forward(after_ms)
        self.providers, self.version = first.providers, first.version
        self.broker.queues, self.broker.read = first.broker.queues, first.broker.read


async def _interrupted(*, accepted: bool) -> tuple[Stage, InvocationRequest, FakeProvider, str]:
    """Return a scheduler that ended while a job was open."""
    async with Stage() as first:
        (provider,) = first.providers
        await first.hear()
        request = await first.call()
        ticket = first.ticket(provider)
        if accepted:
            job_id = first.core.signer.read(ticket).job_id
            await first.say(provider, "accepted", Accepted(job_id=job_id, accepted_at_ms=NOW_MS))
    return first, request, provider, ticket


def test_a_running_job_is_finished_under_the_next_scheduler() -> None:
    async def play() -> None:
        first, request, provider, ticket = await _interrupted(accepted=True)
        async with _Successor(first, after_ms=clocks.SILENCE_MS) as second:
            await second.tick()
            assert not second.orders(provider)

            await second.say(provider, "finished", provider.finished(ticket))

            assert second.invocation_state(request) is InvocationState.SUCCEEDED
            assert [reply.output for reply in second.replies()] == [b"answer"]

    asyncio.run(play())


def test_a_ticket_that_may_not_have_been_sent_is_sent_again() -> None:
    async def play() -> None:
        first, request, provider, ticket = await _interrupted(accepted=False)
        async with _Successor(first, after_ms=1_000) as second:
            await second.core.settle(1)

            assert second.ticket(provider) == ticket
            assert second.job_states(request) == [JobState.PLACED]

    asyncio.run(play())


def test_a_ticket_that_is_too_old_is_not_sent_again_but_its_job_given_up() -> None:
    async def play() -> None:
        first, request, provider, _ = await _interrupted(accepted=False)
        first.providers.append(FakeProvider())
        async with _Successor(first, after_ms=clocks.ACCEPT_MS) as second:
            newcomer = second.providers[1]
            second.enrol(newcomer)
            await second.pass_time(2_000)
            assert not second.orders(provider)
            assert second.job_states(request) == [JobState.PLACED]

            await second.hear()
            await second.pass_time(clocks.GONE_MS)

            assert second.job_states(request) == [JobState.LOST, JobState.PLACED]

    asyncio.run(play())


def test_who_was_waiting_goes_on_waiting() -> None:
    async def play() -> None:
        async with Stage() as first:
            await first.hear(slots=1, free_slots=0)
            request = await first.call()
        async with _Successor(first) as second:
            (provider,) = second.providers
            await second.hear()
            await second.core.settle(1)

            assert second.core.signer.read(second.ticket(provider)).invocation_id == request.invocation_id

    asyncio.run(play())


def test_the_slots_of_open_jobs_stay_taken() -> None:
    async def play() -> None:
        first, _, provider, _ = await _interrupted(accepted=True)
        async with _Successor(first) as second:
            await second.hear(slots=1, free_slots=1)
            await second.call()

            assert not second.orders(provider)

    asyncio.run(play())


def test_what_providers_said_lately_is_known_to_the_next_scheduler() -> None:
    async def play() -> None:
        async with Stage(2) as first:
            idle, full = first.providers
            await first.hear(idle)
            await first.hear(full, slots=1, free_slots=0)
            await first.tick()
        async with _Successor(first, after_ms=clocks.HEARTBEAT_MS) as second:
            for _ in range(2):
                await second.call()
            await second.call()

            assert len(second.orders(idle)) == 2
            assert not second.orders(full)
            assert second.replies() == []

    asyncio.run(play())


def test_what_was_said_long_ago_is_not_believed() -> None:
    async def play() -> None:
        async with Stage() as first:
            await first.hear()
            await first.tick()
            first.disconnect(first.providers[0])
        async with _Successor(first, after_ms=clocks.SILENCE_MS) as second:
            await second.core.settle(1)
            await second.call()

            assert [reply.reason for reply in second.replies()] == [Reason.NO_PROVIDER]

    asyncio.run(play())
