"""What pages and the API read of the ledger."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from portal.accounts.models import Account
from portal.books import queries, statement
from portal.books.models import Balance
from portal.outbox import queries as outbox
from portal.providers.models import Provider
from tests.support.outbox.market import CREDIT, ManualClock, Market

pytestmark = pytest.mark.django_db
NOBODY = UUID(int=1)


@pytest.fixture
def market(clock: ManualClock) -> Market:
    """A market whose provider's owner has an account."""
    market = Market(clock=clock)
    owner = Account.objects.create(id=market.owner_id, username="alice", email="alice@example.org")
    Provider.objects.create(
        id=market.provider_id, owner=owner, name="pc", queue_secret=uuid4().hex, enrolled_at=datetime.now(UTC)
    )
    return market


@pytest.fixture
def job_id(market: Market, work: Callable[[], None]) -> str:
    market.opens()
    work()
    job_id = market.runs()[0]
    work()
    return job_id


def test_a_balance_says_what_new_jobs_may_cost(job_id: str, market: Market) -> None:
    assert job_id
    Balance.objects.filter(account_id=str(market.developer_id)).update(reserved_micro=8 * CREDIT)

    balance = queries.balance(market.developer_id)

    assert (balance.available_micro, balance.deposit_micro, balance.held_micro) == (0, 588 * CREDIT, 0)
    assert balance.free_micro == 580 * CREDIT
    assert queries.balance(NOBODY) == queries.AccountBalance(account_id=str(NOBODY))


def test_a_statement_tells_each_side_its_movements_newest_first(job_id: str, market: Market) -> None:
    developer = statement.statement(market.developer_id)
    provider = statement.statement(market.owner_id)

    assert [(line.kind, line.amount_micro, line.moved_micro) for line in developer] == [
        ("spent", -12 * CREDIT, 12 * CREDIT),
        ("deposited", 0, 600 * CREDIT),
        ("minted", 600 * CREDIT, 600 * CREDIT),
    ]
    assert [(line.kind, line.amount_micro, line.reference) for line in provider] == [("earned", 11_400_000, job_id)]
    assert statement.statement(NOBODY) == []


def test_the_lines_of_a_statement_add_up_to_the_balance(job_id: str, market: Market, work: Callable[[], None]) -> None:
    assert job_id
    market.runs(3, run_ms=777)
    work()

    for account_id in (market.developer_id, market.owner_id):
        balance = queries.balance(account_id)
        total = balance.available_micro + balance.deposit_micro + balance.held_micro
        assert sum(line.amount_micro for line in statement.statement(account_id)) == total


def test_a_statement_is_read_page_by_page(job_id: str, market: Market) -> None:
    assert job_id
    first = statement.statement(market.developer_id, limit=2)
    second = statement.statement(market.developer_id, before=first[-1].id, limit=2)

    assert [line.kind for line in (*first, *second)] == ["spent", "deposited", "minted"]


def test_a_job_is_shown_with_all_that_happened_to_it(job_id: str) -> None:
    job = queries.job(job_id)

    assert job is not None
    assert (job.state, job.record["cost_micro"], job.record["payment_done"]) == ("settled", 12 * CREDIT, True)
    assert [event.name for event in job.events] == ["job.created.v1", "job.receipted.v1", "job.settled.v1"]
    assert {event.block_number for event in job.events} == {2}
    assert queries.job("unknown") is None


def test_blocks_and_transactions_are_shown_with_their_content(job_id: str) -> None:
    newest, middle, first = queries.latest_blocks()
    assert (newest.number, newest.operation_count, newest.previous_hash) == (2, 3, middle.hash)
    assert [block.number for block in queries.latest_blocks(before=2, limit=1)] == [1]

    detail = queries.block(2)
    assert detail is not None
    (listed,) = detail.transactions
    transaction = queries.transaction(listed.id)

    assert transaction is not None
    assert transaction.transaction == listed
    assert (listed.block_id, listed.position, listed.operation_count) == (2, 0, 3)
    assert [(item.operation_id, item.state) for item in transaction.operations] == [
        (f"job.create:{job_id}", "committed"),
        (f"job.receipt:{job_id}", "committed"),
        (f"job.confirm:{job_id}", "committed"),
    ]
    assert len(transaction.events) == 3
    assert first.number == 0
    assert queries.block(99) is None
    assert queries.transaction(uuid4().hex) is None
    assert outbox.operation("unknown") is None
