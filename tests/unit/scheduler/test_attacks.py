"""A provider lies: nothing that it says changes another one's job, and nothing false is paid or delivered."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from scheduler.states import JobState
from tests.support.scheduling.marketplace import NOW_MS, FakeProvider, make_signer
from tests.support.scheduling.stage import Stage
from wire import envelope, signing
from wire.messages import Accepted, InvocationRequest, JobRefused, ResultAcknowledged, Started, Ticket
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason


def job_of(request: InvocationRequest, attempt: int = 1) -> str:
    return f"{UUID(request.invocation_id).hex}-{attempt}"


async def _served_by(stage: Stage) -> tuple[InvocationRequest, FakeProvider, FakeProvider, str]:
    """Return a request, who serves it, who does not, and the ticket."""
    await stage.hear()
    request = await stage.call()
    honest = next(provider for provider in stage.providers if stage.orders(provider))
    attacker = next(provider for provider in stage.providers if provider is not honest)
    return request, honest, attacker, stage.ticket(honest)


def test_a_result_by_another_provider_changes_nothing() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            request, honest, attacker, ticket = await _served_by(stage)

            await stage.say(attacker, "finished", attacker.finished(ticket, b"forged"))
            await stage.say(attacker, "finished", honest.finished(ticket, b"forged"))

            assert stage.job_states(request) == [JobState.PLACED]
            assert stage.replies() == []
            assert stage.told(attacker) == [ResultAcknowledged(job_id=job_of(request))] * 2

    asyncio.run(play())


def test_a_receipt_by_another_key_fails_the_job_and_is_not_delivered() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            request, honest, attacker, ticket = await _served_by(stage)

            await stage.say(honest, "finished", attacker.finished(ticket))

            assert stage.replies() == []
            assert stage.job_states(request) == [JobState.FAILED, JobState.PLACED]
            assert f"job.supersede:{job_of(request)}" in stage.store.outbox

    asyncio.run(play())


def test_an_altered_output_fails_the_job_and_is_not_delivered() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            finished = replace(provider.finished(stage.ticket(provider)), output=b"altered")

            await stage.say(provider, "finished", finished)

            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_FAILED]
            assert stage.told(provider)[0] == ResultAcknowledged(job_id=finished.job_id)

    asyncio.run(play())


def test_an_output_larger_than_allowed_fails_the_job() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            large = b"x" * (stage.version.limits.output_bytes + 1)

            await stage.say(provider, "finished", provider.finished(stage.ticket(provider), large))

            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_FAILED]

    asyncio.run(play())


def test_a_receipt_of_another_ticket_is_worth_nothing() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            await stage.call()
            one, two = stage.ticket(provider), stage.ticket(provider)
            mixed = replace(provider.finished(two), receipt=provider.receipt(one))

            await stage.say(provider, "finished", mixed)

            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_FAILED]

    asyncio.run(play())


def test_a_result_that_comes_twice_is_answered_once_and_acknowledged_twice() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            finished = provider.finished(stage.ticket(provider))

            await stage.say(provider, "finished", finished)
            await stage.say(provider, "finished", finished)

            assert len(stage.replies()) == 1
            told = stage.told(provider)
            assert len(told) == 2
            assert all(isinstance(word, ResultAcknowledged) and word.acknowledgement for word in told)

    asyncio.run(play())


def test_a_second_result_with_another_output_is_not_accepted() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            ticket = stage.ticket(provider)
            await stage.say(provider, "finished", provider.finished(ticket))

            await stage.say(provider, "finished", provider.finished(ticket, b"second thoughts"))

            assert stage.told(provider)[-1] == ResultAcknowledged(job_id=job_of(request))
            assert len(stage.replies()) == 1

    asyncio.run(play())


def test_nobody_refuses_accepts_or_starts_anothers_job() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            request, _, attacker, _ = await _served_by(stage)
            job = job_of(request)

            await stage.say(attacker, "refused", JobRefused(job_id=job, reason=RefusalReason.DRAINING))
            await stage.say(attacker, "accepted", Accepted(job_id=job, accepted_at_ms=NOW_MS))
            await stage.say(attacker, "started", Started(job_id=job, started_at_ms=NOW_MS, pull_ms=0))
            await stage.hear(attacker, running=(job,))

            assert stage.job_states(request) == [JobState.PLACED]
            found = stage.core.live.of_job(job)
            assert found is not None
            assert not found[1].silence.accepted

    asyncio.run(play())


def test_a_revoked_provider_is_not_heard() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            ticket = stage.ticket(provider)
            del stage.store.enrolled[provider.id]
            await stage.tick(after_ms=1_000)

            await stage.hear()
            await stage.say(provider, "finished", provider.finished(ticket))
            await stage.call()

            assert not stage.orders(provider)
            assert [reply.reason for reply in stage.replies()] == [Reason.NO_PROVIDER]

    asyncio.run(play())


def test_a_made_up_job_is_acknowledged_and_stored_nowhere() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            ticket = stage.core.signer.read(stage.ticket(provider))
            invented = make_signer().key.sign(envelope.dump(replace(ticket, job_id="f" * 32 + "-1")), signing.TICKET)

            await stage.say(provider, "finished", provider.finished(invented))

            assert stage.told(provider) == [ResultAcknowledged(job_id="f" * 32 + "-1")]
            assert len(stage.store.jobs) == 1

    asyncio.run(play())


def test_a_claim_of_more_than_the_maximum_is_clamped() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            ticket = stage.ticket(provider)
            max_ms = envelope.parse_as(Ticket, signing.payload_of(ticket)).max_ms
            stage.clock.forward(10 * max_ms)

            await stage.say(provider, "finished", provider.finished(ticket, run_ms=2**53))

            finish = stage.store.jobs[job_of(request)].finish
            assert finish is not None
            assert finish.run_ms == max_ms

    asyncio.run(play())


@pytest.mark.parametrize("exit_state", [ExitState.SUCCEEDED, ExitState.CRASHED])
@pytest.mark.parametrize(
    "changes", [{"run_ms": 0}, {"run_ms": -1}, {"run_ms": 2**60}, {"output_digest": "x"}, {"output_digest": "A" * 64}]
)
def test_a_receipt_that_the_ledger_would_refuse_is_none(exit_state: ExitState, changes: dict[str, Any]) -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()

            await stage.say(
                provider, "finished", provider.finished(stage.ticket(provider), exit_state=exit_state, **changes)
            )

            assert stage.job_states(request) == [JobState.FAILED]
            assert stage.store.outbox[1:] == [f"job.supersede:{job_of(request)}"]
            assert [reply.output for reply in stage.replies()] == [b""]

    asyncio.run(play())


def test_text_that_no_database_takes_is_cleaned() -> None:
    async def play() -> None:
        async with Stage() as stage:
            (provider,) = stage.providers
            await stage.hear()
            request = await stage.call()
            finished = replace(provider.finished(stage.ticket(provider)), log_tail="a\0b" + "x" * 100_000)

            await stage.say(provider, "finished", finished)

            finish = stage.store.jobs[job_of(request)].finish
            assert finish is not None
            assert "\0" not in finish.log_tail
            assert len(finish.log_tail) <= 8_192

    asyncio.run(play())


def test_a_refusal_with_anothers_receipt_still_frees_the_job() -> None:
    async def play() -> None:
        async with Stage(2) as stage:
            request, honest, attacker, ticket = await _served_by(stage)
            forged = attacker.receipt(ticket, b"", exit_state=ExitState.REFUSED)

            await stage.say(
                honest, "refused", JobRefused(job_id=job_of(request), reason=RefusalReason.DRAINING, receipt=forged)
            )

            assert f"job.supersede:{job_of(request)}" in stage.store.outbox

    asyncio.run(play())
