"""A provider that nobody confirms is paid all the same, unless the controller says why not, on the record."""

from typing import Any

import pytest

from tests.support.claims import RUN_IS_OVER, acknowledgement, claim, digest_of, ticket, working_key
from tests.support.ledger import CREDIT, KEYS, MINUTE, NOON, OUTPUT, World, receipt_jws
from wire.ledger import state_keys
from wire.ledger.clocks import CLAIM_MS
from wire.ledger.operations import ConfirmResult, PayClaim, RefuseClaim, Transfer
from wire.ledger.records import AccountRecord
from wire.ledger.states import JobRecordState
from wire.outcomes import ExitState

TICKET = ticket()


@pytest.fixture
def owed(world: World) -> World:
    """Job 6 is created with a real ticket, and its run is over."""
    assert world.create(ticket_digest=digest_of(TICKET)) == "applied"
    world.now_ms = RUN_IS_OVER
    return world


def demand(world: World, **changes: Any) -> str:
    return world.do(claim(TICKET, **changes), author=KEYS.alice)


def test_an_acknowledged_job_is_paid_at_once(owed: World) -> None:
    owed.now_ms = NOON

    assert demand(owed, acknowledgement=acknowledgement(TICKET)) == "applied"

    job = owed.job()
    assert (job.state, job.received, job.billed_ms) == (JobRecordState.SETTLED, True, 12_000)
    assert (owed.owns("alice"), owed.owns("bob")) == (612 * CREDIT, 588 * CREDIT)
    assert owed.books() == (0, {})


def test_a_claim_without_acknowledgement_is_paid_after_a_day(owed: World) -> None:
    assert demand(owed) == "applied"
    assert owed.job().state is JobRecordState.CLAIMED
    assert owed.account("bob").held == 20 * CREDIT

    owed.now_ms += CLAIM_MS - 1
    assert owed.do(PayClaim(job_id="job6"), author=KEYS.alice) == "too_early"
    owed.now_ms += 1
    assert owed.do(PayClaim(job_id="job6"), author=KEYS.alice) == "applied"

    assert owed.job().state is JobRecordState.SETTLED
    assert owed.owns("alice") == 612 * CREDIT
    assert owed.do(PayClaim(job_id="job6")) == "wrong_state"
    assert owed.books() == (0, {})


def test_the_controller_confirms_a_claim_with_its_own_time(owed: World) -> None:
    demand(owed)

    assert owed.confirm(observed_ms=9_000) == "applied"

    assert owed.job().billed_ms == 9_000
    assert owed.owns("alice") == 609 * CREDIT


def test_the_controller_refuses_a_claim_with_a_reason_on_the_record(owed: World) -> None:
    demand(owed)
    refusal = RefuseClaim(job_id="job6", reason="no such run: the container never started")
    for key in (KEYS.alice, KEYS.kate, KEYS.custody, KEYS.ours):
        assert owed.do(refusal, author=key) == "not_authorised"
    assert owed.do(RefuseClaim(job_id="job6", reason="")) == "malformed"

    assert owed.do(refusal) == "applied"

    assert (owed.job().state, owed.job().reason) == (JobRecordState.REFUSED, refusal.reason)
    assert owed.account("bob") == AccountRecord(available=500 * CREDIT, deposit=100 * CREDIT)
    assert demand(owed) == "wrong_state"
    owed.now_ms += CLAIM_MS
    assert owed.do(PayClaim(job_id="job6")) == "wrong_state"


def test_a_claim_too_early_or_too_late_is_refused(owed: World) -> None:
    owed.now_ms = RUN_IS_OVER - 1
    assert demand(owed) == "too_early"
    owed.now_ms = NOON + 60 * MINUTE + 1
    assert demand(owed) == "too_late"
    assert demand(owed, acknowledgement=acknowledgement(TICKET)) == "too_late"
    owed.now_ms = NOON + 60 * MINUTE
    assert demand(owed) == "applied"


def test_a_claim_counts_once_and_not_after_settlement(owed: World) -> None:
    assert demand(owed) == "applied"
    assert demand(owed) == "wrong_state"
    owed.confirm()
    assert demand(owed) == "wrong_state"
    assert demand(owed, acknowledgement=acknowledgement(TICKET)) == "wrong_state"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ticket": ticket(key=KEYS.stranger)}, "bad_signature"),
        ({"ticket": ticket(key=KEYS.alice)}, "bad_signature"),
        ({"ticket": "x"}, "bad_signature"),
        ({"ticket": ticket("job9")}, "wrong_ticket"),
        ({"ticket": ticket(price_nano_per_ms=2_000_000)}, "wrong_ticket"),
        ({"ticket": ticket(provider_id="kate-pc")}, "not_authorised"),
        ({"working_keys": ()}, "bad_signature"),
        ({"working_keys": (working_key(KEYS.stranger),)}, "unknown_key"),
        ({"working_keys": (working_key(KEYS.controller),)}, "unknown_key"),
        ({"working_keys": (working_key(not_after_ms=NOON - 1),)}, "bad_signature"),
        ({"working_keys": (working_key(),) * 3}, "malformed"),
        ({"receipt": receipt_jws()}, "wrong_ticket"),
        ({"receipt": receipt_jws("job9", ticket_digest=digest_of(TICKET))}, "wrong_ticket"),
        ({"receipt": receipt_jws(key=KEYS.kate, ticket_digest=digest_of(TICKET))}, "foreign_receipt"),
        ({"receipt": receipt_jws(ticket_digest=digest_of(TICKET), exit_state=ExitState.CRASHED)}, "nothing_due"),
        ({"acknowledgement": acknowledgement(TICKET, key=KEYS.alice)}, "bad_signature"),
        ({"acknowledgement": acknowledgement(TICKET, "job9")}, "wrong_ticket"),
        ({"acknowledgement": acknowledgement(TICKET, output="b" * 64)}, "wrong_ticket"),
        ({"acknowledgement": acknowledgement(ticket("job9"))}, "wrong_ticket"),
    ],
)
def test_a_claim_with_false_evidence_is_refused(owed: World, changes: dict[str, Any], reason: str) -> None:
    assert demand(owed, **changes) == reason
    assert owed.job().state is JobRecordState.CREATED


