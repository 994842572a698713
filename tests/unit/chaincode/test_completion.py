"""A job goes on and ends: receipt and confirmation in whichever order, and all that can go wrong with them."""

from collections.abc import Callable
from typing import Any

import pytest

from chaincode.contracts.testing import InMemoryState
from tests.support.ledger import CREDIT, KEYS, MINUTE, NOON, OUTPUT, PRICE, World, marketplace, receipt_jws
from wire.ledger import state_keys
from wire.ledger.operations import CancelJob, ConfirmResult, ExpireJob, SubmitReceipt, SupersedeJob, operation_text
from wire.ledger.records import AccountRecord, FeePolicy
from wire.ledger.states import JobRecordState
from wire.outcomes import PROVIDER_FAULTS, ExitState

Step = Callable[[], str]
UNTOUCHED = AccountRecord(available=500 * CREDIT, deposit=100 * CREDIT)
FAULTS = sorted(PROVIDER_FAULTS)
PAID = [state for state in ExitState if state not in PROVIDER_FAULTS]


@pytest.mark.parametrize("confirmed_first", [False, True])
def test_a_job_settles_when_receipt_and_confirmation_are_there_in_whichever_order(
    world: World, *, confirmed_first: bool
) -> None:
    world.create()
    steps: list[Step] = [world.receipt, world.confirm]
    first, second = reversed(steps) if confirmed_first else steps

    assert first() == "applied"
    assert world.job().state is (JobRecordState.CONFIRMED if confirmed_first else JobRecordState.RECEIPTED)
    assert second() == "applied"

    job = world.job()
    assert (job.state, job.billed_ms, job.cost_micro) == (JobRecordState.SETTLED, 12_000, 12 * CREDIT)
    assert (job.claimed_ms, job.observed_ms, job.exit_state) == (12_000, 12_500, ExitState.SUCCEEDED)
    assert (job.receipt_digest, job.confirm_digest) == (OUTPUT, OUTPUT)
    assert job.settled_at_ms == job.receipted_at_ms == job.confirmed_at_ms == NOON
    assert (world.owns("bob"), world.owns("alice")) == (588 * CREDIT, 612 * CREDIT)
    assert world.account("bob").held == 0
    assert world.events[-1].name == "job.settled.v1"
    assert world.books() == (0, {})


@pytest.mark.parametrize(
    ("claimed", "observed", "billed"),
    [
        (12_000, 12_500, 12_000),
        (12_000, 9_000, 9_000),
        (60_000, 70_000, 20_000),
        (60_000, 15_000, 15_000),
        (1, 0, 1),
        (5_000, 0, 1),
    ],
)
def test_billed_is_the_least_of_claimed_observed_and_most(
    world: World, claimed: int, observed: int, billed: int
) -> None:
    world.create()
    world.receipt(run_ms=claimed)
    world.confirm(observed_ms=observed)

    job = world.job()
    assert (job.billed_ms, job.cost_micro) == (billed, billed * PRICE // 1000)
    assert job.claimed_ms == min(claimed, 20_000)


@pytest.mark.parametrize("state", FAULTS)
@pytest.mark.parametrize("confirmed_first", [False, True])
def test_the_providers_own_fault_is_not_paid(world: World, state: ExitState, *, confirmed_first: bool) -> None:
    world.create()
    if confirmed_first:
        world.confirm()

    assert world.receipt(exit_state=state) == "applied"

    assert world.job().state is JobRecordState.FAILED
    assert world.account("bob") == UNTOUCHED
    assert world.owns("alice") == 600 * CREDIT
    assert world.confirm() == "wrong_state"


@pytest.mark.parametrize("state", PAID)
def test_a_functions_own_error_is_paid(world: World, state: ExitState) -> None:
    world.create()
    world.receipt(exit_state=state)
    world.confirm()

    assert world.job().state is JobRecordState.SETTLED
    assert world.owns("alice") == 612 * CREDIT


@pytest.mark.parametrize("confirmed_first", [False, True])
def test_nothing_moves_when_the_digests_differ(world: World, *, confirmed_first: bool) -> None:
    world.create()
    steps: list[Step] = [world.receipt, lambda: world.confirm(output_digest="b" * 64)]
    for step in reversed(steps) if confirmed_first else steps:
        assert step() == "applied"

    assert world.job().state is JobRecordState.MISMATCH
    assert world.account("bob").held == 20 * CREDIT
    assert world.owns("alice") == 600 * CREDIT
    world.now_ms += 61 * MINUTE
    for end in (world.supersede, world.expire, world.confirm, world.receipt):
        assert end() == "wrong_state"
    assert world.books() == (0, {})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": KEYS.kate}, "foreign_receipt"),
        ({"key": KEYS.controller}, "foreign_receipt"),
        ({"key": KEYS.stranger}, "foreign_receipt"),
        ({"ticket_digest": "c" * 64}, "wrong_ticket"),
        ({"output_digest": "short"}, "malformed"),
        ({"run_ms": 0}, "malformed"),
        ({"run_ms": -1}, "malformed"),
    ],
)
def test_a_receipt_that_does_not_fit_the_job_is_refused(world: World, changes: dict[str, Any], reason: str) -> None:
    world.create()

    assert world.receipt(**changes) == reason

    assert world.job().state is JobRecordState.CREATED


