"""What every store of the scheduler has to do: the one in memory and the one in the database pass the same suite."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from scheduler.errors import TermSuperseded
from scheduler.specs import VersionSpec
from scheduler.states import JobState
from scheduler.store.changes import (
    AcceptJob,
    Change,
    EndInvocation,
    FailJob,
    FinishJob,
    PlaceJob,
    StartJob,
    StoreInvocation,
    Verdict,
)
from scheduler.store.ports import JobStore, SeenProvider
from scheduler.tickets import TicketSigner
from tests.support.scheduling.marketplace import (
    MAX_COST,
    NOW_MS,
    FakeProvider,
    make_finish,
    make_place,
    make_request,
    make_signer,
    make_version,
)
from wire.messages import InvocationRequest, MachineReport
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason


class Inside(Protocol):
    """What the suite asks of a store that the port does not say."""

    @property
    def store(self) -> JobStore: ...
    def add(self, version: VersionSpec, provider: FakeProvider, *, deposit: int) -> None: ...
    def job_state(self, job_id: str) -> JobState: ...
    def kept_receipt(self, job_id: str) -> str: ...
    def outbox(self) -> list[str]: ...
    def spendable(self, version: VersionSpec) -> int: ...
    def spent_today(self, version: VersionSpec) -> int: ...


@dataclass
class Bench:
    """A store that was taken over, with one version and one provider in it."""

    inside: Inside
    version: VersionSpec = field(default_factory=make_version)
    provider: FakeProvider = field(default_factory=FakeProvider)
    signer: TicketSigner = field(default_factory=make_signer)
    term: int = 0

    def __post_init__(self) -> None:
        self.inside.add(self.version, self.provider, deposit=3 * MAX_COST)
        self.term = self.store.take_over(now_ms=NOW_MS).term

    @property
    def store(self) -> JobStore:
        return self.inside.store

    def apply(self, *changes: Change) -> list[Verdict]:
        return list(self.store.apply(self.term, changes))

    def place(self, request: InvocationRequest, attempt: int = 1, version: VersionSpec | None = None) -> PlaceJob:
        return make_place(self.signer, request, version or self.version, self.provider, attempt)

    def placed(self, **changes: object) -> PlaceJob:
        """Store an invocation and place its first job."""
        request = make_request(self.version, **changes)
        place = self.place(request)
        assert self.apply(StoreInvocation(request=request, input_digest="d" * 64), place) == [Verdict.DONE] * 2
        return place

    def lose(self, place: PlaceJob) -> FailJob:
        return FailJob(job_id=place.job_id, state=JobState.LOST, at_ms=NOW_MS + 9)


class StoreContract:
    @pytest.fixture
    def bench(self, inside: Inside) -> Bench:
        return Bench(inside)

    def test_what_is_enrolled_and_published_is_known(self, bench: Bench) -> None:
        assert bench.store.version(bench.version.version_id) == bench.version
        assert bench.store.version(uuid4()) is None
        assert list(bench.store.providers()) == [bench.provider.spec]

    def test_a_job_goes_all_the_way(self, bench: Bench) -> None:
        place = bench.placed()
        job = place.job_id

        verdicts = bench.apply(
            AcceptJob(job_id=job, at_ms=NOW_MS + 1),
            StartJob(job_id=job, at_ms=NOW_MS + 2, pull_ms=1),
            make_finish(place, bench.provider),
        )

        assert verdicts == [Verdict.DONE] * 3
        assert bench.inside.job_state(job) is JobState.FINISHED
        assert bench.inside.outbox() == [f"job.create:{job}", f"job.receipt:{job}", f"job.confirm:{job}"]
        outcome = bench.store.outcome(place.invocation_id)
        assert outcome is not None
        assert (outcome.reason, outcome.output, outcome.cost_micro) == (None, b"answer", 40)
        assert bench.inside.spent_today(bench.version) == 40

    def test_a_functions_own_error_is_paid_and_told(self, bench: Bench) -> None:
        place = bench.placed()

        assert bench.apply(make_finish(place, bench.provider, ExitState.FUNCTION_ERROR)) == [Verdict.DONE]

        outcome = bench.store.outcome(place.invocation_id)
        assert outcome is not None
        assert (outcome.reason, outcome.output) == (Reason.FUNCTION_ERROR, b"")
        assert f"job.confirm:{place.job_id}" in bench.inside.outbox()

    def test_the_same_changes_twice_change_nothing(self, bench: Bench) -> None:
        request = make_request(bench.version)
        store, place = StoreInvocation(request=request, input_digest="d" * 64), bench.place(request)
        finish = make_finish(place, bench.provider)
        bench.apply(store, place)
        assert bench.apply(store, place) == [Verdict.REPEATED, Verdict.REPEATED]
        bench.apply(finish)
        before = bench.inside.outbox()

        assert bench.apply(store, place, finish) == [Verdict.REPEATED, Verdict.MOVED_ON, Verdict.REPEATED]

        assert bench.inside.outbox() == before
        assert bench.inside.spent_today(bench.version) == 40

    def test_the_same_change_twice_in_one_transaction_changes_once(self, bench: Bench) -> None:
        place = bench.placed()
        accept = AcceptJob(job_id=place.job_id, at_ms=NOW_MS)
        finish = make_finish(place, bench.provider)

        verdicts = bench.apply(accept, accept, finish, finish)

        assert verdicts == [Verdict.DONE, Verdict.REPEATED, Verdict.DONE, Verdict.REPEATED]

    def test_another_result_for_a_finished_job_changes_nothing(self, bench: Bench) -> None:
        place = bench.placed()
        bench.apply(make_finish(place, bench.provider))

        other = make_finish(place, bench.provider, output=b"other", output_digest="f" * 64)

        assert bench.apply(other) == [Verdict.MOVED_ON]
        outcome = bench.store.outcome(place.invocation_id)
        assert outcome is not None
        assert outcome.output == b"answer"

    def test_an_invocation_has_one_open_job_at_most(self, bench: Bench) -> None:
        request = make_request(bench.version)
        bench.apply(StoreInvocation(request=request, input_digest="d" * 64), bench.place(request))

        assert bench.apply(bench.place(request, attempt=2)) == [Verdict.MOVED_ON]

    def test_a_lost_job_and_its_successor_are_one_commit(self, bench: Bench) -> None:
        request = make_request(bench.version)
        first, second = bench.place(request), bench.place(request, attempt=2)
        bench.apply(StoreInvocation(request=request, input_digest="d" * 64), first)

        assert bench.apply(bench.lose(first), second) == [Verdict.DONE] * 2

        supersede, create = f"job.supersede:{first.job_id}", f"job.create:{second.job_id}"
        assert bench.inside.outbox() == [f"job.create:{first.job_id}", supersede, create]
        assert bench.inside.spent_today(bench.version) == MAX_COST

    def test_the_result_of_a_replaced_job_is_kept_and_not_delivered(self, bench: Bench) -> None:
        place = bench.placed()
        bench.apply(bench.lose(place))
        late = make_finish(place, bench.provider)

        assert bench.apply(late) == [Verdict.MOVED_ON]

        assert bench.inside.job_state(place.job_id) is JobState.LOST
        assert bench.inside.kept_receipt(place.job_id) == late.receipt
        assert bench.store.outcome(place.invocation_id) is None
        assert f"job.receipt:{place.job_id}" not in bench.inside.outbox()

    def test_a_providers_fault_hands_its_receipt_to_the_ledger(self, bench: Bench) -> None:
        place = bench.placed()
        receipt = bench.provider.receipt(place.ticket, exit_state=ExitState.REFUSED)
        failure = FailJob(
            job_id=place.job_id,
            state=JobState.FAILED,
            at_ms=NOW_MS,
            receipt=receipt,
            exit_state=ExitState.REFUSED,
            refusal=RefusalReason.DRAINING,
        )

        assert bench.apply(failure) == [Verdict.DONE]
        assert bench.apply(failure) == [Verdict.REPEATED]

        assert bench.inside.outbox()[1:] == [f"job.receipt:{place.job_id}", f"job.supersede:{place.job_id}"]
        assert bench.inside.spent_today(bench.version) == 0

    def test_a_deposit_covers_what_it_covers(self, bench: Bench) -> None:
        requests = [make_request(bench.version) for _ in range(5)]
        bench.apply(*(StoreInvocation(request=request, input_digest="d" * 64) for request in requests))

        verdicts = bench.apply(*(bench.place(request) for request in requests))

        assert verdicts == [Verdict.DONE] * 3 + [Verdict.INSUFFICIENT_DEPOSIT] * 2
        assert bench.inside.spendable(bench.version) == 0
        assert bench.inside.spent_today(bench.version) == 3 * MAX_COST

    def test_a_budget_is_not_overspent(self, bench: Bench) -> None:
        thrifty = replace(bench.version, budget_micro_per_day=2 * MAX_COST)
        requests = [make_request(thrifty) for _ in range(3)]
        bench.apply(*(StoreInvocation(request=request, input_digest="d" * 64) for request in requests))

        verdicts = bench.apply(*(bench.place(request, version=thrifty) for request in requests))

        assert verdicts == [Verdict.DONE, Verdict.DONE, Verdict.BUDGET_SPENT]
        assert bench.inside.spendable(bench.version) == MAX_COST

    def test_a_job_of_nobodys_invocation_is_unknown(self, bench: Bench) -> None:
        place = bench.place(make_request(bench.version))

        assert bench.apply(place, AcceptJob(job_id=place.job_id, at_ms=NOW_MS)) == [Verdict.UNKNOWN] * 2
        assert bench.apply(make_finish(place, bench.provider)) == [Verdict.UNKNOWN]
        assert bench.apply(bench.lose(place)) == [Verdict.UNKNOWN]
        assert bench.store.job_invocation(place.job_id) is None

    def test_an_invocation_ends_once(self, bench: Bench) -> None:
        request = make_request(bench.version)
        invocation_id = UUID(request.invocation_id)
        end = EndInvocation(invocation_id=invocation_id, reason=Reason.NO_PROVIDER, at_ms=NOW_MS)
        other = replace(end, reason=Reason.INTERNAL)

        verdicts = bench.apply(StoreInvocation(request=request, input_digest="d" * 64), end, end, other)

        assert verdicts == [Verdict.DONE, Verdict.DONE, Verdict.REPEATED, Verdict.MOVED_ON]
        assert bench.apply(bench.place(request)) == [Verdict.MOVED_ON]
        outcome = bench.store.outcome(invocation_id)
        assert outcome is not None
        assert outcome.reason is Reason.NO_PROVIDER

    def test_an_invocation_that_ends_gives_up_its_open_job(self, bench: Bench) -> None:
        place = bench.placed()

        bench.apply(EndInvocation(invocation_id=place.invocation_id, reason=Reason.INTERNAL, at_ms=NOW_MS))

        assert bench.inside.job_state(place.job_id) is JobState.LOST
        assert bench.inside.outbox()[1:] == [f"job.supersede:{place.job_id}"]

    def test_progress_never_goes_back(self, bench: Bench) -> None:
        place = bench.placed()
        start = StartJob(job_id=place.job_id, at_ms=NOW_MS, pull_ms=0)

        assert bench.apply(start) == [Verdict.DONE]
        assert bench.apply(AcceptJob(job_id=place.job_id, at_ms=NOW_MS)) == [Verdict.MOVED_ON]
        assert bench.inside.job_state(place.job_id) is JobState.STARTED

    @pytest.mark.parametrize(
        "write",
        [
            lambda store, term: store.apply(term, []),
            lambda store, term: store.seen(term, []),
            lambda store, term: store.clean_up(term, now_ms=NOW_MS),
        ],
        ids=["apply", "seen", "clean_up"],
    )
    def test_an_older_term_writes_nothing(self, bench: Bench, write: Callable[[JobStore, int], object]) -> None:
        bench.store.take_over(now_ms=NOW_MS)

        with pytest.raises(TermSuperseded):
            write(bench.store, bench.term)

    def test_a_superseded_result_changes_nothing(self, bench: Bench) -> None:
        place = bench.placed()
        bench.store.take_over(now_ms=NOW_MS)

        with pytest.raises(TermSuperseded):
            bench.apply(make_finish(place, bench.provider))

        assert bench.inside.job_state(place.job_id) is JobState.PLACED

    def test_who_takes_over_learns_what_is_open(self, bench: Bench) -> None:
        running, ended = bench.placed(), bench.placed()
        waiting = make_request(bench.version, caller_id=None, input=b"\x00\xff")
        bench.apply(
            AcceptJob(job_id=running.job_id, at_ms=NOW_MS),
            make_finish(ended, bench.provider),
            StoreInvocation(request=waiting, input_digest="d" * 64),
        )

        start = bench.store.take_over(now_ms=NOW_MS + 1)

        assert start.term == bench.term + 1
        assert [(job.job_id, job.state, job.ticket) for job in start.jobs] == [
            (running.job_id, JobState.ACCEPTED, running.ticket)
        ]
        pending = {item.request.invocation_id: item for item in start.invocations}
        assert set(pending) == {str(running.invocation_id), waiting.invocation_id}
        assert pending[str(running.invocation_id)].tried == (bench.provider.id,)
        assert pending[waiting.invocation_id].request == waiting
        assert bench.store.job_invocation(ended.job_id) == ended.invocation_id

    def test_what_heartbeats_said_is_stored(self, bench: Bench) -> None:
        report = MachineReport.of(bench.provider.heartbeat(free_slots=1))
        seen = SeenProvider(provider_id=bench.provider.id, seen_at_ms=NOW_MS, report=report)

        bench.store.seen(bench.term, [seen])

        assert bench.store.take_over(now_ms=NOW_MS).seen == (seen,)

    def test_two_jobs_of_one_provider_do_not_touch_each_other(self, bench: Bench) -> None:
        one, two = bench.placed(), bench.placed()
        finishes: list[FinishJob] = [make_finish(one, bench.provider), make_finish(two, bench.provider)]

        assert bench.apply(*finishes) == [Verdict.DONE] * 2
        assert bench.inside.spent_today(bench.version) == 80
