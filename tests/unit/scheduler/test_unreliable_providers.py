"""Machines that say much and deliver nothing do not keep a function from the one that works."""

import asyncio
from collections.abc import Callable

import pytest

from scheduler import clocks
from tests.support.scheduling.marketplace import PRICE, FakeProvider
from tests.support.scheduling.stage import Stage
from wire import envelope, signing
from wire.messages import JobRefused, Message, Ticket
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason

Answer = Callable[[FakeProvider, str], tuple[str, Message]]
_LIES = {"slots": 1_024, "free_slots": 1_024, "price_nano_per_ms": 0}


def crash(provider: FakeProvider, ticket: str) -> tuple[str, Message]:
    return "finished", provider.finished(ticket, b"", exit_state=ExitState.CRASHED)


def fail_to_pull(provider: FakeProvider, ticket: str) -> tuple[str, Message]:
    return "finished", provider.finished(ticket, b"", exit_state=ExitState.PULL_FAILED)


def refuse(_: FakeProvider, ticket: str) -> tuple[str, Message]:
    job_id = envelope.parse_as(Ticket, signing.payload_of(ticket)).job_id
    return "refused", JobRefused(job_id=job_id, reason=RefusalReason.TOO_LARGE)


def forge(provider: FakeProvider, ticket: str) -> tuple[str, Message]:
    """Say another result than its receipt."""
    return "finished", provider.finished(ticket, output_digest="0" * 64)


async def answer_all(stage: Stage, liars: list[FakeProvider], lie: Answer) -> None:
    """Let every provider answer its tickets until there is none."""
    while busy := next((provider for provider in stage.providers if stage.orders(provider)), None):
        ticket = stage.ticket(busy)
        await stage.say(busy, *(lie(busy, ticket) if busy in liars else ("finished", busy.finished(ticket))))


@pytest.mark.parametrize("lie", [crash, fail_to_pull, refuse, forge])
def test_three_liars_do_not_stop_a_function(lie: Answer) -> None:
    async def play() -> None:
        async with Stage(4) as stage:
            good, *liars = stage.providers
            await stage.hear(good, images=(), price_nano_per_ms=PRICE)
            await stage.hear(*liars, **_LIES)
            for _ in range(20):
                await stage.call()
                await answer_all(stage, liars, lie)
                await stage.hear(*liars, **_LIES)

            ends = [reply.reason for reply in stage.replies()]
            assert ends[1:] == [None] * 19, "at most the first call meets three who were never seen to fail"

    asyncio.run(play())


def test_one_who_always_fails_is_paused_and_those_who_wait_are_served_after_it() -> None:
    async def play() -> None:
        async with Stage(1) as stage:
            (provider,) = stage.providers
            await stage.hear()
            for _ in range(3):
                await stage.call()
                await answer_all(stage, [provider], crash)
            await stage.call()
            assert not stage.orders(provider)

            await stage.pass_time(clocks.PAUSE_MS)
            await answer_all(stage, [], crash)

            assert [reply.reason for reply in stage.replies()] == [Reason.PROVIDERS_FAILED] * 3 + [None]

    asyncio.run(play())