def test_a_receipt_for_another_job_or_altered_or_of_another_kind_is_refused(world: World) -> None:
    world.create("job6")
    world.create("job8")
    good = receipt_jws("job8")
    head, payload, signature = good.split(".")

    def hand_in(jws: str) -> str:
        return world.do(SubmitReceipt(job_id="job6", receipt=jws))

    assert hand_in(good) == "wrong_ticket"
    assert hand_in(f"{head}.{payload[:-2]}AA.{signature}") == "bad_signature"
    assert hand_in(f"{head}.{payload}.{signature[:-4]}AAAA") == "bad_signature"
    assert hand_in("no jws") == "bad_signature"
    assert hand_in("") == "bad_signature"
    assert hand_in(KEYS.alice.sign(b"{}", "chainfaas-receipt")) == "malformed"
    assert hand_in(KEYS.alice.sign(b'{"kind":"receipt.v1"}', "chainfaas-receipt")) == "malformed"
    assert hand_in(KEYS.alice.sign(b"{}", "chainfaas-ticket")) == "bad_signature"


def test_a_receipt_or_confirmation_before_creation_is_refused_and_may_come_again(world: World) -> None:
    assert world.receipt() == "unknown_job"
    assert world.confirm() == "unknown_job"

    world.create()

    assert (world.receipt(), world.confirm()) == ("applied", "applied")
    assert world.job().state is JobRecordState.SETTLED


def test_a_receipt_counts_once_and_a_settled_job_stays_settled(world: World) -> None:
    world.create()
    world.receipt()
    assert world.receipt(run_ms=15_000) == "wrong_state"
    world.confirm()

    after = world.owns("bob"), world.owns("alice")
    assert world.receipt(exit_state=ExitState.CRASHED) == "wrong_state"
    assert world.confirm() == "wrong_state"
    assert world.supersede() == "wrong_state"
    world.now_ms += 61 * MINUTE
    assert world.expire() == "wrong_state"
    assert (world.owns("bob"), world.owns("alice")) == after


def test_a_confirmation_counts_once_whatever_the_second_says(world: World) -> None:
    world.create()
    assert world.confirm() == "applied"

    assert world.confirm() == "wrong_state"
    assert world.confirm(output_digest="b" * 64) == "wrong_state"
    assert world.receipt() == "applied"

    assert world.job().state is JobRecordState.SETTLED


def test_the_controller_cannot_fail_a_job_that_succeeded(world: World) -> None:
    world.create()
    for key in (KEYS.controller, KEYS.working, KEYS.ours):
        assert world.receipt(key=key, exit_state=ExitState.CRASHED) == "foreign_receipt"
    world.receipt()
    world.now_ms += 61 * MINUTE

    assert world.receipt(exit_state=ExitState.CRASHED) == "wrong_state"
    assert world.expire() == "wrong_state"
    assert world.do(CancelJob(job_id="job6", used_ms=0)) == "wrong_state"
    assert world.confirm() == "applied"

    assert world.job().state is JobRecordState.SETTLED
    assert world.supersede() == "wrong_state"


def test_anyone_may_hand_in_a_receipt_for_its_signature_is_what_counts(world: World) -> None:
    world.create()

    assert world.do(SubmitReceipt(job_id="job6", receipt=receipt_jws()), by=KEYS.alice) == "applied"


