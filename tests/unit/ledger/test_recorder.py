import pytest

from portal.ledger.follower import Follower
from portal.ledger.models import Balance, LedgerJob, OutboxOperation, OutboxState
from portal.ledger.recorder import Recorder
from tests.support.outbox_market import CREDIT, Market

pytestmark = pytest.mark.django_db


def test_a_job_is_recorded_and_paid(recorder: Recorder, follower: Follower, market: Market) -> None:
    market.opens()
    job_id = market.runs()[0]

    assert recorder.step()
    assert follower.step()

    assert set(OutboxOperation.objects.values_list("state", "reason")) == {(OutboxState.COMMITTED, "")}
    job = LedgerJob.objects.get(id=job_id)
    assert (job.state, job.billed_ms, job.cost_micro, job.payment_done) == ("settled", 12_000, 12 * CREDIT, True)
    balances = {row.account_id: row.available_micro + row.deposit_micro for row in Balance.objects.all()}
    assert balances == {
        str(market.developer_id): 588 * CREDIT,
        str(market.owner_id): 11_400_000,
        "platform": 240_000,
        "peers": 360_000,
    }
    assert not recorder.step()
    assert not follower.step()
