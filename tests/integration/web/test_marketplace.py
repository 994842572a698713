"""Machines, money, ledger and administration, by hand."""

import re
from collections.abc import Callable

import pytest

from portal.accounts.models import Account, Role
from portal.governance.models import GovernedRequest
from portal.invocations.models import Job
from portal.outbox.models import OutboxOperation
from portal.providers.models import Provider, ProviderState
from portal.providers.testing import InMemoryBrokerAdmin
from tests.integration.web.conftest import Browser
from tests.support.people import NOW, People


def test_a_new_machine_gets_a_code_and_the_two_commands_to_type(paul: Browser) -> None:
    text = paul.post("/new-machine", name="desk pc").content.decode()

    assert re.search(r"chainfaas-agent enroll https://localhost:8443 [0-9A-Z-]{20,}", text)
    assert "chainfaas-agent run" in text
    assert "desk pc" in paul.text("/providers")


def test_a_machine_s_name_is_checked(paul: Browser) -> None:
    response = paul.post("/new-machine", name="<script>")

    assert response.status_code == 422
    assert "letters, digits" in response.content.decode()


def test_a_machine_s_page_shows_what_its_jobs_earned(paul: Browser, settled_job: Job, provider: Provider) -> None:
    text = paul.text(f"/providers/{provider.id}")

    assert f"/ledger/jobs/{settled_job.id}" in text
    assert "11.4 credits" in text
    assert "Earned in all: <strong>11.4 credits</strong>" in paul.text("/providers")


def test_a_revoked_machine_is_out_for_good(
    paul: Browser, provider: Provider, broker_users: InMemoryBrokerAdmin
) -> None:
    done = paul.post(f"/providers/{provider.id}/revoke")

    assert "is revoked" in paul.messages(done)[0]
    provider.refresh_from_db()
    assert provider.state == ProviderState.REVOKED
    assert broker_users.granted() == set()
    assert "Revoke" not in re.sub(r"Revoked", "", paul.text(f"/providers/{provider.id}"))


@pytest.mark.usefixtures("settled_job")
def test_money_shows_balance_and_every_movement(dora: Browser, paul: Browser) -> None:
    text = dora.text("/money")

    assert "588 <small>credits</small>" in text
    assert "\N{MINUS SIGN}12<" in text
    assert "Moved 600 to the deposit" in text
    assert "+600" in text
    assert "+11.4" in paul.text("/money")


@pytest.mark.usefixtures("settled_job")
def test_credits_move_to_the_deposit_once_however_often_the_form_is_sent(paul: Browser, people: People) -> None:
    form = paul.get("/money").context["forms"]["deposit"]
    fields = {"amount": "1.5", "move_id": str(form["move_id"].value())}

    first, again = paul.post("/money/deposit", **fields), paul.post("/money/deposit", **fields)

    assert paul.messages(first)[0].startswith("1.5 credits on the way")
    assert again.status_code == 302
    (operation,) = OutboxOperation.objects.filter(subject=str(people.provider.id), kind="account.deposit")
    assert operation.state == "pending"
    assert "1 change of yours is on the way to the ledger" in paul.text("/money")


@pytest.mark.parametrize("amount", ["11.400001", "0", "-1", "", "NaN", "1e3", "9999999999"])
@pytest.mark.usefixtures("settled_job")
def test_what_is_not_there_cannot_be_moved(paul: Browser, amount: str) -> None:
    form = paul.get("/money").context["forms"]["deposit"]

    response = paul.post("/money/deposit", amount=amount, move_id=str(form["move_id"].value()))

    assert response.status_code == 422
    assert response.context["forms"]["deposit"].errors["amount"]
    assert not OutboxOperation.objects.filter(state="pending").exists()


def test_the_ledger_is_walked_from_block_to_record(dora: Browser, settled_job: Job) -> None:
    block = re.search(r'href="(/ledger/blocks/\d+)"', dora.text("/ledger"))
    assert block is not None
    transaction = re.search(r'href="(/ledger/transactions/[^"]+)"', dora.text(block[1]))
    assert transaction is not None
    assert f"/ledger/jobs/{settled_job.id}" in dora.text(transaction[1])

    record = dora.text(f"/ledger/jobs/{settled_job.id}")

    assert "12 credits" in record
    assert "job.settled.v1" in record


def test_an_invocation_shows_times_result_and_log_to_its_developer(dora: Browser, settled_job: Job) -> None:
    text = dora.text(f"/invocations/{settled_job.invocation_id}")

    assert "T_bil" in text
    assert "what the function wrote &lt;b&gt;" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "secret ticket" not in text


@pytest.mark.usefixtures("controller_keys")
def test_an_administrator_decides_on_roles_and_tops_up(browser: Callable[[Account], Browser], people: People) -> None:
    ada, mallory = browser(people.administrator), browser(people.stranger)
    mallory.post("/account/roles", role="peer")
    grant = people.stranger.roles.get(role=Role.PEER)

    assert "mallory" in ada.text("/administration")
    assert ada.messages(ada.post(f"/administration/roles/{grant.id}", decision="approve")) == [
        "mallory: peer approved."
    ]
    assert people.stranger.has_role(Role.PEER)
    again = ada.post(f"/administration/roles/{grant.id}", decision="refuse")
    assert ada.messages(again) == ["This request was decided before."]

    order = {
        "username": "dora",
        "amount": "12.5",
        "reference": "invoice-17",
        "note": "bank",
        "move_id": "11111111-1111-4111-8111-111111111111",
    }
    assert "12.5 credits for dora" in ada.messages(ada.post("/administration/top-up", **order))[0]
    ada.messages(ada.post("/administration/top-up", **order))
    assert GovernedRequest.objects.get().state == "approved_once"
    assert not OutboxOperation.objects.exists()
    changed = ada.post("/administration/top-up", **order | {"amount": "13"})
    assert "changed or decided meanwhile" in ada.messages(changed)[0]
    unknown = ada.post("/administration/top-up", **order | {"username": "nobody"})
    assert "no account of this name" in unknown.content.decode()


def test_the_overview_counts_what_is_online(
    browser: Callable[[Account], Browser], people: People, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    Provider.objects.filter(id=provider.id).update(last_seen_at=NOW, price_nano_per_ms=9)
    ada = browser(people.administrator)

    assert "1 <small>of 1</small>" in ada.text("/administration")
    assert "They ask 9 nano/ms" in ada.text("/administration")
    assert "attic" in ada.text("/administration/providers")
