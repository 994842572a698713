"""Cancelled jobs, and jobs that both organisations have to decide."""

import pytest

from tests.support.ledger import CREDIT, KEYS, NOON, World
from wire.ledger.operations import CancelJob, DecideJob
from wire.ledger.records import AccountRecord
from wire.ledger.states import JobRecordState


def cancel(world: World, used_ms: int, job_id: str = "job6") -> str:
    return world.do(CancelJob(job_id=job_id, used_ms=used_ms))


@pytest.fixture
def disputed(world: World) -> World:
    world.create()
    world.receipt()
    world.confirm(output_digest="b" * 64)
    assert world.job().state is JobRecordState.MISMATCH
    return world


def test_a_job_cancelled_before_it_started_costs_nothing(world: World) -> None:
    world.create()

    assert cancel(world, 0) == "applied"

    assert (world.job().state, world.job().payment_done) == (JobRecordState.CANCELLED, False)
    assert world.account("bob") == AccountRecord(available=500 * CREDIT, deposit=100 * CREDIT)
    assert world.receipt() == "wrong_state"
    assert world.books() == (0, {})


@pytest.mark.parametrize(("used_ms", "credits_"), [(3_000, 3), (20_000, 20), (90_000, 20)])
def test_a_job_cancelled_while_it_ran_costs_the_time_it_used(world: World, used_ms: int, credits_: int) -> None:
    world.create()

    assert cancel(world, used_ms) == "applied"

    job = world.job()
    assert (job.state, job.payment_done, job.cost_micro) == (JobRecordState.CANCELLED, True, credits_ * CREDIT)
    assert world.owns("alice") == (600 + credits_) * CREDIT
    assert world.account("bob").held == 0
    assert world.books() == (0, {})


def test_only_the_controller_cancels_and_only_a_job_without_receipt_or_confirmation(world: World) -> None:
    world.create()
    for key in (KEYS.alice, KEYS.custody, KEYS.ours):
        assert world.do(CancelJob(job_id="job6", used_ms=0), author=key) == "not_authorised"
    assert cancel(world, -1) == "malformed"
    world.receipt()
    assert cancel(world, 0) == "wrong_state"
    world.create("job8")
    world.confirm("job8")
    assert cancel(world, 0, "job8") == "wrong_state"


def test_a_cancelled_job_that_is_paid_counts_as_one_that_settled(world: World) -> None:
    world.create("a-1", invocation_id="a")
    world.create("a-2", invocation_id="a")
    cancel(world, 1_000, "a-1")

    assert cancel(world, 1_000, "a-2") == "invocation_settled"
    assert cancel(world, 0, "a-2") == "applied"
    assert world.owns("bob") == 599 * CREDIT


@pytest.mark.parametrize(
    ("pay_ms", "state", "credits_"),
    [(0, JobRecordState.FAILED, 0), (5_000, JobRecordState.SETTLED, 5), (12_000, "settled", 12)],
)
def test_both_organisations_decide_a_mismatch(disputed: World, pay_ms: int, state: str, credits_: int) -> None:
    assert disputed.enact(DecideJob(job_id="job6", pay_ms=pay_ms, reason="the logs show it")) == "applied"

    assert (disputed.job().state, disputed.job().reason) == (state, "the logs show it")
    assert disputed.owns("alice") == (600 + credits_) * CREDIT
    assert disputed.account("bob").held == 0
    assert disputed.books() == (0, {})


def test_one_organisation_alone_decides_nothing(disputed: World) -> None:
    decision = DecideJob(job_id="job6", pay_ms=0, reason="x")
    assert disputed.do(decision, author=KEYS.ours) == "applied"
    assert disputed.job().state is JobRecordState.MISMATCH
    for key in (KEYS.controller, KEYS.treasury, KEYS.alice):
        assert disputed.do(decision, author=key) == "not_authorised"


def test_a_decision_pays_no_more_than_the_receipt_says_and_only_a_mismatch(disputed: World) -> None:
    assert disputed.enact(DecideJob(job_id="job6", pay_ms=12_001, reason="x")) == "malformed"
    assert disputed.enact(DecideJob(job_id="job6", pay_ms=-1, reason="x")) == "malformed"
    assert disputed.enact(DecideJob(job_id="job6", pay_ms=0, reason="")) == "malformed"
    disputed.create("job8")
    assert disputed.enact(DecideJob(job_id="job8", pay_ms=0, reason="x")) == "wrong_state"


def test_a_job_is_payable_for_a_week_at_most(world: World) -> None:
    week = 7 * 24 * 3_600_000
    assert world.create(pay_until_ms=NOON + week + 1) == "malformed"
    assert world.create(pay_until_ms=NOON + week) == "applied"