def test_only_the_provider_of_the_ticket_claims(owed: World) -> None:
    for key in (KEYS.controller, KEYS.custody, KEYS.kate):
        assert owed.do(claim(TICKET), author=key) == "not_authorised"


def test_a_receipt_on_the_record_is_the_one_that_counts(owed: World) -> None:
    owed.receipt(ticket_digest=digest_of(TICKET), run_ms=5_000)
    other = receipt_jws(ticket_digest=digest_of(TICKET), output_digest="b" * 64)

    assert demand(owed, receipt=other) == "wrong_ticket"
    assert demand(owed, acknowledgement=acknowledgement(TICKET)) == "applied"

    assert owed.job().billed_ms == 5_000


def test_a_claim_completes_a_confirmed_job(owed: World) -> None:
    owed.confirm(observed_ms=7_000)

    assert demand(owed) == "applied"

    assert (owed.job().state, owed.job().billed_ms) == (JobRecordState.SETTLED, 7_000)


def test_a_claim_against_another_confirmed_output_is_a_mismatch(owed: World) -> None:
    owed.confirm(output_digest="b" * 64)

    assert demand(owed) == "applied"

    assert owed.job().state is JobRecordState.MISMATCH


def test_the_bond_pays_a_superseded_job_that_was_acknowledged(owed: World) -> None:
    owed.mint("bond", 100)
    owed.supersede()

    assert demand(owed, acknowledgement=acknowledgement(TICKET)) == "applied"

    assert (owed.job().state, owed.job().payer) == (JobRecordState.SETTLED, "bond")
    assert (owed.owns("alice"), owed.owns("bob"), owed.owns("bond")) == (612 * CREDIT, 600 * CREDIT, 88 * CREDIT)
    assert owed.books() == (0, {})


def test_the_bond_pays_a_job_whose_creation_was_refused(world: World) -> None:
    world.mint("bond", 30)
    jws = ticket("job9", version_id="never-published")
    world.now_ms = RUN_IS_OVER

    assert world.do(claim(jws, "job9"), author=KEYS.alice) == "applied"
    assert world.account("bond").held == 20 * CREDIT
    assert world.books() == (0, {})
    assert world.create("job9") == "job_exists"
    world.now_ms += CLAIM_MS
    assert world.do(PayClaim(job_id="job9")) == "applied"

    assert world.owns("bond") == 18 * CREDIT
    assert world.owns("alice") == 612 * CREDIT
    assert world.books() == (0, {})


def test_a_claim_on_the_bond_for_a_job_never_run_is_refused_and_the_bond_is_whole(world: World) -> None:
    world.mint("bond", 30)
    world.now_ms = RUN_IS_OVER
    world.do(claim(ticket("job9"), "job9"), author=KEYS.alice)

    assert world.do(RefuseClaim(job_id="job9", reason="cancelled before it started")) == "applied"

    assert world.account("bond") == AccountRecord(deposit=30 * CREDIT)
    assert world.books() == (0, {})


def test_a_claim_waits_for_a_bond_that_covers_it(world: World) -> None:
    world.mint("bond", 19)
    world.now_ms = RUN_IS_OVER
    demanded = claim(ticket("job9"), "job9")

    assert world.do(demanded, author=KEYS.alice) == "bond_too_low"
    world.mint("bond", 1)
    assert world.do(demanded, author=KEYS.alice) == "applied"


def test_a_confirmed_claim_on_the_bond_is_paid_by_the_bond(world: World) -> None:
    world.mint("bond", 20)
    world.now_ms = RUN_IS_OVER
    world.do(claim(ticket("job9"), "job9"), author=KEYS.alice)

    assert world.do(ConfirmResult(job_id="job9", output_digest=OUTPUT, observed_ms=1_000)) == "applied"

    assert world.account("bond") == AccountRecord(deposit=19 * CREDIT)


def test_the_developer_pays_no_second_attempt_the_bond_does(owed: World) -> None:
    owed.mint("bond", 50)
    second = ticket("job6b", invocation_id="call-of-job6")
    owed.create("job6b", invocation_id="call-of-job6", ticket_digest=digest_of(second))

    for jws, job_id in ((TICKET, "job6"), (second, "job6b")):
        acknowledged = claim(jws, job_id, acknowledgement=acknowledgement(jws, job_id))
        assert owed.do(acknowledged, author=KEYS.alice) == "applied"

    assert [owed.job(job_id).payer for job_id in ("job6", "job6b")] == ["bob", "bond"]
    assert (owed.owns("bob"), owed.owns("bond"), owed.owns("alice")) == (588 * CREDIT, 38 * CREDIT, 624 * CREDIT)
    assert owed.account("bob").held == 0
    assert owed.books() == (0, {})


def test_the_bonds_money_moves_by_claims_only(world: World) -> None:
    world.mint("bond", 50)
    for key in (KEYS.custody, KEYS.ours, KEYS.peers, KEYS.treasury, KEYS.controller):
        transfer = Transfer(account_id=state_keys.BOND_ACCOUNT, to_account_id="alice", amount_micro=1)
        assert world.do(transfer, author=key) == "not_authorised"
