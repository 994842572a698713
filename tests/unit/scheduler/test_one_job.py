"""A request becomes a job, a ticket, a result and an answer."""

import asyncio
from uuid import UUID, uuid4

from scheduler.states import InvocationState, JobState
from tests.support.scheduling.marketplace import MAX_COST, NOW_MS, PRICE, FakeProvider
from tests.support.scheduling.stage import Stage
from wire import envelope, names, signing
from wire.messages import (
    Accepted,
    Acknowledgement,
    InvocationReply,
    InvocationRequest,
    ResultAcknowledged,
    Started,
    Ticket,
)
from wire.outcomes import ExitState
from wire.problems import Reason


def test_a_request_is_served_and_answered() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()

            ticket = stage.ticket(provider)
            await stage.say(provider, "accepted", Accepted(job_id=_job(request), accepted_at_ms=NOW_MS))
            await stage.say(provider, "started", Started(job_id=_job(request), started_at_ms=NOW_MS, pull_ms=0))
            stage.clock.forward(60)
            await stage.say(provider, "finished", provider.finished(ticket))

            assert stage.replies() == [
                InvocationReply(
                    invocation_id=request.invocation_id,
                    job_id=_job(request),
                    output=b"answer",
                    run_ms=40,
                    cost_micro=40,
                )
            ]
            assert stage.invocation_state(request) is InvocationState.SUCCEEDED
            (acknowledged,) = stage.told(provider)
            assert isinstance(acknowledged, ResultAcknowledged)
            word = stage.core.signer.key.public.verify(acknowledged.acknowledgement or "", signing.ACKNOWLEDGEMENT)
            assert envelope.parse_as(Acknowledgement, word).job_id == _job(request)

    asyncio.run(play())


def test_a_ticket_says_what_the_version_and_the_provider_say() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear(price_nano_per_ms=PRICE // 2)
            await stage.call()

            ticket = stage.core.signer.read(stage.ticket(provider))

            assert ticket.image == stage.version.image
            assert ticket.price_nano_per_ms == PRICE // 2
            assert ticket.max_cost_micro == MAX_COST // 2
            assert ticket.term == 1
            assert ticket.issued_at_ms < ticket.accept_by_ms < ticket.pull_by_ms < ticket.pay_until_ms

    asyncio.run(play())


def test_nobody_is_billed_for_more_than_was_observed() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            ticket = stage.ticket(provider)

            stage.clock.forward(25)
            await stage.say(provider, "finished", provider.finished(ticket, run_ms=9_000))

            assert stage.replies()[0].cost_micro == 25

    asyncio.run(play())


def test_a_functions_error_is_told_and_not_tried_again() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            await stage.hear()
            request = await stage.call()
            provider = next(item for item in stage.providers if stage.orders(item))

            ticket = stage.ticket(provider)
            await stage.say(provider, "finished", provider.finished(ticket, exit_state=ExitState.FUNCTION_ERROR))

            assert [reply.reason for reply in stage.replies()] == [Reason.FUNCTION_ERROR]
            assert stage.job_states(request) == [JobState.FINISHED]

    asyncio.run(play())


def test_without_a_fitting_provider_the_answer_comes_at_once() -> None:
    async def play() -> None:
        async with Stage() as stage:
            await stage.hear(architecture="arm64")
            request = await stage.call()

            assert [reply.reason for reply in stage.replies()] == [Reason.NO_PROVIDER]
            assert stage.invocation_state(request) is InvocationState.FAILED

    asyncio.run(play())


def test_a_request_waits_for_a_free_slot_and_gets_it() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear(slots=1, free_slots=1)
            await stage.call()
            second = await stage.call()
            assert len(stage.orders(provider)) == 1

            await stage.say(provider, "finished", provider.finished(stage.ticket(provider)))
            await stage.core.settle(1)

            assert stage.core.signer.read(stage.ticket(provider)).invocation_id == second.invocation_id

    asyncio.run(play())


def test_requests_are_served_in_the_order_in_which_they_came() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear(slots=1, free_slots=1)
            requests = [await stage.call() for _ in range(4)]

            served = []
            for _ in requests:
                ticket = stage.ticket(provider)
                served.append(stage.core.signer.read(ticket).invocation_id)
                await stage.say(provider, "finished", provider.finished(ticket))
                await stage.core.settle(1)

            assert served == [request.invocation_id for request in requests]

    asyncio.run(play())


def test_who_waits_too_long_is_told_that_all_were_busy() -> None:
    async def play() -> None:
        async with Stage() as stage:
            await stage.hear(slots=1, free_slots=0)
            await stage.call(deadline_at_ms=NOW_MS + 2_000)
            await stage.tick(after_ms=1_000)
            assert stage.replies() == []

            await stage.tick(after_ms=1_500)

            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_BUSY]

    asyncio.run(play())


