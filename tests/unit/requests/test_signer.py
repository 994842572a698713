"""Signers sign what was approved, by whom it may be, once, and nothing else."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from portal.accounts.models import Account
from portal.books.models import WorldState
from portal.governance.models import GovernedRequest, RequestSignature, RequestState
from portal.governance.signers.loop import SignerLoop
from portal.governance.signers.signer import SIGNERS
from portal.keys import KeyName, load_signing_key
from portal.outbox.models import OutboxOperation
from tests.support.outbox.bank import Bank
from tests.support.outbox.market import CREDIT
from tests.support.people import People
from wire import signing

pytestmark = pytest.mark.django_db


Change = Callable[[Bank, GovernedRequest], None]


def tamper(**fields: object) -> Change:
    return lambda bank, request: bank.tampers(request, **fields)


def _update(request: GovernedRequest, columns: dict[str, object]) -> None:
    GovernedRequest.objects.filter(id=request.id).update(**columns)


def _unreadable(_bank: Bank, request: GovernedRequest) -> None:
    _update(request, {"content_json": "nonsense"})


def _second_taken_away(_bank: Bank, request: GovernedRequest) -> None:
    request.approvals.filter(organisation="peers").delete()


def _all_taken_away(_bank: Bank, request: GovernedRequest) -> None:
    request.approvals.all().delete()


def _as_one_organisation(_bank: Bank, request: GovernedRequest) -> None:
    alan = Account.objects.create(username="alan", email="alan@example.org", is_staff=True, organisation="controller")
    request.approvals.filter(organisation="peers").update(by=alan)


def _as_three(_bank: Bank, request: GovernedRequest) -> None:
    alan = Account.objects.create(username="alan", email="alan@example.org", is_staff=True, organisation="")
    request.approvals.create(by=alan, organisation="", at=request.asked_at, digest=request.digest)


def _by_a_stranger(bank: Bank, request: GovernedRequest) -> None:
    request.approvals.filter(organisation="peers").update(by=bank.people.stranger)


def _with_one_digest(bank: Bank, request: GovernedRequest) -> None:
    bank.tampers(request, amount_micro=900 * CREDIT)
    request.refresh_from_db()
    request.approvals.filter(organisation="peers").update(digest=request.digest)


def _dismissed(bank: Bank, _request: GovernedRequest) -> None:
    Account.objects.filter(id=bank.people.peers_administrator.id).update(is_staff=False)


def _moved(bank: Bank, _request: GovernedRequest) -> None:
    Account.objects.filter(id=bank.people.peers_administrator.id).update(organisation="controller")


TAMPERED = {
    "amount": tamper(amount_micro=900 * CREDIT),
    "reference": tamper(reference="other"),
    "note": tamper(note="to another bank"),
    "content that is none": _unreadable,
    "second approval taken away": _second_taken_away,
    "no approval at all": _all_taken_away,
    "two of one organisation": _as_one_organisation,
    "a third without an organisation": _as_three,
    "a stranger": _by_a_stranger,
    "one digest made to fit": _with_one_digest,
    "an administrator who is none any more": _dismissed,
    "an administrator who changed sides": _moved,
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
@pytest.mark.parametrize("place", [RequestState.APPROVED, RequestState.PROPOSED])
def test_a_row_that_was_tampered_with_is_not_signed(
    bank: Bank, people: People, change: Change, place: RequestState
) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve_twice(request)
    if place == RequestState.PROPOSED:
        bank.signers["treasury"].step()
        bank.settle()
    signed = RequestSignature.objects.count()
    request.refresh_from_db()
    assert request.state == place

    change(bank, request)
    bank.sign()

    request.refresh_from_db()
    assert request.state == RequestState.FAILED
    assert request.reason.startswith("Not signed: ")
    assert RequestSignature.objects.count() == signed
    assert bank.balance(people.developer).available_micro == 0


def test_a_person_and_an_organisation_approve_once(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve(request, people.administrator)

    for by, organisation in ((people.administrator, "peers"), (people.peers_administrator, "controller")):
        with pytest.raises(IntegrityError), transaction.atomic():
            request.approvals.create(by=by, organisation=organisation, at=bank.clock(), digest=request.digest)


def test_a_row_that_says_it_is_approved_and_is_not_is_not_signed(bank: Bank, people: People) -> None:
    for state in (RequestState.APPROVED, RequestState.PROPOSED):
        _update(bank.asks_top_up(people.developer), {"state": state})
    bank.sign()

    assert set(GovernedRequest.objects.values_list("state", flat=True)) == {RequestState.FAILED}
    assert not OutboxOperation.objects.exists()


def test_a_payout_is_what_the_ledger_holds(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    request = bank.asks_payout(people.developer, 4)
    # Before anybody approved, so that the approvals are for what the row says.
    _update(request, {"amount_micro": 9 * CREDIT})
    bank.approve_twice(request)
    bank.sign()

    request.refresh_from_db()
    assert request.state == RequestState.FAILED
    assert "holds another amount" in request.reason


def test_a_proposal_of_other_content_on_the_ledger_is_not_approved(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve_twice(request)
    bank.signers["treasury"].step()
    bank.settle()
    row = WorldState.objects.get(key=f"proposal~{request.operation_id}")
    row.value = row.value.replace(row.value.partition('"digest":"')[2][:64], "0" * 64)
    row.save()

    bank.sign()

    request.refresh_from_db()
    assert request.state == RequestState.FAILED
    assert "other content" in request.reason


def test_each_signs_with_its_own_key_and_only_its_part(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve_twice(request)
    assert not bank.signers["authority-peers"].step()
    assert bank.signers["treasury"].step()
    assert not bank.signers["treasury"].step()
    assert not bank.signers["authority-peers"].step()
    bank.settle()
    assert bank.signers["authority-peers"].step()
    assert not bank.signers["authority-peers"].step()
    bank.settle()
    assert GovernedRequest.objects.get().state == RequestState.PROPOSED
    bank.sign()

    for row in RequestSignature.objects.all():
        body = OutboxOperation.objects.get(operation_id=row.operation_id).body
        assert load_signing_key(SIGNERS[row.signer]).public.verify(body, signing.OPERATION)
    assert KeyName.CUSTODY not in SIGNERS.values()


def test_two_processes_with_one_key_sign_once(bank: Bank, people: People) -> None:
    bank.approve_twice(bank.asks_top_up(people.developer))
    twin = bank.signer("treasury")

    assert [bank.signers["treasury"].step(), twin.step()] == [True, False]
    bank.sign()

    assert OutboxOperation.objects.filter(kind="account.mint").count() == 1
    assert GovernedRequest.objects.get().state == RequestState.DONE


def test_a_signature_is_logged_with_its_ids(bank: Bank, people: People, caplog: pytest.LogCaptureFixture) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve_twice(request)
    with caplog.at_level("INFO"):
        bank.sign()

    signed = [record.__dict__ for record in caplog.records if record.message == "signer.signed"]
    assert [entry["signer"] for entry in signed] == ["treasury", "authority-controller", "authority-peers"]
    assert {entry["request_id"] for entry in signed} == {str(request.id)}
    assert all(entry["key_id"] and entry["operation_id"] for entry in signed)


def test_a_loop_says_that_it_is_well_and_who_it_is(bank: Bank) -> None:
    loop = SignerLoop(list(bank.signers.values()))
    loop.stop()
    loop.run()

    well, details = loop.health()
    assert well
    assert details["signers"] == list(SIGNERS)
