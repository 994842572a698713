"""A job begins within what its developer published, and with its largest cost held."""

from typing import Any

import pytest

from tests.support.ledger import CREDIT, IMAGE, KEYS, NOON, PRICE, TICKET, World, job_arguments
from wire.ledger import state_keys
from wire.ledger.operations import PublishVersion
from wire.ledger.records import AccountRecord, Spent
from wire.ledger.states import JobRecordState


def test_a_created_job_holds_its_largest_cost(world: World) -> None:
    assert world.create() == "applied"

    job = world.job()
    assert (job.state, job.account_id, job.created_at_ms) == (JobRecordState.CREATED, "alice", NOON)
    assert (job.max_cost_micro, job.ticket_digest) == (20 * CREDIT, TICKET)
    assert world.account("bob") == AccountRecord(available=500 * CREDIT, deposit=80 * CREDIT, held=20 * CREDIT)
    assert world.events[-1].name == "job.created.v1"
    assert world.events[-1].body["max_cost_micro"] == 20 * CREDIT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version_id": "bob-v2"}, "unknown_version"),
        ({"version_id": "james-v1"}, "not_the_developer"),
        ({"developer_id": "james"}, "not_the_developer"),
        ({"provider_id": "mallory-pc"}, "unknown_provider"),
        ({"price_nano_per_ms": 2 * PRICE + 1, "max_ms": 1}, "over_ceiling"),
        ({"max_ms": 30_001}, "over_timeout"),
        ({"max_ms": 0}, "over_timeout"),
        ({"max_ms": -5}, "over_timeout"),
        ({"max_cost_micro": 20 * CREDIT - 1}, "wrong_cost"),
        ({"max_cost_micro": 20 * CREDIT + 1}, "wrong_cost"),
        ({"max_cost_micro": -1}, "malformed"),
        ({"price_nano_per_ms": -1}, "malformed"),
        ({"ticket_digest": "A" * 64}, "malformed"),
        ({"ticket_digest": ""}, "malformed"),
        ({"replicas": 0}, "malformed"),
        ({"replicas": 17}, "malformed"),
        ({"job_id": "a~b"}, "malformed"),
        ({"job_id": ""}, "malformed"),
        ({"pay_until_ms": 2**53 + 1}, "malformed"),
    ],
)
def test_a_job_outside_what_was_published_is_refused_and_nothing_moves(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    before = dict(world.ledger.items(""))

    assert world.do(job_arguments(**{"job_id": "job6", **changes})) == reason

    assert dict(world.ledger.items("")) == before


def test_only_the_controller_creates_jobs(world: World) -> None:
    for key in (KEYS.custody, KEYS.treasury, KEYS.ours, KEYS.peers, KEYS.alice, KEYS.root):
        assert world.do(job_arguments(), by=key) == "not_authorised"
        assert world.do(job_arguments(), author=key) == "not_authorised"
    assert world.do(job_arguments(), by=KEYS.stranger) == "unknown_key"
    assert world.do(job_arguments(), author=KEYS.stranger) == "unknown_key"


def test_a_job_is_created_once(world: World) -> None:
    assert world.create() == "applied"
    assert world.create() == "job_exists"
    assert world.create(invocation_id="another") == "job_exists"


def test_a_job_that_the_deposit_does_not_cover_is_refused_alone(world: World) -> None:
    assert [world.create(f"job{number}") for number in range(5)] == ["applied"] * 5
    before = dict(world.ledger.items(""))

    assert world.create("job5") == "deposit_too_low"

    assert world.account("bob").held == 100 * CREDIT
    assert dict(world.ledger.items("")) == before


def test_the_daily_budget_counts_what_jobs_may_cost_and_gives_back_what_they_did_not(world: World) -> None:
    world.publish("bob-v2", "bob", budget_micro_per_day=30 * CREDIT)
    first = {"version_id": "bob-v2"}

    assert world.create("job1", **first) == "applied"
    assert world.create("job2", **first) == "over_budget"
    world.receipt("job1")
    world.confirm("job1")
    assert world.get(Spent, state_keys.spent("bob-v2", NOON)).amount == 12 * CREDIT
    assert world.create("job2", **first, max_ms=18_000) == "applied"
    assert world.create("job3", **first, max_ms=1) == "over_budget"
    world.supersede("job2")
    assert world.create("job3", **first, max_ms=18_000) == "applied"


def test_a_new_budget_begins_at_midnight_utc(world: World) -> None:
    world.publish("bob-v2", "bob", budget_micro_per_day=20 * CREDIT)
    midnight = NOON // state_keys.DAY_MS * state_keys.DAY_MS + state_keys.DAY_MS

    assert world.create("job1", version_id="bob-v2") == "applied"
    world.now_ms = midnight - 1
    assert world.create("job2", version_id="bob-v2") == "over_budget"
    world.now_ms = midnight
    assert world.create("job2", version_id="bob-v2") == "applied"


def test_a_job_counts_on_the_day_on_which_it_was_placed(world: World) -> None:
    world.publish("bob-v2", "bob", budget_micro_per_day=20 * CREDIT)
    midnight = NOON // state_keys.DAY_MS * state_keys.DAY_MS + state_keys.DAY_MS
    world.now_ms = midnight + 1

    assert world.create("job1", version_id="bob-v2", placed_at_ms=midnight - 1) == "applied"
    assert world.create("job2", version_id="bob-v2", placed_at_ms=midnight - 1) == "over_budget"
    assert world.create("job2", version_id="bob-v2", placed_at_ms=midnight) == "applied"
    world.supersede("job1")

    assert world.get(Spent, state_keys.spent("bob-v2", midnight - 1)).amount == 0
    assert world.get(Spent, state_keys.spent("bob-v2", midnight)).amount == 20 * CREDIT


@pytest.mark.parametrize(
    ("placed_after_ms", "answer"),
    [
        (-2 * state_keys.DAY_MS, "applied"),
        (-2 * state_keys.DAY_MS - 1, "malformed"),
        (60_000, "applied"),
        (60_001, "malformed"),
    ],
)
def test_no_budget_of_a_far_day_is_spent(world: World, placed_after_ms: int, answer: str) -> None:
    assert world.create("job6", placed_at_ms=NOON + placed_after_ms) == answer


def test_jobs_of_one_invocation_name_the_same_number_of_replicas(world: World) -> None:
    world.create("job1", invocation_id="call", replicas=2)

    assert world.create("job2", invocation_id="call", replicas=3) == "wrong_replicas"


def test_versions_never_change(world: World) -> None:
    assert world.publish("bob-v1", "bob", price_ceiling_nano_per_ms=9 * PRICE) == "version_exists"
    assert world.publish("bob-v1", "james") == "version_exists"


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "registry.example/demo:latest"},
        {"image": IMAGE.upper()},
        {"timeout_ms": 0},
        {"timeout_ms": 900_001},
        {"memory_mb": 1},
        {"cpu_millis": 10**9},
        {"price_ceiling_nano_per_ms": -1},
        {"price_ceiling_nano_per_ms": 2**52},
        {"budget_micro_per_day": -1},
        {"budget_micro_per_day": 2**62},
        {"version_id": ""},
    ],
)
def test_a_version_outside_the_marketplaces_bounds_is_refused(world: World, changes: dict[str, Any]) -> None:
    assert world.publish(**{"version_id": "v9", "developer_id": "bob", **changes}) == "malformed"


def test_a_version_is_published_by_custody_only(world: World) -> None:
    arguments = PublishVersion(
        version_id="v9",
        developer_id="bob",
        image=IMAGE,
        price_ceiling_nano_per_ms=1,
        timeout_ms=1000,
        memory_mb=128,
        cpu_millis=1000,
        budget_micro_per_day=1,
    )
    for key in (KEYS.controller, KEYS.treasury, KEYS.ours, KEYS.alice):
        assert world.do(arguments, by=key) == "not_authorised"
    assert world.do(arguments, by=KEYS.custody) == "applied"


def test_a_provider_is_registered_once_by_the_controller_with_a_key_of_its_own(world: World) -> None:
    assert world.register("alice-pc", "mallory", KEYS.stranger) == "provider_exists"
    assert world.register("mallory-pc", "mallory", KEYS.alice) == "key_taken"
    assert world.register("mallory-pc", "mallory", KEYS.treasury) == "key_taken"
    assert world.register("mallory-pc", "bond", KEYS.stranger) == "malformed"
    assert world.register("mallory-pc", "mallory", KEYS.stranger) == "applied"
