"""A claim's whole way: from the agent's journal over the portal's API and the outbox to the ledger, and paid once."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ledger.embedded.ledger import EmbeddedWriter
from ledger.embedded.verification import verify
from portal.books import queries
from portal.books.audit.reconcile import confirm, survey
from portal.functions.drafts import check_version
from portal.functions.models import FunctionVersion
from portal.keys import load_genesis
from portal.outbox.models import OutboxOperation, OutboxState
from provider_agent.claims.drafts import signed
from provider_agent.claims.evidence import Evidence
from tests.support.outbox.market import CREDIT, MAX_MS, ManualClock, Market
from tests.support.outbox.provider import ClaimingProvider, send
from tests.support.people import version_draft
from wire.codec import canonical_json, parse_object
from wire.ledger.operations import MAX_OPERATION_CHARS
from wire.limits import BOUNDS, ENVIRONMENT_MAX_BYTES, INLINE_MAX_BYTES, KIB, Limits
from wire.signing import OPERATION, SigningKey, payload_of

pytestmark = pytest.mark.django_db
#: Of 12 s at one credit a second, without fees.
PAY = 12 * CREDIT


def earned(market: Market) -> int:
    return queries.balance(market.owner_id).available_micro


def state_of(job_id: str) -> str:
    found = queries.job(job_id)
    assert found is not None
    return found.state


def assert_books_are_right(ledger: EmbeddedWriter) -> None:
    found = confirm(ledger, survey(ledger), tries=1, wait=lambda: None)
    assert (found.is_clean, found.drift_micro) == (True, 0)
    assert verify(ledger, load_genesis()).blocks == ledger.height


def evidence_of(provider: ClaimingProvider, job_id: str) -> Evidence:
    found = provider.claimant.store.of(job_id)
    assert found is not None
    return found


def largest_ticket() -> dict[str, Any]:
    """Return what makes a ticket large, each at the most that portal and gateway allow."""
    limits = {name: largest for name, (_, largest) in BOUNDS.items()} | {"timeout_ms": MAX_MS}
    environment = {"A": ""}
    environment["A"] = "\x01" * ((ENVIRONMENT_MAX_BYTES - len(canonical_json(environment))) // len("\\u0001"))
    check_version(version_draft(environment=environment))
    return {
        "job_id": f"{'f' * 32}-9999",
        "image": "registry.example.org/".ljust(_longest_image() - 72, "x") + f"@sha256:{'a' * 64}",
        "limits": Limits(**limits),
        "environment": environment,
        "input": b"\xff" * INLINE_MAX_BYTES,
        "input_type": '"' * 100,
        "term": 2**53,
    }


def _longest_image() -> int:
    return FunctionVersion._meta.get_field("image").max_length or 0


def claim_text(provider: ClaimingProvider, job_id: str) -> str:
    return provider.claimant.draft(evidence_of(provider, job_id)).text.decode()


def test_a_job_that_was_acknowledged_and_never_confirmed_is_claimed_and_paid_once(
    provider: ClaimingProvider, market: Market, written: EmbeddedWriter
) -> None:
    job_id = provider.runs()
    provider.work()

    first, second = provider.claim(job_id), provider.claim(job_id)

    assert (first, second) == ("paid", "done before: paid")
    assert (state_of(job_id), earned(market)) == ("settled", PAY)
    assert_books_are_right(written)


def test_a_claim_whose_outcome_this_machine_forgot_is_told_and_paid_once(
    provider: ClaimingProvider, market: Market
) -> None:
    job_id = provider.runs()
    provider.work()
    assert provider.claim(job_id) == "paid"
    provider.claimant.store.ended(job_id, "")

    assert provider.claim(job_id) == "done before: paid"
    assert earned(market) == PAY


def test_a_claim_without_an_acknowledgement_stands_for_a_day_and_is_paid_by_the_clock(
    provider: ClaimingProvider, market: Market, clock: ManualClock, written: EmbeddedWriter
) -> None:
    job_id = provider.runs(acknowledged=False)
    provider.work()
    assert "too early" in provider.claim(job_id)
    clock.forward(seconds=81)

    assert "24 hours" in provider.claim(job_id)
    assert "done before: on the ledger" in provider.claim(job_id)
    clock.forward(hours=24)
    provider.work()
    assert (state_of(job_id), earned(market)) == ("claimed", 0)
    clock.forward(minutes=3)
    provider.work()

    assert (state_of(job_id), earned(market)) == ("settled", PAY)
    assert_books_are_right(written)


def test_a_claim_of_a_job_that_was_never_created_is_the_platforms_debt(
    provider: ClaimingProvider, market: Market
) -> None:
    job_id = provider.runs(on_ledger=False)

    first, again = provider.claim(job_id), provider.claim(job_id)

    assert "it waits and is sent again" in first
    assert "bond_too_low" in first
    assert again == first
    assert (earned(market), OutboxOperation.objects.filter(kind="job.claim").count()) == (0, 1)


def test_a_job_that_was_paid_needs_no_claim(provider: ClaimingProvider, market: Market) -> None:
    job_id = provider.runs()
    provider.work()
    evidence = evidence_of(provider, job_id)
    assert provider.claim(job_id) == "paid"
    count = OutboxOperation.objects.count()
    provider.claimant.store.ended(job_id, "")
    provider.claimant.store.refused(job_id)

    assert "it was paid" in provider.claim(job_id)

    assert (OutboxOperation.objects.count(), earned(market)) == (count, PAY)
    assert evidence.outcome == ""


def test_the_largest_legal_ticket_can_be_claimed_with_all_that_belongs_to_it(
    provider: ClaimingProvider, market: Market
) -> None:
    job_id = provider.runs(later=replace(provider.controller, working=SigningKey.generate()), **largest_ticket())
    provider.work()

    claim = signed(provider.claimant.draft(evidence_of(provider, job_id)), market.provider_key)

    arguments = parse_object(payload_of(claim))["arguments"]
    assert (len(arguments["working_keys"]), arguments["acknowledgement"] is None) == (2, False)
    # Room for what may be added to receipts and tickets.
    assert len(claim) < MAX_OPERATION_CHARS - 8 * KIB
    assert (provider.claim(job_id), earned(market)) == ("paid", PAY)


def test_a_dry_run_sends_nothing(provider: ClaimingProvider) -> None:
    job_id = provider.runs()
    provider.work()
    count = OutboxOperation.objects.count()

    told = provider.claimant.claim(evidence_of(provider, job_id), dry_run=True)

    assert "would be claimed, with" in told.text
    assert OutboxOperation.objects.count() == count


def test_a_claim_is_refused_by_the_administrator_with_a_reason_on_the_record(
    provider: ClaimingProvider, market: Market, clock: ManualClock
) -> None:
    job_id = provider.runs(acknowledged=False)
    provider.work()
    with pytest.raises(CommandError, match="no claim to refuse"):
        call_command("ledger", "refuse-claim", job_id, "--reason", "the output was empty")
    clock.forward(seconds=81)
    provider.claim(job_id)
    with pytest.raises(CommandError, match="1 to 200"):
        call_command("ledger", "refuse-claim", job_id, "--reason", "two\nlines")

    call_command("ledger", "refuse-claim", job_id, "--reason", "the output was empty")
    provider.work()

    found = queries.job(job_id)
    assert found is not None
    assert (found.state, found.record["reason"], earned(market)) == ("refused", "the output was empty", 0)
    assert "refused by the controller" in provider.claim(job_id)


def test_a_claim_by_another_provider_is_refused_and_does_not_take_the_place_of_the_right_one(
    provider: ClaimingProvider, market: Market
) -> None:
    thief = Market(clock=market.clock, keys=market.keys)
    thief.opens()
    job_id = provider.runs()
    provider.work()
    text = claim_text(provider, job_id).replace(str(market.provider_id), str(thief.provider_id))

    answer = send(thief.provider_key.sign(text.encode(), OPERATION))
    provider.work()

    assert answer.status_code == 202
    row = OutboxOperation.objects.get(operation_id=answer.json()["operation_id"])
    assert (row.state, row.reason.partition(":")[0]) == (OutboxState.REFUSED, "not_authorised")
    assert provider.claim(job_id) == "paid"
    assert (earned(market), earned(thief)) == (PAY, 0)


def test_a_claim_under_the_name_of_another_provider_is_not_stored(provider: ClaimingProvider, market: Market) -> None:
    thief = Market(clock=market.clock, keys=market.keys)
    thief.opens()
    job_id = provider.runs()
    provider.work()
    count = OutboxOperation.objects.count()

    answer = send(thief.provider_key.sign(claim_text(provider, job_id).encode(), OPERATION))

    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid")
    assert OutboxOperation.objects.count() == count


def test_a_replay_is_the_same_operation_and_other_content_under_its_id_is_a_conflict(
    provider: ClaimingProvider, market: Market
) -> None:
    job_id = provider.runs()
    provider.work()
    text = claim_text(provider, job_id)
    key = market.provider_key
    first, again = send(key.sign(text.encode(), OPERATION)), send(key.sign(text.encode(), OPERATION))
    other = send(key.sign(text.replace('"receipt":"', '"receipt":"x').encode(), OPERATION))
    provider.work()
    last = send(key.sign(text.encode(), OPERATION))

    assert (first.status_code, again.status_code, other.status_code, last.status_code) == (202, 202, 409, 200)
    assert first.json() == again.json() | {"job_state": first.json()["job_state"]}
    assert (last.json()["state"], last.json()["job_state"]) == ("committed", "settled")
    assert first.headers["Location"] == f"/api/v1/ledger/operations/{first.json()['operation_id']}"
    assert OutboxOperation.objects.filter(kind="job.claim").count() == 1
    assert earned(market) == PAY
