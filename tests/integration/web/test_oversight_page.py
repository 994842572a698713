"""The administrator's overview says how the ledger does, and what to do where it does not do well."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.accounts.models import Account
from portal.books.audit import oversight
from portal.books.audit.reconcile import Reconciliation
from portal.books.models import Audit
from portal.outbox.models import OutboxOperation, OutboxState
from tests.integration.web.conftest import Browser
from tests.support.outbox.market import CREDIT
from tests.support.people import NOW, People


@pytest.fixture
def ada(browser: Callable[[Account], Browser], people: People, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    return browser(people.administrator)


def compared(*, supply: int = 0, keys: tuple[str, ...] = (), ago: timedelta = timedelta(0)) -> None:
    found = Reconciliation(block=41, keys=120, differing_keys=keys, differing_accounts=(), supply_drift_micro=supply)
    oversight.note(found, now=NOW - ago)


def operation(state: OutboxState, *, ago: timedelta = timedelta(0), **columns: object) -> OutboxOperation:
    plain = {"kind": "account.fold", "subject": "x", "body": "{}", "created_at": NOW - ago, "state": state}
    number = OutboxOperation.objects.count()
    return OutboxOperation.objects.create(operation_id=f"account.fold:{number}", **{**plain, **columns})


def test_all_is_well(ada: Browser) -> None:
    compared()

    text = ada.text("/administration")

    assert ">well<" in text
    assert "Right: at block 41" in text
    assert "message warning" not in text


def test_a_new_comparison_takes_the_place_of_the_last(ada: Browser) -> None:
    compared(supply=-3 * CREDIT)
    compared()

    assert Audit.objects.count() == 1
    assert "Not right" not in ada.text("/administration")


def test_books_that_nobody_compares_are_said_to_be_so(ada: Browser) -> None:
    assert "Not compared yet" in ada.text("/administration")
    compared(ago=timedelta(minutes=6))

    text = ada.text("/administration")

    assert "were not compared for five minutes" in text
    assert ">look here<" in text


def test_lost_money_and_a_wrong_copy_are_told_apart(ada: Browser) -> None:
    compared(keys=("account~dora",))
    text = ada.text("/administration")
    assert "manage.py ledger rebuild" in text
    assert "account~dora" in text

    compared(supply=-3 * CREDIT)
    text = ada.text("/administration")
    assert "Money was made or lost" in text
    assert "3 credits of drift" in text


def test_what_waits_too_long_is_said_and_what_was_put_off_is_not(ada: Browser) -> None:
    compared()
    operation(OutboxState.PENDING, ago=timedelta(hours=1), due_at=NOW + timedelta(hours=1))
    assert "wait for more than a minute" not in ada.text("/administration")

    operation(OutboxState.PENDING, ago=timedelta(minutes=2))
    assert "wait for more than a minute" in ada.text("/administration")


def test_what_was_set_aside_is_sent_again_or_given_up_by_hand(ada: Browser) -> None:
    compared()
    first, second = (operation(OutboxState.SET_ASIDE, reason="raised: <KeyError>") for _ in range(2))
    text = ada.text("/administration")
    assert first.operation_id in text
    assert "&lt;KeyError&gt;" in text

    again = ada.post("/administration/set-aside/again", operation_id=first.operation_id)
    assert "goes to the ledger again" in " ".join(ada.messages(again))
    dropped = ada.post("/administration/set-aside/give-up", operation_id=second.operation_id)
    assert "Given up" in " ".join(ada.messages(dropped))

    states = dict(OutboxOperation.objects.values_list("operation_id", "state"))
    assert states == {first.operation_id: OutboxState.PENDING, second.operation_id: OutboxState.REFUSED}
    for path in ("again", "give-up"):
        gone = ada.post(f"/administration/set-aside/{path}", operation_id=second.operation_id)
        assert "not set aside any more" in " ".join(ada.messages(gone))


def test_only_administrators_touch_what_was_set_aside(dora: Browser) -> None:
    held = operation(OutboxState.SET_ASIDE)
    for path in ("again", "give-up"):
        assert dora.post(f"/administration/set-aside/{path}", operation_id=held.operation_id).status_code == 403
        assert dora.get(f"/administration/set-aside/{path}").status_code == 405
    held.refresh_from_db()
    assert held.state == OutboxState.SET_ASIDE
