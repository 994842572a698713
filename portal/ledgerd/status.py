"""How far recorder and follower are, and what waits or is set aside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger.ports import LedgerReader
from portal.books.audit.reconcile import position
from portal.books.read_model import rebuilding
from portal.outbox import queries
from portal.outbox.leadership import RECORDER
from portal.outbox.models import Leadership, OutboxState

_MOST_LISTED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Where everything stands."""

    ledger_block: int
    read_model_block: int
    #: Of the recorder in charge, and since when; none when there never was one.
    term: int
    in_charge_since: datetime | None
    #: The step of a rebuild that is under way or was cut short; empty when the read model is whole.
    rebuilding: str
    #: Operations by state.
    operations: Mapping[str, int]
    #: The oldest of those that wait for the administrator, each with its reason.
    set_aside: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing waits for the administrator, and the read model is whole."""
        return not self.set_aside and not self.rebuilding

    def lines(self) -> Iterator[tuple[str, object]]:
        """Yield what people are shown."""
        yield "ledger_block", self.ledger_block
        yield "read_model_block", self.read_model_block
        if self.rebuilding:
            yield "rebuild not done", f"{self.rebuilding}: run `manage.py ledger rebuild`"
        yield "recorder_term", self.term
        yield "in_charge_since", self.in_charge_since.isoformat() if self.in_charge_since else "never"
        for state in OutboxState:
            yield f"operations {state.value}", self.operations.get(state.value, 0)
        for item in self.set_aside:
            yield "set aside", item


def status_of(ledger: LedgerReader) -> Status:
    """Return where everything stands."""
    leader = Leadership.objects.filter(name=RECORDER).first()
    return Status(
        ledger_block=ledger.height - 1,
        read_model_block=position(),
        term=leader.term if leader else 0,
        in_charge_since=leader.taken_at if leader else None,
        rebuilding=rebuilding.under_way(),
        operations=queries.counts_by_state(),
        set_aside=tuple(f"{row.operation_id}: {row.reason}" for row in queries.set_aside(_MOST_LISTED)),
    )
