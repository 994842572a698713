"""What goes wrong with a job: it is tried elsewhere, while there is time, or its caller is told why not."""

import asyncio
from uuid import UUID

import pytest

from scheduler import clocks
from scheduler.errors import TermSuperseded
from scheduler.states import InvocationState, JobState
from tests.support.scheduling.marketplace import NOW_MS, TIMEOUT_MS, FakeProvider
from tests.support.scheduling.stage import Stage
from tests.support.waiting import eventually
from wire import names
from wire.messages import Accepted, Cancel, InvocationRequest, JobRefused, ResultAcknowledged, Started
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason


def chosen(stage: Stage) -> FakeProvider:
    """Return the provider that has a ticket in its queue."""
    return next(provider for provider in stage.providers if stage.orders(provider))


def job_of(request: InvocationRequest, attempt: int = 1) -> str:
    return f"{UUID(request.invocation_id).hex}-{attempt}"


@pytest.mark.parametrize("exit_state", [ExitState.CRASHED, ExitState.PULL_FAILED])
def test_a_providers_fault_is_tried_on_another_provider(exit_state: ExitState) -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            await stage.hear()
            request = await stage.call()
            first = chosen(stage)
            await stage.say(first, "finished", first.finished(stage.ticket(first), b"", exit_state=exit_state))

            second = chosen(stage)
            assert second is not first
            await stage.say(second, "finished", second.finished(stage.ticket(second)))

            assert stage.job_states(request) == [JobState.FAILED, JobState.FINISHED]
            assert [reply.output for reply in stage.replies()] == [b"answer"]
            assert stage.told(first) == [ResultAcknowledged(job_id=job_of(request))]
            assert f"job.receipt:{job_of(request)}" in stage.store.outbox

    asyncio.run(play())


def test_a_refused_ticket_goes_to_another_provider_at_once() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            await stage.hear()
            request = await stage.call()
            first = chosen(stage)
            receipt = first.receipt(stage.ticket(first), b"", exit_state=ExitState.REFUSED)
            refused = JobRefused(job_id=job_of(request), reason=RefusalReason.NO_FREE_SLOT, receipt=receipt)
            await stage.say(first, "refused", refused)

            assert chosen(stage) is not first
            assert stage.told(first) == [ResultAcknowledged(job_id=job_of(request))]
            assert f"job.receipt:{job_of(request)}" in stage.store.outbox

            await stage.call()
            assert len(stage.orders(first)) == 0, "a full provider gets nothing before its next heartbeat"

    asyncio.run(play())


def test_a_refusal_without_a_receipt_supersedes_the_job() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            refused = JobRefused(job_id=job_of(request), reason=RefusalReason.BAD_SIGNATURE)
            await stage.say(provider, "refused", refused)

            assert f"job.supersede:{job_of(request)}" in stage.store.outbox
            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_FAILED]

    asyncio.run(play())


def test_a_result_whose_first_delivery_was_cut_short_is_told_by_the_second() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            finished = provider.finished(stage.ticket(provider))
            first = asyncio.create_task(stage.say(provider, "finished", finished))
            await asyncio.sleep(0)
            assert not stage.core.live.open_jobs
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await eventually("the commit", lambda: stage.job_states(request) == [JobState.FINISHED], 30)
            assert stage.replies() == []

            await stage.say(provider, "finished", finished)
            await stage.say(provider, "finished", finished)

            assert [(reply.output, reply.cost_micro) for reply in stage.replies()] == [(b"answer", 1)]
            assert UUID(request.invocation_id) not in stage.core.live

    asyncio.run(play())


def test_a_repeated_ticket_is_no_refusal() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            await stage.say(provider, "refused", JobRefused(job_id=job_of(request), reason=RefusalReason.REPEATED))

            assert stage.job_states(request) == [JobState.PLACED]
            assert stage.told(provider) == []

    asyncio.run(play())


def test_after_three_attempts_the_caller_is_told() -> None:
    async def play() -> None:
        async with Stage(5) as stage:
            await stage.hear()
            request = await stage.call()
            for _ in range(3):
                provider = chosen(stage)
                crashed = provider.finished(stage.ticket(provider), b"", exit_state=ExitState.CRASHED)
                await stage.say(provider, "finished", crashed)

            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_FAILED]
            assert stage.job_states(request) == [JobState.FAILED] * 3
            assert stage.invocation_state(request) is InvocationState.FAILED

    asyncio.run(play())


def test_a_ticket_that_is_not_accepted_in_time_goes_to_another_provider() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            await stage.hear()
            request = await stage.call()
            first = chosen(stage)
            stage.ticket(first)

            await stage.pass_time(clocks.ACCEPT_MS + clocks.ACCEPT_GRACE_MS)

            assert chosen(stage) is not first
            assert stage.job_states(request) == [JobState.LOST, JobState.PLACED]
            assert stage.told(first) == [Cancel(job_id=job_of(request))]
            outbox = stage.store.outbox
            assert outbox.index(f"job.supersede:{job_of(request)}") < outbox.index(f"job.create:{job_of(request, 2)}")

    asyncio.run(play())


def test_a_job_whose_agent_is_gone_is_done_by_another_one() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            await stage.hear()
            request = await stage.call()
            first = chosen(stage)
            await stage.say(first, "accepted", Accepted(job_id=job_of(request), accepted_at_ms=NOW_MS))
            stage.ticket(first)
            await stage.tick()

            stage.disconnect(first)
            await stage.pass_time(clocks.GONE_MS - 1_000)
            assert stage.job_states(request) == [JobState.ACCEPTED]
            await stage.pass_time(3_000)

            second = chosen(stage)
            assert second is not first
            await stage.say(second, "finished", second.finished(stage.ticket(second)))
            assert [reply.output for reply in stage.replies()] == [b"answer"]

    asyncio.run(play())


