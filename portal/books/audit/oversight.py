"""What administrators watch: the last audit, what waits for the recorder, and what was set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.books.audit.reconcile import Reconciliation
from portal.books.models import Audit
from portal.outbox import queries
from portal.outbox.models import OutboxOperation
from portal.outbox.queries import Backlog

#: The auditor compares each minute; after so long in silence nobody can say that the books are right.
STALE_AFTER = timedelta(minutes=5)
#: The recorder takes up to a thousand operations at once, many times a second: what waits longer waits for something.
SLOW_AFTER = timedelta(minutes=1)
_MOST_LISTED = 20
_FEW = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Oversight:
    """How ledger, recorder and read model do, as an administrator is told."""

    #: None: nothing was compared yet.
    audit: Audit | None
    #: The last comparison is too old to say that the books are right now.
    is_stale: bool
    backlog: Backlog
    #: Since when the oldest operation waits that may be sent now.
    waits_since: datetime | None
    is_slow: bool
    #: The oldest of those set aside, each with its reason.
    set_aside: Sequence[OutboxOperation]

    @property
    def is_clean(self) -> bool:
        """Whether the last comparison found no difference at all."""
        return self.audit is not None and not (self.audit.drift_micro or self.audit.differing_count)

    @property
    def is_well(self) -> bool:
        """Whether an administrator has nothing to do."""
        return self.is_clean and not (self.is_stale or self.is_slow or self.backlog.set_aside)


def note(found: Reconciliation, *, now: datetime) -> None:
    """Keep what a comparison found, for those who look."""
    accounts = [account_id for account_id, _ in found.differing_accounts[:_FEW]]
    columns = {
        "at": now,
        "block_number": found.block,
        "key_count": found.keys,
        "drift_micro": found.drift_micro,
        "supply_drift_micro": found.supply_drift_micro,
        "differing_count": len(found.differing_keys) + len(found.differing_accounts),
        "differing": [*found.differing_keys[:_FEW], *accounts],
    }
    Audit.objects.update_or_create(id=1, defaults=columns)


def oversight(now: datetime) -> Oversight:
    """Return how everything does."""
    audit = Audit.objects.filter(id=1).first()
    waits_since = queries.waits_since(now)
    return Oversight(
        audit=audit,
        is_stale=audit is None or audit.at < now - STALE_AFTER,
        backlog=queries.backlog(),
        waits_since=waits_since,
        is_slow=waits_since is not None and waits_since < now - SLOW_AFTER,
        set_aside=queries.set_aside(_MOST_LISTED),
    )
