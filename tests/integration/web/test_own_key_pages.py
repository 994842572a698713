"""An account goes over to a key of its owner, who then signs each movement; a session alone does not do it."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest

from portal.accounts.models import Account
from portal.custody.ownership import own_key_of
from portal.governance.models import GovernedRequest, RequestState
from portal.outbox.models import OutboxOperation
from tests.integration.web.conftest import Browser
from tests.support.outbox.bank import Bank
from tests.support.outbox.market import CREDIT
from tests.support.people import PASSWORD, People
from wire import signing
from wire.signing import SigningKey


def hand_over_order(account: Account, key: SigningKey, **changes: str) -> dict[str, str]:
    proof = key.sign(str(account.id).encode(), signing.ENROLMENT)
    plain = {"public_key_pem": key.public.pem, "proof": proof, "has_copy": "on", "password": PASSWORD}
    return {**plain, **changes}


def move(browser: Browser, form: str, **values: str) -> Any:
    move_id = str(browser.get("/money").context["forms"][form]["move_id"].value())
    return browser.post(f"/money/{form}", move_id=move_id, **values)


def asked_to_sign(response: Any) -> str:
    assert "Sign it with your key" in response.content.decode()
    (text,) = re.findall(r"key sign own-key.pem '(.*?)'</code>", html.unescape(response.content.decode()))
    return str(text)


def send(browser: Browser, key: SigningKey, text: str) -> Any:
    return browser.post("/money/signed", text=text, operation=key.sign(text.encode(), signing.OPERATION))


def test_an_account_is_handed_over_by_hand_and_its_owner_signs_from_then_on(
    bank: Bank, dora: Browser, people: People
) -> None:
    bank.give(people.developer, 10)
    bank.give(people.provider, 1)
    key = SigningKey.generate()
    assert f"key proof own-key.pem {people.developer.id}" in dora.text("/account/own-key")

    handed = dora.post("/account/own-key", **hand_over_order(people.developer, key))
    assert "goes over to your own key" in " ".join(dora.messages(handed))
    bank.settle()
    assert key.public.key_id in dora.text("/account/own-key")
    assert "you are asked to sign" in dora.text("/money")

    response = move(dora, "transfer", to="paul", amount="2.5", confirmed="yes")
    assert "2.5 credits" in response.content.decode()
    assert bank.balance(people.developer).available_micro == 10 * CREDIT
    told = dora.messages(send(dora, key, asked_to_sign(response)))
    assert "Signed, and on the way" in " ".join(told)
    bank.settle()
    assert bank.balance(people.developer).available_micro == 7_500_000

    send(dora, key, asked_to_sign(move(dora, "deposit", amount="5")))
    bank.settle()
    assert bank.balance(people.developer).deposit_micro == 5 * CREDIT


def test_a_payout_waits_for_the_signature_and_can_be_signed_later_or_withdrawn(
    bank: Bank, dora: Browser, people: People
) -> None:
    bank.give(people.developer, 10)
    key = bank.owns(people.developer)
    for _ in range(2):
        asked_to_sign(move(dora, "payout", amount="4", note="DE02 1203"))
    first, second = GovernedRequest.objects.order_by("asked_at")

    text = asked_to_sign(dora.get(f"/money/requests/{first.id}/sign"))
    send(dora, key, text)
    bank.settle()
    first.refresh_from_db()
    assert (first.state, first.content.note) == (RequestState.ASKED, "DE02 1203")
    assert dora.get(f"/money/requests/{first.id}/sign").status_code == 404

    for request in (first, second):
        assert "Withdrawn" in " ".join(dora.messages(dora.post(f"/money/requests/{request.id}/withdraw")))
    bank.sign()
    assert bank.balance(people.developer).available_micro == 10 * CREDIT
    assert dora.text("/money").count(">withdrawn<") == 2


def test_a_stolen_session_hands_nothing_over(bank: Bank, dora: Browser, people: People) -> None:
    key = SigningKey.generate()
    for password in ("", "wrong", *["guess"] * 9):
        answer = dora.post("/account/own-key", **hand_over_order(people.developer, key, password=password))
        assert answer.status_code == 422
    # Even the right one has to wait by now.
    again = dora.post("/account/own-key", **hand_over_order(people.developer, key))
    assert "Too many attempts" in " ".join(dora.messages(again)) or again.status_code == 422
    bank.settle()

    assert own_key_of(str(people.developer.id)) is None
    assert not OutboxOperation.objects.filter(kind="account.own").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"public_key_pem": "no key"}, "public_key_pem"),
        ({"proof": "no.proof.here"}, "proof"),
        ({"has_copy": ""}, "has_copy"),
    ],
)
@pytest.mark.usefixtures("bank")
def test_what_is_wrong_stands_beside_its_field(
    dora: Browser, people: People, changes: dict[str, str], field: str
) -> None:
    order = hand_over_order(people.developer, SigningKey.generate(), **changes)
    if not order["has_copy"]:
        del order["has_copy"]

    response = dora.post("/account/own-key", **order)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_a_proof_for_another_account_hands_nothing_over(bank: Bank, dora: Browser, people: People) -> None:
    response = dora.post("/account/own-key", **hand_over_order(people.provider, SigningKey.generate()))

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["proof"]
    bank.settle()
    assert own_key_of(str(people.developer.id)) is None


def test_what_another_s_key_signed_or_nobody_s_is_not_sent(bank: Bank, dora: Browser, people: People) -> None:
    for person in (people.developer, people.stranger):
        bank.give(person, 10)
    bank.owns(people.developer)
    foreign = bank.owns(people.stranger)
    text = asked_to_sign(move(dora, "deposit", amount="5"))
    others = text.replace(str(people.developer.id), str(people.stranger.id))
    before = OutboxOperation.objects.count()

    for signed in (
        foreign.sign(text.encode(), signing.OPERATION),
        foreign.sign(others.encode(), signing.OPERATION),
        SigningKey.generate().sign(text.encode(), signing.OPERATION),
        text,
        "nonsense",
        "",
    ):
        response = dora.post("/money/signed", text=text, operation=signed)
        assert response.status_code == 422
        assert response.context["form"].errors
        assert asked_to_sign(response) == text
    assert OutboxOperation.objects.count() == before


def test_an_altered_page_shows_what_it_was_given_and_harms_nobody(bank: Bank, dora: Browser) -> None:
    del bank
    response = dora.post("/money/signed", text="<script>alert(1)</script>", operation="x")

    assert response.status_code == 422
    assert "<script>alert" not in response.content.decode()


def test_nobody_signs_or_withdraws_for_others(bank: Bank, people: People, dora: Browser, paul: Browser) -> None:
    bank.give(people.developer, 10)
    bank.owns(people.developer)
    move(dora, "payout", amount="4", note="DE02 1203")
    request = GovernedRequest.objects.get()

    assert paul.get(f"/money/requests/{request.id}/sign").status_code == 404
    assert paul.post(f"/money/requests/{request.id}/withdraw").status_code == 404
    assert dora.post(f"/money/requests/{uuid4()}/withdraw").status_code == 404
    request.refresh_from_db()
    assert request.state == RequestState.OPENING
