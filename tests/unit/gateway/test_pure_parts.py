"""Paths, rates and places: decisions without I/O."""

import asyncio
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gateway.errors import CallRefused
from portal.gateway.http.routing import AskHealth, AskInvocation, CallFunction, Route, route
from portal.gateway.waiting import WaitingCallers
from portal.invocations.rates import Rates
from wire.messages import InvocationReply
from wire.problems import Reason

ID = "6f1c9b0e-7d4b-4f8e-9a34-0c6a5a9f2b11"


def test_a_path_of_two_names_calls_a_function() -> None:
    assert route("/f/alice/word-count") == CallFunction("alice", "word-count")


def test_an_invocation_is_asked_for_by_its_id() -> None:
    assert route(f"/i/{ID}") == AskInvocation(UUID(ID), wants_result=False)
    assert route(f"/i/{ID}/result") == AskInvocation(UUID(ID), wants_result=True)
    assert route("/healthz") == AskHealth()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/f/alice",
        "/f/alice/",
        "/f/alice/echo/",
        "//f/alice/echo",
        "/f//echo",
        "/f/alice/echo/../admin",
        "/f/../alice/echo",
        "/f/alice/%65cho",
        "/f/alice/echo%00",
        "/f/alice/echo;x=1",
        "/f/Alice/echo",
        "/f/alice/echo\n",
        "/f/ali\u0441e/echo",
        f"/i/{ID.upper()}",
        f"/i/{ID}/result/",
        f"/i/{ID[:-1]}",
        "/metrics",
        "/sign-in",
        "http://functions.test/f/alice/echo",
        "/f/" + "a" * 40 + "/echo",
    ],
)
def test_a_path_that_is_not_spelt_exactly_is_nothing(path: str) -> None:
    assert route(path) is None


def spelt(found: Route) -> str:
    match found:
        case CallFunction(developer, function):
            return f"/f/{developer}/{function}"
        case AskInvocation(invocation_id, wants_result):
            return f"/i/{invocation_id}/result" if wants_result else f"/i/{invocation_id}"
        case AskHealth():
            return "/healthz"


@given(
    st.text()
    | st.from_regex(r"/f/[a-zA-Z0-9-]+/[a-zA-Z0-9-]+(\n|/|\Z)")
    | st.uuids().map(lambda id_: f"/i/{id_}")
    | st.uuids().map(lambda id_: f"/i/{id_}/result\n")
)
def test_no_text_at_all_breaks_the_routing_or_has_two_spellings(path: str) -> None:
    found = route(path)

    assert found is None or spelt(found) == path


def test_a_minute_of_calls_gets_through_at_once_and_the_next_waits() -> None:
    rates, version_id = Rates(), uuid4()

    at_once = [rates.take(version_id, per_minute=60, now=100.0) for _ in range(61)]

    assert at_once == [0] * 60 + [1]


def test_the_seconds_to_wait_are_enough() -> None:
    rates, version_id = Rates(), uuid4()
    for _ in range(6):
        rates.take(version_id, per_minute=6, now=0.0)

    seconds = rates.take(version_id, per_minute=6, now=4.0)

    assert seconds == 6
    assert rates.take(version_id, per_minute=6, now=4.0 + seconds) == 0


def test_one_function_s_callers_do_not_spend_another_s_rate() -> None:
    rates, busy, idle = Rates(), uuid4(), uuid4()
    rates.take(busy, per_minute=1, now=0.0)

    assert rates.take(busy, per_minute=1, now=0.0) == 60
    assert rates.take(idle, per_minute=1, now=0.0) == 0


@given(st.lists(st.floats(0, 50), max_size=200), st.integers(1, 100))
def test_no_more_than_two_minutes_of_calls_pass_in_one_minute(pauses: list[float], per_minute: int) -> None:
    rates, version_id, now, passed = Rates(), uuid4(), 0.0, [0.0]
    for pause in pauses:
        now += pause
        if rates.take(version_id, per_minute=per_minute, now=now) == 0:
            passed.append(now)

    assert sum(1 for at in passed if at > now - 60) <= 2 * per_minute + 1


def test_processes_share_a_function_s_calls() -> None:
    workers, version_id = [Rates(workers=4) for _ in range(4)], uuid4()

    at_once = [rates.take(version_id, per_minute=60, now=0.0) for rates in workers for _ in range(60)]

    assert at_once.count(0) == 60
    assert workers[0].take(version_id, per_minute=60, now=0.0) == 4, "its share comes back four times as slowly"


def test_a_share_of_less_than_a_call_is_a_call_now_and_then() -> None:
    rates, version_id = Rates(workers=4), uuid4()

    assert rates.take(version_id, per_minute=1, now=0.0) == 0
    assert rates.take(version_id, per_minute=1, now=0.0) == 240
    assert rates.take(version_id, per_minute=1, now=240.0) == 0


def test_buckets_are_bounded_and_the_longest_unused_goes() -> None:
    rates, first = Rates(capacity=2), uuid4()
    rates.take(first, per_minute=1, now=0.0)
    for _ in range(2):
        rates.take(uuid4(), per_minute=1, now=0.0)

    assert len(rates._buckets) == 2
    assert first not in rates._buckets


def reply(invocation_id: str, **columns: object) -> InvocationReply:
    return InvocationReply(invocation_id=invocation_id, **columns)  # type: ignore[arg-type]


def test_a_reply_reaches_only_who_waits_for_it() -> None:
    async def scenario() -> None:
        waiting = WaitingCallers(2)
        with waiting.place("mine", commit_only=False) as mine, waiting.place("other", commit_only=False) as other:
            assert waiting.deliver(reply("mine", output=b"1"))
            assert not waiting.deliver(reply("mine", output=b"2"))
            assert not waiting.deliver(reply("nobody's"))
            assert mine.result().output == b"1"
            assert not other.done()
        assert not waiting.deliver(reply("other"))
        assert len(waiting) == 0

    asyncio.run(scenario())


def test_the_word_that_it_is_committed_is_an_answer_only_to_who_asked_for_that() -> None:
    async def scenario() -> None:
        waiting = WaitingCallers(2)
        with waiting.place("a", commit_only=False), waiting.place("b", commit_only=True):
            assert not waiting.deliver(reply("a", pending=True))
            assert waiting.deliver(reply("b", pending=True))

    asyncio.run(scenario())


def test_no_more_callers_wait_than_there_are_places() -> None:
    async def scenario() -> None:
        waiting = WaitingCallers(1)
        with waiting.place("a", commit_only=False):
            with pytest.raises(CallRefused) as refused, waiting.place("b", commit_only=False):
                pass
            assert refused.value.reason == Reason.OVERLOADED
        with waiting.place("b", commit_only=False):
            pass

    asyncio.run(scenario())
