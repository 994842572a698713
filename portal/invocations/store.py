"""The scheduler's store in Django's database: `scheduler.store.ports.JobStore`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from portal.books.read_model.reservations import lock_balances
from portal.functions.models import FunctionVersion
from portal.invocations import open_work, operations, placing, progress
from portal.invocations.models import Job
from portal.moments import moment
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.providers.models import Provider, ProviderState
from scheduler.errors import StoreUnavailable, TermSuperseded
from scheduler.specs import ProviderSpec, VersionSpec
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
from scheduler.store.ports import SeenProvider, TakeOver
from wire.messages import InvocationReply

SCHEDULER = "scheduler"

#: Changes of one kind are made together, by the scheduler's term. In this order, which is the one in which they follow
#: each other in the life of an invocation.
_MAKERS: dict[type[Any], Callable[[Sequence[Any], int], Sequence[Verdict]]] = {
    StoreInvocation: lambda changes, _: placing.store_invocations(changes),
    FailJob: lambda changes, _: progress.fail_jobs(changes),
    PlaceJob: lambda changes, term: placing.place_jobs(changes, term=term),
    AcceptJob: lambda changes, _: progress.accept_jobs(changes),
    StartJob: lambda changes, _: progress.start_jobs(changes),
    FinishJob: lambda changes, _: progress.finish_jobs(changes),
    EndInvocation: lambda changes, _: progress.end_invocations(changes),
}
_ORDER = tuple(_MAKERS)


class DjangoStore:
    """Jobs and invocations in the database; every write holds the scheduler's term."""

    def take_over(self, *, now_ms: int) -> TakeOver:
        with _reachable(), transaction.atomic():
            term = leadership.take_over(SCHEDULER, now=moment(now_ms))
            return TakeOver(
                term=term, jobs=open_work.jobs(), invocations=open_work.invocations(), seen=open_work.seen_providers()
            )

    def version(self, version_id: UUID) -> VersionSpec | None:
        with _reachable():
            found = FunctionVersion.objects.filter(id=version_id).select_related("function").first()
            return _version(found) if found else None

    def providers(self) -> Sequence[ProviderSpec]:
        fields = ("id", "owner_id", "signing_key_pem", "queue_secret")
        with _reachable():
            rows = Provider.objects.filter(state=ProviderState.ACTIVE).values_list(*fields)
            return [
                ProviderSpec(provider_id=id_, owner_id=owner_id, signing_key_pem=pem, queue_secret=secret)
                for id_, owner_id, pem, secret in rows
            ]

    def apply(self, term: int, changes: Sequence[Change]) -> Sequence[Verdict]:
        verdicts: dict[int, Verdict] = {}
        with self._writing(term):
            lock_balances(str(change.version.developer_id) for change in changes if isinstance(change, PlaceJob))
            for group in groups(changes):
                for kind, make in _MAKERS.items():
                    positions = [position for position in group if type(changes[position]) is kind]
                    made = make([changes[position] for position in positions], term) if positions else []
                    verdicts |= dict(zip(positions, made, strict=True))
        return [verdicts[position] for position in range(len(changes))]

    def job_invocation(self, job_id: str) -> UUID | None:
        with _reachable():
            return Job.objects.filter(id=job_id).values_list("invocation_id", flat=True).first()

    def outcome(self, invocation_id: UUID) -> InvocationReply | None:
        with _reachable():
            return open_work.outcome(invocation_id)

    def seen(self, term: int, providers: Sequence[SeenProvider]) -> None:
        with self._writing(term):
            for item in providers:
                provider = Provider.objects.filter(id=item.provider_id)
                provider.update(last_seen_at=moment(item.seen_at_ms), **asdict(item.report))

    def clean_up(self, term: int, *, now_ms: int) -> int:
        with self._writing(term):
            return operations.delete_expired_results(moment(now_ms))

    @contextmanager
    def _writing(self, term: int) -> Iterator[None]:
        """Hold the term in a database transaction."""
        try:
            with _reachable(), leadership.held(SCHEDULER, term):
                yield
        except Superseded as error:
            raise TermSuperseded(str(error)) from error


def groups(changes: Sequence[Change]) -> Iterator[list[int]]:
    """Part changes into groups in which `_ORDER` keeps the order of each invocation's own changes.

    Different invocations do not care in which order their changes are made.
    """
    group: list[int] = []
    latest: dict[UUID, int] = {}
    for position, change in enumerate(changes):
        rank, subject = _ORDER.index(type(change)), _invocation_of(change)
        if rank <= latest.get(subject, -1):
            yield group
            group, latest = [], {}
        group.append(position)
        latest[subject] = rank
    yield group


def _invocation_of(change: Change) -> UUID:
    if isinstance(change, StoreInvocation):
        return UUID(change.request.invocation_id)
    if isinstance(change, AcceptJob | StartJob | FailJob):
        return UUID(hex=change.job_id.partition("-")[0])
    return change.invocation_id


def _version(row: FunctionVersion) -> VersionSpec:
    return VersionSpec(
        version_id=row.id,
        function_id=row.function_id,
        developer_id=row.function.owner_id,
        image=row.image,
        architecture=row.architecture,
        mode=row.mode,
        limits=row.limits,
        environment=tuple(sorted((str(name), str(value)) for name, value in row.environment.items())),
        price_ceiling_nano_per_ms=row.price_ceiling_nano_per_ms,
        budget_micro_per_day=row.budget_micro_per_day,
    )


@contextmanager
def _reachable() -> Iterator[None]:
    """Say `StoreUnavailable` when the database cannot be reached, and connect anew the next time."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if not connection.in_atomic_block:
            connection.close()
        raise StoreUnavailable(str(error).strip()) from error