def test_after_a_start_connected_agents_are_waited_for_before_anyone_is_turned_away() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.core.settle(1)
            await stage.call()
            assert stage.replies() == []

            await stage.hear()
            await stage.core.settle(1)

            assert len(stage.orders(provider)) == 1

    asyncio.run(play())


def test_a_short_deposit_is_a_payment_problem() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            stage.store.deposits[stage.version.developer_id] = MAX_COST - 1
            await stage.hear()
            request = await stage.call()

            assert [reply.reason for reply in stage.replies()] == [Reason.INSUFFICIENT_DEPOSIT]
            assert stage.invocation_state(request) is InvocationState.FAILED
            assert not stage.orders(provider)
            assert stage.core.live.open_jobs == 0

    asyncio.run(play())


def test_a_caller_that_does_not_wait_is_told_when_its_request_is_committed() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call(respond_async=True)
            assert stage.replies() == [InvocationReply(invocation_id=request.invocation_id, pending=True)]

            await stage.say(provider, "finished", provider.finished(stage.ticket(provider)))

            assert stage.invocation_state(request) is InvocationState.SUCCEEDED
            assert len(stage.replies()) == 1

    asyncio.run(play())


def test_a_request_that_comes_twice_is_served_once() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            await stage.broker.deliver(names.INVOCATIONS, request, names.INVOCATIONS)
            assert len(stage.orders(provider)) == 1

            await stage.say(provider, "finished", provider.finished(stage.ticket(provider)))
            await stage.broker.deliver(names.INVOCATIONS, request, names.INVOCATIONS)

            assert not stage.orders(provider)
            assert [reply.output for reply in stage.replies()] == [b"answer", b"answer"]

    asyncio.run(play())


def test_an_unknown_version_and_a_large_input_are_turned_away() -> None:
    async def play() -> None:
        async with Stage() as stage:
            await stage.hear()
            await stage.call(version_id=str(uuid4()))
            await stage.call(input=b"x" * (stage.version.limits.input_bytes + 1))
            await stage.call(deadline_at_ms=NOW_MS)

            reasons = [reply.reason for reply in stage.replies()]
            assert reasons == [Reason.NOT_FOUND, Reason.INPUT_TOO_LARGE, Reason.OVERLOADED]
            assert not stage.store.invocations

    asyncio.run(play())


def test_what_cannot_be_read_is_dropped() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            for body in (b"", b"[]", b'{"kind":"unknown.v9"}', envelope.dump(provider.heartbeat())):
                await stage.broker.deliver(names.INVOCATIONS, body, names.INVOCATIONS)
                await stage.broker.deliver(names.RESULTS, body, names.event_key(provider.id, "finished"))
            await stage.call(invocation_id="not an id")

            assert not stage.store.invocations

    asyncio.run(play())


def test_a_provider_enrolled_later_is_known_when_it_is_heard() -> None:
    async def play() -> None:
        async with Stage(0) as stage:
            newcomer = FakeProvider()
            stage.enrol(newcomer)
            stage.clock.forward(1_000)
            await stage.hear(newcomer)

            await stage.call()

            assert len(stage.orders(newcomer)) == 1

    asyncio.run(play())


def test_a_heartbeat_that_cannot_be_true_counts_for_nothing() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            honest, liar = stage.providers
            await stage.hear(liar, slots=1, free_slots=5)
            await stage.hear(liar, memory_mb=-1)
            await stage.say(liar, "heartbeat", honest.heartbeat())

            assert stage.core.fleet.capacities(now_ms=NOW_MS) == []

    asyncio.run(play())


def test_tickets_are_whole_messages() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()

            payload = signing.payload_of(stage.ticket(provider))

            assert envelope.dump(envelope.parse_as(Ticket, payload)) == payload

    asyncio.run(play())


def _job(request: InvocationRequest) -> str:
    return f"{UUID(request.invocation_id).hex}-1"
