"""The store in Django's database does what every store does; run on SQLite and on PostgreSQL."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts.models import Account
from portal.books.models import Balance, Reservation
from portal.functions.models import Function, FunctionVersion
from portal.invocations import operations, progress
from portal.invocations.models import DailySpending, Invocation, Job, Result
from portal.invocations.store import DjangoStore
from portal.moments import moment
from portal.outbox.models import OutboxOperation
from portal.providers.models import Provider
from scheduler.specs import VersionSpec
from scheduler.states import InvocationState, JobState
from scheduler.store.changes import StoreInvocation, Verdict
from tests.support.scheduling.marketplace import MAX_COST, NOW_MS, FakeProvider, make_finish, make_request
from tests.support.scheduling.store_contract import Bench, StoreContract
from wire.problems import Reason

pytestmark = pytest.mark.django_db


class InsideDatabase:
    def __init__(self) -> None:
        self.store = DjangoStore()

    def add(self, version: VersionSpec, provider: FakeProvider, *, deposit: int) -> None:
        now = timezone.now()
        alice = Account.objects.create(id=version.developer_id, username="alice", email="alice@example.org")
        bob = Account.objects.create(id=provider.spec.owner_id, username="bob", email="bob@example.org")
        function = Function.objects.create(id=version.function_id, owner=alice, name="demo", created_at=now)
        limits = version.limits
        FunctionVersion.objects.create(
            id=version.version_id,
            function=function,
            number=1,
            image_link="localhost:5000/demo:1",
            image=version.image,
            image_bytes=1,
            architecture=version.architecture,
            memory_mb=limits.memory_mb,
            cpu_millis=limits.cpu_millis,
            timeout_ms=limits.timeout_ms,
            processes=limits.processes,
            input_bytes=limits.input_bytes,
            output_bytes=limits.output_bytes,
            price_ceiling_nano_per_ms=version.price_ceiling_nano_per_ms,
            budget_micro_per_day=version.budget_micro_per_day,
            created_at=now,
        )
        Provider.objects.create(
            id=provider.id,
            owner=bob,
            name="desk",
            signing_key_pem=provider.spec.signing_key_pem,
            signing_key_id=provider.key.public.key_id,
            sealing_key="",
            certificate_pem="",
            queue_secret=provider.spec.queue_secret,
            enrolled_at=now,
        )
        Balance.objects.create(account_id=str(alice.id), deposit_micro=deposit)

    def job_state(self, job_id: str) -> JobState:
        return JobState(Job.objects.get(id=job_id).state)

    def kept_receipt(self, job_id: str) -> str:
        return Job.objects.get(id=job_id).receipt

    def outbox(self) -> list[str]:
        return list(OutboxOperation.objects.order_by("id").values_list("operation_id", flat=True))

    def spendable(self, version: VersionSpec) -> int:
        balance = Balance.objects.get(account_id=str(version.developer_id))
        return balance.deposit_micro - balance.reserved_micro

    def spent_today(self, version: VersionSpec) -> int:
        return DailySpending.objects.get(function_id=version.function_id).spent_micro


@pytest.fixture
def inside() -> InsideDatabase:
    return InsideDatabase()


class TestDjangoStore(StoreContract):
    pass


@pytest.fixture
def bench(inside: InsideDatabase) -> Bench:
    return Bench(inside)


def test_an_invocation_moves_to_its_end_once_and_who_moved_it_learns_that(bench: Bench) -> None:
    place, at = bench.placed(), timezone.now()

    moved = [progress.end(place.invocation_id, reason=reason, at=at) for reason in (None, Reason.TIMED_OUT, None)]

    invocation = Invocation.objects.get()
    assert moved == [True, False, False]
    assert (invocation.state, invocation.reason, invocation.ended_at) == (InvocationState.SUCCEEDED, "", at)
    assert invocation.input is None


def test_a_placed_job_reserves_what_it_may_cost(bench: Bench) -> None:
    place = bench.placed()

    reservation = Reservation.objects.get()
    assert (reservation.job_id, reservation.amount_micro) == (place.job_id, MAX_COST)
    assert reservation.account_id == str(bench.version.developer_id)


def test_the_input_is_dropped_when_the_invocation_has_ended(bench: Bench) -> None:
    place = bench.placed()
    assert bytes(Invocation.objects.get().input or b"") == b"question"

    bench.apply(make_finish(place, bench.provider))

    assert Invocation.objects.get().input is None
    assert Job.objects.get().ticket == ""


def test_a_result_is_deleted_when_it_has_expired_and_no_other(bench: Bench) -> None:
    for _ in range(3):
        bench.apply(make_finish(bench.placed(), bench.provider))
    first, second, third = Result.objects.order_by("invocation_id")
    ends_at = first.expires_at.replace(microsecond=0)
    for result, seconds in ((first, 0), (second, -60), (third, 60)):
        Result.objects.filter(invocation_id=result.invocation_id).update(
            expires_at=ends_at + timedelta(seconds=seconds)
        )
    end_ms = int(ends_at.timestamp() * 1000)

    assert bench.store.clean_up(bench.term, now_ms=end_ms - 60_001) == 0
    assert bench.store.clean_up(bench.term, now_ms=end_ms) == 2

    assert [result.invocation_id for result in Result.objects.all()] == [third.invocation_id]


def test_so_many_results_that_have_expired_are_deleted_at_once_and_the_oldest_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_AT_ONCE", 1)
    for _ in range(2):
        bench.apply(make_finish(bench.placed(), bench.provider))
    newer = Result.objects.order_by("-expires_at").first()
    assert newer is not None
    later_ms = int(newer.expires_at.timestamp() * 1000) + 1_000

    assert bench.store.clean_up(bench.term, now_ms=later_ms) == 1
    assert [result.invocation_id for result in Result.objects.all()] == [newer.invocation_id]
    assert bench.store.clean_up(bench.term, now_ms=later_ms) == 1
    assert bench.store.clean_up(bench.term, now_ms=later_ms) == 0


def test_a_revoked_provider_is_none_of_the_providers(bench: Bench) -> None:
    assert [spec.provider_id for spec in bench.store.providers()] == [bench.provider.id]

    Provider.objects.update(state="revoked")

    assert list(bench.store.providers()) == []


def test_a_batch_of_many_invocations_is_made_with_few_statements(
    bench: Bench, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    Balance.objects.update(deposit_micro=100 * MAX_COST)
    requests = [make_request(bench.version) for _ in range(50)]
    changes = [
        change
        for request in requests
        for change in (StoreInvocation(request=request, input_digest="d" * 64), bench.place(request))
    ]

    with django_assert_max_num_queries(20):  # type: ignore[operator]
        verdicts = bench.apply(*changes)

    assert verdicts == [Verdict.DONE] * 100


def test_moments_keep_their_milliseconds() -> None:
    assert round(moment(NOW_MS + 7).timestamp() * 1000) == NOW_MS + 7
