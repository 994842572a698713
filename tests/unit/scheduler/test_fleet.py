"""Slots are counted by the scheduler and by the heartbeat; the smaller number holds."""

import pytest

from scheduler import clocks
from scheduler.clocks import SILENCE_MS
from scheduler.fleet import Fleet, plausible
from tests.support.scheduling.marketplace import NOW_MS, FakeProvider


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def fleet(provider: FakeProvider) -> Fleet:
    fleet = Fleet()
    fleet.enrol([provider.spec])
    return fleet


def free(fleet: Fleet, now_ms: int = NOW_MS) -> list[int]:
    return [item.free_slots for item in fleet.capacities(now_ms=now_ms)]


def test_nobody_is_offered_before_it_was_heard_or_long_after(fleet: Fleet, provider: FakeProvider) -> None:
    assert free(fleet) == []
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)

    assert free(fleet, NOW_MS + SILENCE_MS - 1) == [2]
    assert free(fleet, NOW_MS + SILENCE_MS) == []


def test_a_slot_that_was_given_away_is_not_given_twice(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    fleet.take(provider.id, "a-1")
    assert free(fleet) == [1]

    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    assert free(fleet) == [1], "the heartbeat was sent before the ticket arrived"
    fleet.hear(provider.id, provider.heartbeat(free_slots=1, running=("a-1",)), now_ms=NOW_MS)
    assert free(fleet) == [1], "the same job is not counted twice"

    fleet.release(provider.id, "a-1")
    assert free(fleet) == [2], "no heartbeat has to come first"


def test_a_heartbeat_that_crossed_the_end_of_a_job_takes_no_slot(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    fleet.take(provider.id, "a-1")
    fleet.release(provider.id, "a-1")

    fleet.hear(provider.id, provider.heartbeat(free_slots=1, running=("a-1",)), now_ms=NOW_MS)

    assert free(fleet) == [2]


def test_what_the_scheduler_does_not_know_takes_slots_too(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(free_slots=1, running=("stranger-1",)), now_ms=NOW_MS)

    assert free(fleet) == [1]


def test_a_provider_that_said_it_is_full_is_full_until_it_is_heard(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    fleet.full(provider.id)
    assert free(fleet) == [0]

    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    assert free(fleet) == [2]


def test_an_agent_that_is_gone_is_not_offered_until_it_is_back(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    assert fleet.note_connection(provider.id, connected=False, now_ms=NOW_MS) == 0
    assert fleet.note_connection(provider.id, connected=False, now_ms=NOW_MS + 4_000) == 4_000
    assert free(fleet) == []

    fleet.note_connection(provider.id, connected=True, now_ms=NOW_MS + 5_000)
    assert free(fleet) == [2]


def test_who_is_revoked_is_forgotten_and_who_stays_keeps_its_slots(fleet: Fleet, provider: FakeProvider) -> None:
    newcomer = FakeProvider()
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    fleet.take(provider.id, "a-1")

    fleet.enrol([provider.spec, newcomer.spec])
    assert free(fleet) == [1]
    fleet.enrol([newcomer.spec])

    assert fleet.spec(provider.id) is None
    assert free(fleet) == []


def test_more_slots_than_the_memory_holds_are_not_believed(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(slots=1_000, free_slots=1_000, memory_mb=160), now_ms=NOW_MS)
    assert free(fleet) == [10]

    fleet.hear(provider.id, provider.heartbeat(slots=1_000, free_slots=1_000, memory_mb=10**6), now_ms=NOW_MS)
    assert free(fleet) == [256]


def test_who_goes_on_failing_is_paused_and_then_tried_with_one_job(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)
    for _ in range(3):
        fleet.failed(provider.id, now_ms=NOW_MS)
    (there,) = fleet.capacities(now_ms=NOW_MS)
    assert (there.paused, there.failures) == (True, 3)

    after = NOW_MS + clocks.PAUSE_MS
    (there,) = fleet.capacities(now_ms=after)
    assert (there.paused, there.free_slots) == (False, 1)
    assert fleet.resumed(since_ms=after - 1, now_ms=after)
    assert not fleet.resumed(since_ms=after, now_ms=after + 1)

    fleet.succeeded(provider.id, "")
    assert free(fleet, after) == [2]


def test_people_are_shown_each_heartbeat_once(fleet: Fleet, provider: FakeProvider) -> None:
    fleet.hear(provider.id, provider.heartbeat(), now_ms=NOW_MS)

    assert [item.provider_id for item in fleet.heard()] == [provider.id]
    assert fleet.heard() == []


@pytest.mark.parametrize(
    "lie",
    [
        {"slots": -1},
        {"slots": 10**6, "free_slots": 1},
        {"free_slots": 3},
        {"memory_mb": 2**31},
        {"price_nano_per_ms": -5},
        {"provider_id": "somebody else"},
        {"architecture": "amd64" * 10},
        {"agent_version": "v\0"},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_heartbeat_that_cannot_be_true_is_known_as_such(provider: FakeProvider, lie: dict[str, object]) -> None:
    assert plausible(provider.heartbeat(), provider.id)
    assert not plausible(provider.heartbeat(**lie), provider.id)
