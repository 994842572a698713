"""Whatever happens to an invocation, in whatever order: the store in memory and the one in the database agree."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.books.models import Balance
from portal.invocations.store import DjangoStore
from scheduler.states import OPEN_JOB_STATES, InvocationState, JobState
from scheduler.store.changes import AcceptJob, Change, EndInvocation, FailJob, PlaceJob, StartJob, StoreInvocation
from scheduler.store.testing import InMemoryStore
from tests.integration.invocations.test_store_in_database import InsideDatabase
from tests.support.scheduling.marketplace import NOW_MS, make_finish, make_request
from tests.support.scheduling.store_contract import Bench
from wire.outcomes import ExitState
from wire.problems import Reason

pytestmark = pytest.mark.django_db

#: What can happen to the n-th job of an invocation.
Happening = Callable[[Bench, PlaceJob], Change]
HAPPENINGS: dict[str, Happening] = {
    "place": lambda _, place: place,
    "accept": lambda _, place: AcceptJob(job_id=place.job_id, at_ms=NOW_MS),
    "start": lambda _, place: StartJob(job_id=place.job_id, at_ms=NOW_MS, pull_ms=0),
    "finish": lambda bench, place: make_finish(place, bench.provider),
    "error": lambda bench, place: make_finish(place, bench.provider, ExitState.TIMED_OUT, output_digest="e" * 64),
    "lose": lambda bench, place: bench.lose(place),
    "fail": lambda _, place: FailJob(job_id=place.job_id, state=JobState.FAILED, at_ms=NOW_MS),
    "fault": lambda bench, place: FailJob(
        job_id=place.job_id,
        state=JobState.FAILED,
        at_ms=NOW_MS,
        receipt=bench.provider.receipt(place.ticket, exit_state=ExitState.CRASHED),
        exit_state=ExitState.CRASHED,
    ),
    "end": lambda _, place: EndInvocation(invocation_id=place.invocation_id, reason=Reason.INTERNAL, at_ms=NOW_MS),
}
lives = st.lists(
    st.lists(st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.integers(1, 3)), min_size=1, max_size=6), max_size=6
)


@pytest.fixture
def bench() -> Bench:
    bench = Bench(InsideDatabase())
    Balance.objects.update(deposit_micro=10**12)
    return bench


@given(batches=lives)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_both_stores_give_the_same_verdicts_and_end_in_the_same_states(
    bench: Bench, batches: list[list[tuple[str, int]]]
) -> None:
    database, memory = DjangoStore(), _in_memory(bench)
    request = make_request(bench.version)
    places = {attempt: bench.place(request, attempt) for attempt in (1, 2, 3)}
    store = StoreInvocation(request=request, input_digest="d" * 64)
    happened: list[list[Change]] = [[store]]
    happened += [[HAPPENINGS[name](bench, places[attempt]) for name, attempt in life] for life in batches]
    for changes in happened:
        assert database.apply(bench.term, changes) == memory.apply(memory.term, changes)

    states = {place.job_id: memory.jobs[place.job_id].state for place in places.values() if place.job_id in memory.jobs}
    assert {job_id: bench.inside.job_state(job_id) for job_id in states} == states
    assert database.outcome(places[1].invocation_id) == memory.outcome(places[1].invocation_id)
    assert [item for item in bench.inside.outbox() if item.partition(":")[2] in states] == memory.outbox
    _check_invariants(memory, places[1])


def _check_invariants(memory: InMemoryStore, first: PlaceJob) -> None:
    """Whatever happened: one open job at most, one finished at most, and none open once the invocation has ended."""
    states = [job.state for job in memory.jobs.values()]
    is_pending = memory.invocations[first.invocation_id].state is InvocationState.PENDING
    assert sum(state in OPEN_JOB_STATES for state in states) <= (1 if is_pending else 0)
    assert states.count(JobState.FINISHED) <= 1
    created = [item for item in memory.outbox if item.startswith("job.create:")]
    released = {item.partition(":")[2] for item in memory.outbox if item.startswith(("job.receipt:", "job.supersede:"))}
    assert len(created) == len(states)
    assert len(released) == sum(state not in OPEN_JOB_STATES for state in states)


def _in_memory(bench: Bench) -> InMemoryStore:
    memory = InMemoryStore()
    memory.versions[bench.version.version_id] = bench.version
    memory.enrolled[bench.provider.id] = bench.provider.spec
    memory.deposits[bench.version.developer_id] = 10**12
    memory.take_over(now_ms=NOW_MS)
    return memory