def test_a_late_result_is_kept_acknowledged_and_not_delivered() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            await stage.hear()
            request = await stage.call()
            first = chosen(stage)
            ticket = stage.ticket(first)
            await stage.pass_time(clocks.ACCEPT_MS + clocks.ACCEPT_GRACE_MS)

            await stage.say(first, "finished", first.finished(ticket, b"too late"))

            assert stage.replies() == []
            assert stage.told(first)[-1] == ResultAcknowledged(job_id=job_of(request))
            assert stage.store.jobs[job_of(request)].receipt

    asyncio.run(play())


def test_heartbeats_that_list_a_job_keep_it_alive_until_its_last_moment() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            await stage.say(provider, "accepted", Accepted(job_id=job_of(request), accepted_at_ms=NOW_MS))

            limit_ms = clocks.run_limit_ms(TIMEOUT_MS)
            for _ in range(limit_ms // clocks.HEARTBEAT_MS - 1):
                await stage.hear(running=(job_of(request),), free_slots=1)
                await stage.pass_time(clocks.HEARTBEAT_MS)
            assert stage.job_states(request) == [JobState.ACCEPTED]
            for _ in range(3):
                await stage.hear(running=(job_of(request),), free_slots=1)
                await stage.pass_time(clocks.HEARTBEAT_MS)

            assert stage.job_states(request) == [JobState.LOST]
            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_FAILED]

    asyncio.run(play())


def test_a_provider_that_falls_silent_loses_its_job() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            await stage.say(provider, "started", Started(job_id=job_of(request), started_at_ms=NOW_MS, pull_ms=0))
            await stage.pass_time(TIMEOUT_MS)
            assert stage.job_states(request) == [JobState.STARTED]

            await stage.pass_time(clocks.SILENCE_MS)

            assert stage.job_states(request) == [JobState.LOST]

    asyncio.run(play())


def test_after_the_scheduler_slept_nobody_is_judged_before_it_could_be_heard() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            await stage.say(provider, "started", Started(job_id=job_of(request), started_at_ms=NOW_MS, pull_ms=0))
            await stage.tick()

            await stage.tick(after_ms=3_600_000)
            await stage.tick()
            assert stage.job_states(request) == [JobState.STARTED]
            await stage.hear(running=(job_of(request),), free_slots=1)
            await stage.pass_time(clocks.AWAY_GRACE_MS + 1_000)

            assert stage.job_states(request) == [JobState.STARTED]

    asyncio.run(play())


def test_who_waits_for_a_second_attempt_is_served_by_whoever_comes() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            first, second = stage.providers
            await stage.hear(first)
            await stage.hear(second, slots=1, free_slots=0)
            request = await stage.call()
            crashed = first.finished(stage.ticket(first), b"", exit_state=ExitState.CRASHED)
            await stage.say(first, "finished", crashed)
            assert stage.job_states(request) == [JobState.FAILED]
            assert stage.replies() == []

            await stage.hear(second)
            await stage.core.settle(1)

            assert len(stage.orders(second)) == 1
            assert not stage.orders(first)

    asyncio.run(play())


def test_an_undeliverable_ticket_goes_elsewhere_at_the_next_look() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            one, two = stage.providers
            del stage.broker.queues[names.jobs_queue(one.spec.queue_secret)]
            await stage.hear(one)
            request = await stage.call()
            await stage.hear(two)

            await stage.tick()

            assert len(stage.orders(two)) == 1
            assert stage.job_states(request) == [JobState.LOST, JobState.PLACED]

    asyncio.run(play())


def test_a_poison_change_ends_its_own_invocation_and_no_other() -> None:
    async def play() -> None:
        async with Stage() as stage:
            await stage.hear()
            poison = await stage.call()
            del stage.store.jobs[job_of(poison)]
            provider = chosen(stage)
            first = provider.finished(stage.ticket(provider))
            healthy = await stage.call()
            second = provider.finished(stage.ticket(provider))

            await asyncio.gather(
                stage.say(provider, "finished", first),
                stage.say(provider, "finished", second),
            )

            reasons = {reply.invocation_id: reply.reason for reply in stage.replies()}
            assert reasons == {poison.invocation_id: Reason.INTERNAL, healthy.invocation_id: None}

    asyncio.run(play())


def test_a_superseded_scheduler_stops() -> None:
    async def play() -> None:
        async with Stage() as stage:
            await stage.hear()
            stage.store.take_over(now_ms=NOW_MS)

            with pytest.raises(TermSuperseded):
                await stage.call()

            assert not stage.store.invocations

    asyncio.run(play())


def test_while_the_database_is_away_work_waits_and_then_goes_on() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            ticket = stage.ticket(provider)
            stage.store.available = False
            saying = asyncio.create_task(stage.say(provider, "finished", provider.finished(ticket)))
            await eventually("the lost database", lambda: not stage.core.commit.available, 30)
            assert stage.replies() == []

            stage.store.available = True
            await saying

            assert [reply.output for reply in stage.replies()] == [b"answer"]

    asyncio.run(play())


def test_the_jobs_of_a_revoked_provider_go_elsewhere_at_the_next_look() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            await stage.hear()
            request = await stage.call()
            first = chosen(stage)
            await stage.say(first, "accepted", Accepted(job_id=job_of(request), accepted_at_ms=NOW_MS))
            stage.ticket(first)
            del stage.store.enrolled[first.id]

            await stage.pass_time(2_000)

            assert chosen(stage) is not first
            assert stage.job_states(request) == [JobState.LOST, JobState.PLACED]

    asyncio.run(play())
