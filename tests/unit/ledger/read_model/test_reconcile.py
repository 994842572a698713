"""The reconciler finds what was tampered with, and nothing else."""

from collections.abc import Callable

import pytest

from ledger.testing import InMemoryLedger
from portal.books.audit.reconcile import Reconciliation, StillMoving, confirm, survey
from portal.books.models import Balance, Reservation, WorldState
from portal.ledgerd.auditor import Auditor
from portal.ledgerd.metrics import LedgerMetrics
from portal.outbox.recorder import Recorder
from tests.support.outbox.market import Market
from wire.ledger import state_keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def settled(work: Callable[[], None], ledger: InMemoryLedger, market: Market) -> InMemoryLedger:
    market.opens()
    market.runs(2)
    market.creates()
    work()
    return ledger


def reconcile(ledger: InMemoryLedger) -> Reconciliation:
    return confirm(ledger, survey(ledger), tries=1, wait=lambda: None)


def test_nothing_differs_after_ordinary_work(settled: InMemoryLedger) -> None:
    found = reconcile(settled)

    assert found.is_clean
    assert (found.drift_micro, found.block) == (0, 1)
    assert found.keys == WorldState.objects.count()


def test_a_tampered_balance_is_found(settled: InMemoryLedger, market: Market) -> None:
    account_id = str(market.developer_id)
    Balance.objects.filter(account_id=account_id).update(deposit_micro=1)

    found = reconcile(settled)

    assert found.differing_accounts == ((account_id, 555_999_999),)
    assert found.drift_micro == 555_999_999


@pytest.mark.parametrize("change", ["changed", "missing", "superfluous"])
def test_a_tampered_row_of_the_world_state_is_found(settled: InMemoryLedger, market: Market, change: str) -> None:
    key = state_keys.provider(str(market.provider_id))
    if change == "changed":
        WorldState.objects.filter(key=key).update(value="{}")
    elif change == "missing":
        WorldState.objects.filter(key=key).delete()
    else:
        key = "account~nobody"
        WorldState.objects.create(key=key, value="{}")

    found = reconcile(settled)

    assert found.differing_keys == (key,)
    assert not found.is_clean


def test_a_reserved_part_without_reservations_is_found(settled: InMemoryLedger, market: Market) -> None:
    account_id = str(market.developer_id)
    Reservation.objects.create(job_id="open", account_id=account_id, amount_micro=10)
    Balance.objects.filter(account_id=account_id).update(reserved_micro=17)

    assert reconcile(settled).differing_accounts == ((account_id, 7),)


def test_money_that_nobody_minted_is_found(settled: InMemoryLedger) -> None:
    settled._state[state_keys.account("forger")] = '{"available":5,"deposit":0,"held":0}'

    assert reconcile(settled).supply_drift_micro == 5


def test_what_only_looked_different_because_blocks_came_in_is_not_reported(
    work: Callable[[], None], recorder: Recorder, ledger: InMemoryLedger, market: Market
) -> None:
    market.opens()
    recorder.step()
    surveyed = survey(ledger)
    assert surveyed.suspect_keys

    with pytest.raises(StillMoving):
        confirm(ledger, surveyed, tries=3, wait=lambda: None)
    work()

    assert confirm(ledger, surveyed, tries=1, wait=lambda: None).is_clean


def test_a_state_that_has_the_newest_block_a_moment_later_is_not_reported(settled: InMemoryLedger) -> None:
    key, whole = state_keys.supply(), settled.get(state_keys.supply())
    assert whole is not None
    settled._state[key] = whole.replace("0", "1")
    surveyed = survey(settled)
    assert surveyed.suspect_keys == (key,)

    def wait() -> None:
        settled._state[key] = whole

    found = confirm(settled, surveyed, tries=1, wait=wait)

    assert found.differing_keys == ()


def test_the_auditor_measures_drift_and_raises_the_alarm(
    settled: InMemoryLedger, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = LedgerMetrics()
    auditor = Auditor(ledger=settled, metrics=metrics)
    Balance.objects.filter(account_id=str(market.owner_id)).update(available_micro=0)
    auditor._surveyed = survey(settled)

    assert auditor.step()
    assert not auditor.step()

    assert metrics.registry.get_sample_value("chainfaas_ledger_drift_micro") == 22_800_000
    assert "ledger.drift" in [record.getMessage() for record in caplog.records]