@pytest.mark.parametrize(
    "arguments",
    [
        ConfirmResult(job_id="job6", output_digest=OUTPUT, observed_ms=1),
        SupersedeJob(job_id="job6"),
        ExpireJob(job_id="job6"),
    ],
    ids=lambda arguments: arguments.kind,
)
def test_only_the_controller_confirms_supersedes_and_expires(world: World, arguments: Any) -> None:
    world.create()
    world.now_ms += 61 * MINUTE
    for key in (KEYS.alice, KEYS.custody, KEYS.treasury, KEYS.ours):
        assert world.do(arguments, by=key) == "not_authorised"
    assert world.job().state is JobRecordState.CREATED


def test_a_job_expires_only_after_its_time_and_only_without_receipt(world: World) -> None:
    world.create("job6")
    world.create("job8")
    world.receipt("job8")
    world.now_ms = NOON + 60 * MINUTE
    assert world.expire("job6") == "too_early"
    world.now_ms += 1

    assert world.expire("job6") == "applied"
    assert world.expire("job8") == "wrong_state"

    assert world.job("job6").state is JobRecordState.EXPIRED
    assert world.account("bob").held == 20 * CREDIT
    assert world.receipt("job6") == "wrong_state"
    assert world.books() == (0, {})


def test_a_confirmed_job_without_receipt_expires_too(world: World) -> None:
    world.create()
    world.confirm()
    world.now_ms += 61 * MINUTE

    assert world.expire() == "applied"
    assert world.account("bob") == UNTOUCHED


def test_an_attempt_is_superseded_before_its_successor_settles(world: World) -> None:
    world.create("a-1", invocation_id="a")
    world.create("a-2", invocation_id="a")
    world.receipt("a-1")
    world.receipt("a-2")
    assert world.confirm("a-2") == "earlier_attempt_open"

    assert world.supersede("a-1") == "applied"
    assert world.confirm("a-2") == "applied"

    assert world.job("a-1").state is JobRecordState.SUPERSEDED
    assert world.job("a-2").state is JobRecordState.SETTLED
    assert world.owns("bob") == 588 * CREDIT
    assert world.account("bob").held == 0
    assert world.confirm("a-1") == "wrong_state"
    assert world.create("a-3", invocation_id="a") == "invocation_settled"


def test_a_job_whose_result_was_confirmed_is_not_superseded(world: World) -> None:
    world.create()
    world.confirm()

    assert world.supersede() == "wrong_state"


def test_as_many_replicas_settle_as_the_invocation_names(world: World) -> None:
    for number in (1, 2, 3):
        world.create(f"a-{number}", invocation_id="a", replicas=2)
        world.receipt(f"a-{number}")
    assert world.confirm("a-1") == "earlier_attempt_open"
    world.supersede("a-3")

    assert [world.confirm("a-1"), world.confirm("a-2")] == ["applied", "applied"]
    assert world.owns("bob") == 576 * CREDIT


def test_fees_are_rounded_down_and_the_provider_gets_the_rest() -> None:
    fees = FeePolicy(version=3, platform_ppm=100_000, peers_ppm=33_333)
    world = marketplace(World(ledger=InMemoryState(KEYS.genesis(fees))))
    world.create(price_nano_per_ms=1, max_ms=10_001)
    world.receipt(run_ms=10_001)
    world.confirm(observed_ms=10_001)

    # 10.001 micro-credits, rounded up to 11: 1.1 to the platform, 0.37 to the peers.
    assert world.job().cost_micro == 11
    assert world.job().fee_policy == fees
    assert (world.owns("platform"), world.owns("peers")) == (1, 0)
    assert world.owns("alice") == 600 * CREDIT + 10
    assert world.books() == (0, {})


def test_all_credits_of_a_transaction_to_one_account_share_a_row(world: World) -> None:
    for job_id in ("job1", "job2"):
        world.create(job_id)
        world.receipt(job_id)
    confirmations = [
        operation_text(f"job.confirm:{job_id}", ConfirmResult(job_id=job_id, output_digest=OUTPUT, observed_ms=12_000))
        for job_id in ("job1", "job2")
    ]

    world.run(*confirmations)

    ((_, value),) = world.ledger.items(state_keys.delta_prefix("alice"))
    assert value == f'{{"amount":{24 * CREDIT}}}'
